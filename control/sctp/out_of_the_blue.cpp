#include "control/sctp/out_of_the_blue.h"

#include "dataplane/packet/code_points.h"

namespace sdg::sctp {

std::optional<OutOfTheBlueAnswer> answer_out_of_the_blue(std::span<const uint8_t> packet) {
    packet::ChunkCursor chunks = packet::chunks_of(packet);
    uint8_t answer = packet::kChunkAbort;
    bool first = true;
    while (const auto chunk = chunks.next()) {
        switch (chunk->type) {
            // Rules 2, 3 and 6, 7: never answered. (Any ERROR is taken for a Stale Cookie.)
            case packet::kChunkAbort:
            case packet::kChunkInit:
            case packet::kChunkInitAck:
            case packet::kChunkShutdownComplete:
            case packet::kChunkCookieAck:
            case packet::kChunkError:
                return std::nullopt;
            case packet::kChunkShutdownAck:
                if (first) {
                    answer = packet::kChunkShutdownComplete;  // rule 5
                }
                break;
            default:
                break;
        }
        first = false;
    }
    const packet::CommonHeader header = packet::read_common_header(packet.data());
    OutOfTheBlueAnswer out;
    packet::write_common_header(
        out.octets_.data(), {header.destination_port, header.source_port, header.verification_tag});
    uint8_t* chunk = out.octets_.data() + packet::kCommonHeader;
    chunk[0] = answer;
    chunk[1] = packet::kAbortFlagTagReflected;  // SHUTDOWN COMPLETE has the same T bit
    packet::store_be16(chunk + 2, packet::kChunkHeader);
    return out;
}

}  // namespace sdg::sctp
