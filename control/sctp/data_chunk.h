// What the SCTP host has to know of DATA and I-DATA chunks.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/packet/sctp.h"

namespace sdg::sctp {

// nullopt: no DATA or I-DATA chunk, or too short for one.
[[nodiscard]] inline std::optional<uint32_t> tsn_of(const packet::ChunkView& chunk) {
    const bool data = chunk.type == packet::kChunkData || chunk.type == packet::kChunkIData;
    if (!data || chunk.value.size() < sizeof(uint32_t)) {
        return std::nullopt;
    }
    return packet::load_be32(chunk.value.data());
}

}  // namespace sdg::sctp
