// DATA chunks as a peer writes them that keeps to no rules, and what the process holds because of
// them.
#pragma once

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "dataplane/packet/sctp.h"

namespace sdg::test {

struct RawData {
    static constexpr uint8_t kEnd = 1;  // flags
    static constexpr uint8_t kBegin = 2;
    static constexpr uint8_t kUnordered = 4;
    static constexpr size_t kHeader = 16;

    uint32_t ahead = 1;  // of the last TSN that the peer's SCTP has used
    uint16_t stream = 0;
    uint16_t sequence = 0;
    uint8_t flags = kBegin | kEnd;
    size_t octets = 1;

    [[nodiscard]] size_t padded() const { return (kHeader + octets + 3) & ~size_t{3}; }
};

// last_tsn: that the peer's SCTP has used. The content is zeros.
inline void append(std::vector<uint8_t>& packet, const RawData& data, uint32_t last_tsn) {
    const size_t at = packet.size();
    packet.resize(at + data.padded());
    uint8_t* chunk = packet.data() + at;
    chunk[0] = packet::kChunkData;
    chunk[1] = data.flags;
    packet::store_be16(chunk + 2, static_cast<uint16_t>(RawData::kHeader + data.octets));
    packet::store_be32(chunk + 4, last_tsn + data.ahead);
    packet::store_be16(chunk + 8, data.stream);
    packet::store_be16(chunk + 10, data.sequence);
    packet::store_be32(chunk + 12, 60);
}

// What the process has allocated; a sanitizer's allocator says 0.
inline size_t allocated() {
    const auto info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

}  // namespace sdg::test
