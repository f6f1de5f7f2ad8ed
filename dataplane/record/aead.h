// The AEAD behind one batch interface: IPsec-MB's job queue in the worker's own thread (the
// default), or a DPDK crypto device (crypto_device.h).
//
// Keys that IPsec-MB has direct calls for (AES-GCM, unless a provider has taken the key) do not
// come this way: RecordEngine makes those calls itself, see seal_burst.cpp.
//
// A provider belongs to the control thread: it turns key material into what its queues need
// (sessions) and makes one AeadBatch per worker. An AeadBatch belongs to one thread. Sequence
// numbers, nonces, record-number encryption and replay windows are not its business; they stay with
// RecordEngine, whatever computes the AEAD.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/record/architecture.h"
#include "dataplane/record/key_material.h"
#include "foundation/result.h"

namespace sdg::record {

struct KeySchedule;

enum class Direction : uint8_t { seal, open };

// One record. The additional data are the kRecordHeader octets before the text, the tag is the
// kTagLength octets behind it.
struct alignas(16) AeadJob {
    std::array<uint8_t, 16> nonce;  // the first 12 octets
    const KeySchedule* keys;
    uint8_t* text;    // in place
    uint32_t length;  // octets, without the tag
    // Answer. Sealed: text is ciphertext and the tag is written. Opened: the tag was right,
    // compared in constant time; otherwise the text is undefined.
    bool fine;
};
static_assert(sizeof(AeadJob) == 48);

class AeadBatch {
 public:
    virtual ~AeadBatch() = default;
    // At most kMaxBurst jobs of any mixture of keys. Answers in the jobs; when it returns nothing
    // touches their octets any more.
    virtual void seal(std::span<AeadJob> jobs) = 0;
    virtual void open(std::span<AeadJob> jobs) = 0;
};

// IPsec-MB's job queue. Errors: unavailable (architecture not on this processor),
// resource_exhausted.
[[nodiscard]] Result<std::unique_ptr<AeadBatch>> make_ipsec_mb_aead(Architecture architecture);

// What a provider made of one direction of one key; destroyed with the key.
class AeadSession {
 public:
    virtual ~AeadSession() = default;
};

class AeadProvider {
 public:
    virtual ~AeadProvider() = default;
    // Control thread. Null when the suite is not the provider's: the key is then expanded for
    // IPsec-MB, and the provider's queues pass its records on to it. Errors: resource_exhausted.
    [[nodiscard]] virtual Result<std::unique_ptr<AeadSession>> make_session(
        const KeyMaterial& material, Direction direction) = 0;
    // Control thread, before the worker starts; the provider must outlive the queue.
    // Errors: invalid_argument (no such worker), resource_exhausted.
    [[nodiscard]] virtual Result<std::unique_ptr<AeadBatch>> make_queue(unsigned worker) = 0;
};

}  // namespace sdg::record
