// The DTLS chunk around a record (draft-ietf-tsvwg-sctp-dtls-chunk, section "DTLS Chunk").
//
//   0x41 (8) | flags (8) | chunk length (16) | pre-padding, one zero octet | record | zeros to 4
//
// Functions over octets, no state, any thread. Lengths are octets.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "dataplane/record/record.h"

namespace sdg::record {

inline constexpr uint32_t kChunkHeader = 4;
inline constexpr uint32_t kPrePadding = 1;
// From the chunk's first octet to the record, and to its content (32-bit aligned with the chunk).
inline constexpr uint32_t kRecordOffset = kChunkHeader + kPrePadding;
inline constexpr uint32_t kContentOffset = kRecordOffset + kRecordHeader;
static_assert(kContentOffset == 8);

// What protection adds to a packet, post-padding included: 25 .. 28 by the content's length.
inline constexpr uint32_t kMinOverhead = kContentOffset + 1 + kTagLength;
inline constexpr uint32_t kMaxOverhead = kMinOverhead + 3;
// Chunks of SCTP are multiples of 4, so this is what their path MTU must leave free.
[[nodiscard]] constexpr uint32_t padded_to_4(uint32_t length) {
    return (length + 3) & ~uint32_t{3};
}
[[nodiscard]] constexpr uint32_t dtls_chunk_length(uint32_t content_length,
                                                   uint32_t dtls_padding = 0) {
    return padded_to_4(kRecordOffset + record_length(content_length, dtls_padding));
}

enum class DtlsChunkError : uint8_t {
    wrong_type,       // not a DTLS chunk
    too_short,        // no room for header, record header, content type and tag
    length_mismatch,  // the length field contradicts the octets given
    header_form,      // first octet of the record other than 001 C=0 S=1 L=0
    too_long,         // the record exceeds 2^14 + 256 octets
};
[[nodiscard]] std::string_view description(DtlsChunkError error);

struct DtlsChunkView {
    std::span<uint8_t> record;  // header, ciphertext and tag; no padding
    bool restart = false;       // R
    uint8_t epoch_low = 0;      // low two bits of the epoch
};

// chunk: from the chunk type to the end of the packet; its post-padding may be missing. The
// reserved flags, the pre-padding and the post-padding are ignored, as the draft wants it.
[[nodiscard]] tl::expected<DtlsChunkView, DtlsChunkError> parse_dtls_chunk(
    std::span<uint8_t> chunk);

// Writes chunk header, pre-padding and post-padding around the record that is already at chunk +
// kRecordOffset, and returns the length of the whole chunk, post-padding included. The caller has
// that much room: padded_to_4(kRecordOffset + record_length).
uint32_t write_dtls_chunk(uint8_t* chunk, bool restart, uint32_t record_length);

}  // namespace sdg::record
