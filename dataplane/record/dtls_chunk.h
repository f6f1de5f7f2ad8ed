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

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/code_points.h"
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

// 001 C S L EE with C=0, S=1, L=0.
inline constexpr uint8_t kHeaderFormMask = 0xfc;
inline constexpr uint8_t kHeaderForm = 0x28;
inline constexpr uint8_t kEpochMask = 0x03;

struct DtlsChunkView {
    std::span<uint8_t> record;  // header, ciphertext and tag; no padding
    bool restart = false;       // R
    uint8_t epoch_low = 0;      // low two bits of the epoch
};

// chunk: from the chunk type to the end of the packet; its post-padding may be missing. The
// reserved flags, the pre-padding and the post-padding are ignored, as the draft wants it.
[[nodiscard]] inline tl::expected<DtlsChunkView, DtlsChunkError> parse_dtls_chunk(
    std::span<uint8_t> chunk) {
    if (chunk.size() < kRecordOffset + kMinRecord) {
        return tl::unexpected{DtlsChunkError::too_short};
    }
    if (chunk[0] != packet::kChunkDtls) {
        return tl::unexpected{DtlsChunkError::wrong_type};
    }
    const auto length = static_cast<uint32_t>(chunk[2] << 8 | chunk[3]);
    if (length < kRecordOffset + kMinRecord) {
        return tl::unexpected{DtlsChunkError::too_short};
    }
    if (length > chunk.size() || padded_to_4(length) < chunk.size()) {
        return tl::unexpected{DtlsChunkError::length_mismatch};
    }
    if (length > kRecordOffset + kMaxRecord) {
        return tl::unexpected{DtlsChunkError::too_long};
    }
    const uint8_t header = chunk[kRecordOffset];
    if ((header & kHeaderFormMask) != kHeaderForm) {
        return tl::unexpected{DtlsChunkError::header_form};
    }
    return DtlsChunkView{chunk.subspan(kRecordOffset, length - kRecordOffset),
                         (chunk[1] & packet::kDtlsFlagRestart) != 0,
                         static_cast<uint8_t>(header & kEpochMask)};
}

// The same of a chunk that packet::check_chunks() has found to be alone and well-formed. What it
// does not look at, records longer than 2^14 + 256, RecordEngine refuses itself.
[[nodiscard]] inline DtlsChunkView view_of_checked_dtls_chunk(uint8_t* chunk) {
    const auto length = static_cast<uint32_t>(chunk[2] << 8 | chunk[3]);
    return {{chunk + kRecordOffset, length - kRecordOffset},
            (chunk[1] & packet::kDtlsFlagRestart) != 0,
            static_cast<uint8_t>(chunk[kRecordOffset] & kEpochMask)};
}

// Writes chunk header, pre-padding and post-padding around the record that is, or will be, at chunk
// + kRecordOffset, and returns the length of the whole chunk, post-padding included. The caller has
// that much room: padded_to_4(kRecordOffset + record_length).
inline uint32_t write_dtls_chunk(uint8_t* chunk, bool restart, uint32_t record_length) {
    const uint32_t length = kRecordOffset + record_length;
    const uint32_t flags = restart ? packet::kDtlsFlagRestart : 0;
    packet::store_be32(chunk, uint32_t{packet::kChunkDtls} << 24 | flags << 16 | length);
    chunk[4] = 0;
    const uint32_t padded = padded_to_4(length);
    // Not by memset, whose call costs more than all the rest.
    const uint32_t padding = padded - length;
    if ((padding & 2) != 0) {
        packet::store_be16(chunk + length, 0);
    }
    if ((padding & 1) != 0) {
        chunk[padded - 1] = 0;
    }
    return padded;
}

}  // namespace sdg::record
