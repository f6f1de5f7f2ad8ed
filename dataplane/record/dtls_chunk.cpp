#include "dataplane/record/dtls_chunk.h"

#include <algorithm>

#include "dataplane/packet/code_points.h"

namespace sdg::record {
namespace {

// 001 C S L EE with C=0, S=1, L=0.
constexpr uint8_t kHeaderFormMask = 0xfc;
constexpr uint8_t kHeaderForm = 0x28;
constexpr uint8_t kEpochMask = 0x03;

}  // namespace

std::string_view description(DtlsChunkError error) {
    switch (error) {
        case DtlsChunkError::wrong_type:
            return "not a DTLS chunk";
        case DtlsChunkError::too_short:
            return "no room for the record's header, content type and tag";
        case DtlsChunkError::length_mismatch:
            return "chunk length contradicts the octets there are";
        case DtlsChunkError::header_form:
            return "record header other than 001 C=0 S=1 L=0";
        case DtlsChunkError::too_long:
            return "record longer than 2^14 + 256 octets";
    }
    return "unknown";
}

tl::expected<DtlsChunkView, DtlsChunkError> parse_dtls_chunk(std::span<uint8_t> chunk) {
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

uint32_t write_dtls_chunk(uint8_t* chunk, bool restart, uint32_t record_length) {
    const uint32_t length = kRecordOffset + record_length;
    chunk[0] = packet::kChunkDtls;
    chunk[1] = restart ? packet::kDtlsFlagRestart : uint8_t{0};
    chunk[2] = static_cast<uint8_t>(length >> 8);
    chunk[3] = static_cast<uint8_t>(length);
    chunk[4] = 0;
    const uint32_t padded = padded_to_4(length);
    std::fill(chunk + length, chunk + padded, uint8_t{0});
    return padded;
}

}  // namespace sdg::record
