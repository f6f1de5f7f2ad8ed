// Bounds how far ahead of what has been acknowledged a peer's DATA may be.
//
// usrsctp refuses what is beyond the window only above the highest TSN that it has: a peer that
// sends the last of 4,096 TSNs first may fill in all the others, forty times a window of 256 KiB.
// usrsctp takes 256 octets from the window for every chunk that waits, so a peer that keeps to its
// window is never further ahead than the buffer has room for such chunks; a packet with a DATA
// chunk beyond that is not given to usrsctp.
//
// Control thread. An association that is restarted begins anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "control/sctp/data_chunk.h"

namespace sdg::sctp {

class ReceiveWindow {
 public:
    // receive_buffer: octets.
    explicit ReceiveWindow(uint32_t receive_buffer)
        : chunks_(receive_buffer / kOverhead + kUnacknowledged) {}

    // packet: a whole SCTP packet of the association, as usrsctp gives it away.
    void on_sent(std::span<const uint8_t> packet) {
        auto cursor = packet::chunks_of(packet);
        while (const auto chunk = cursor.next()) {
            if (chunk->type == packet::kChunkSack && chunk->value.size() >= sizeof(uint32_t)) {
                acknowledged_ = packet::load_be32(chunk->value.data());
                has_acknowledged_ = true;
            }
        }
    }
    // packet: of the peer, its chunks checked.
    [[nodiscard]] bool admits(std::span<const uint8_t> packet) const {
        if (!has_acknowledged_) {
            return true;
        }
        auto cursor = packet::chunks_of(packet);
        while (const auto chunk = cursor.next()) {
            const auto tsn = tsn_of(*chunk);
            if (!tsn) {
                continue;
            }
            const auto ahead = static_cast<int32_t>(*tsn - acknowledged_);
            if (ahead > 0 && static_cast<uint32_t>(ahead) > chunks_) {
                return false;
            }
        }
        return true;
    }
    void restart() { has_acknowledged_ = false; }

 private:
    static constexpr uint32_t kOverhead = 256;  // octets a chunk: usrsctp's MSIZE
    // Chunks that may have come in order since the last SACK: two packets of the smallest.
    static constexpr uint32_t kUnacknowledged = 256;

    uint32_t chunks_;
    bool has_acknowledged_ = false;
    uint32_t acknowledged_ = 0;  // cumulative TSN
};

}  // namespace sdg::sctp
