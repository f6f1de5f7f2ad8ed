// Sealing and opening of DTLS records in bursts (RFC 9147, section 4; record form of
// draft-ietf-tsvwg-sctp-dtls-chunk, section "DTLS Chunk").
//
// One RecordEngine per thread; nothing in it is shared. seal_burst() and open_burst() work in place
// and neither allocate, lock, log nor call the system. Contexts of one burst may be mixed freely;
// requests of one context are worked off in the order given, and several requests may name the same
// context.
//
// A record in memory:   record     record + 3                     + content  + 1 + dtls_padding
//                       | header 3 | content, in place            | 23       | zeros | tag 16 |
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/record/aead.h"
#include "dataplane/record/architecture.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"
#include "foundation/result.h"

namespace sdg::record {

inline constexpr uint32_t kRecordHeader = 3;       // octets: 001CSLEE and 16 bits of number
inline constexpr uint32_t kMaxContent = 1U << 14;  // octets
inline constexpr uint32_t kMaxDtlsPadding = 239;   // octets: a record's 2^14 + 256 less 1 less tag
inline constexpr uint8_t kContentTypeApplicationData = 23;
// Content type octet and tag.
inline constexpr uint32_t kMinRecord = kRecordHeader + 1 + kTagLength;
inline constexpr uint32_t kMaxRecord = kRecordHeader + kMaxContent + 256;
inline constexpr uint32_t kMaxBurst = 64;  // requests worked off together; more are split

[[nodiscard]] constexpr uint32_t record_length(uint32_t content_length, uint32_t dtls_padding = 0) {
    return kRecordHeader + content_length + 1 + dtls_padding + kTagLength;
}

enum class SealOutcome : uint8_t {
    sealed,
    too_long,    // content or padding beyond the maximum, or no room for the record
    seal_limit,  // the key has sealed all the records it may
    failed,      // the cipher library refused (a mistake of ours); the number is spent
};

enum class OpenOutcome : uint8_t {
    opened,
    malformed,    // too short, too long, or a header other than the context's
    open_limit,   // the key has seen all the failures it may: no record is tried any more
    replayed,     // number seen before or behind the window
    forged,       // does not authenticate; counted in v
    bad_content,  // authentic, but no content or a content type other than application data
};

[[nodiscard]] std::string_view name(SealOutcome outcome);
[[nodiscard]] std::string_view name(OpenOutcome outcome);

struct SealRequest {
    SealContext* context = nullptr;
    uint8_t* record = nullptr;    // where the header goes; the content is at record + 3
    uint32_t content_length = 0;  // octets, 1 .. kMaxContent
    uint32_t dtls_padding = 0;    // octets of zero inside the encryption, 0 .. kMaxDtlsPadding
    uint32_t room = 0;            // octets that may be written from record on
    // Answers.
    uint32_t record_length = 0;  // octets, when sealed
    SealOutcome outcome = SealOutcome::too_long;
};

struct OpenRequest {
    OpenContext* context = nullptr;
    uint8_t* record = nullptr;   // header first; opened in place
    uint32_t record_length = 0;  // octets
    // Answers. The content is at record + content_offset. Unless opened, the octets of the record
    // are undefined afterwards and must not be looked at.
    uint32_t content_offset = kRecordHeader;
    uint32_t content_length = 0;  // octets, when opened
    uint64_t sequence = 0;        // when opened or bad_content
    OpenOutcome outcome = OpenOutcome::malformed;
};

class RecordEngine {
 public:
    // aead: computes the AEAD of all keys that are not for IPsec-MB's direct calls; null:
    // IPsec-MB's job queue, of the given architecture, which is also that of the record-number
    // masks. Errors: unavailable (architecture not on this processor), resource_exhausted.
    [[nodiscard]] static Result<std::unique_ptr<RecordEngine>> create(
        Architecture architecture = Architecture::best, std::unique_ptr<AeadBatch> aead = nullptr);
    ~RecordEngine();
    RecordEngine(const RecordEngine&) = delete;
    RecordEngine& operator=(const RecordEngine&) = delete;

    // Requests that are sealed take consecutive numbers of their context in the order given; one
    // that is too long or meets the limit takes none and leaves the record as it was.
    void seal_burst(std::span<SealRequest> requests);

    // The replay window moves only for records that have authenticated. Of two copies of one record
    // in a burst the first is opened and the second replayed. Full numbers are rebuilt from what
    // had been accepted before the burst.
    void open_burst(std::span<OpenRequest> requests);

 private:
    struct Scratch;
    RecordEngine();

    // Whether the masks of a burst are computed one by one (number_mask.h says when and why).
    template <class Request>
    static bool masks_singly(std::span<Request> requests);
    // Steps of the bursts, see seal_burst.cpp and open_burst.cpp.
    void prepare(SealRequest& request, AeadJob& job);
    uint32_t take_samples(std::span<OpenRequest> requests);
    void prepare(OpenRequest& request, uint32_t mask, AeadJob& job);
    static OpenOutcome admit(const OpenRequest& request);
    static void give_verdict(OpenRequest& request, bool authentic);

    std::unique_ptr<Scratch> scratch_;
};

}  // namespace sdg::record
