#include "dataplane/packet/abort.h"

namespace sdg::packet {

AbortPacket build_abort(const CommonHeader& header, bool tag_reflected,
                        std::optional<uint16_t> cause) {
    AbortPacket packet;
    uint8_t* at = packet.octets_.data();
    write_common_header(at, header);
    const size_t chunk_length = kChunkHeader + (cause ? kParameterHeader : 0);
    uint8_t* chunk = at + kCommonHeader;
    chunk[0] = kChunkAbort;
    chunk[1] = tag_reflected ? kAbortFlagTagReflected : uint8_t{0};
    store_be16(chunk + 2, static_cast<uint16_t>(chunk_length));
    if (cause) {
        store_be16(chunk + kChunkHeader, *cause);
        store_be16(chunk + kChunkHeader + 2, kParameterHeader);
    }
    packet.length_ = kCommonHeader + chunk_length;
    return packet;
}

AbortPacket build_stale_cookie(const CommonHeader& header, uint32_t microseconds) {
    AbortPacket packet;
    uint8_t* at = packet.octets_.data();
    write_common_header(at, header);
    uint8_t* chunk = at + kCommonHeader;
    uint8_t* cause = chunk + kChunkHeader;
    constexpr uint16_t kCauseLength = kParameterHeader + 4;
    chunk[0] = kChunkError;
    store_be16(chunk + 2, kChunkHeader + kCauseLength);
    store_be16(cause, kCauseStaleCookie);
    store_be16(cause + 2, kCauseLength);
    store_be32(cause + 4, microseconds);
    packet.length_ = kCommonHeader + kChunkHeader + kCauseLength;
    return packet;
}

std::optional<uint16_t> first_error_cause(std::span<const uint8_t> packet) {
    ChunkCursor chunks = chunks_of(packet);
    while (const auto chunk = chunks.next()) {
        if (chunk->type == kChunkAbort || chunk->type == kChunkError) {
            const auto cause = ParameterCursor(chunk->value).next();
            return cause ? std::optional(cause->type) : std::nullopt;
        }
    }
    return std::nullopt;
}

}  // namespace sdg::packet
