// Counts the DATA chunks that an association of usrsctp sends, and those that it sends again.
//
// usrsctp tells retransmissions of the whole process only; a chunk whose TSN is not above all TSNs
// before it (RFC 9260, section 6.2, serial number arithmetic) has been sent before. An association
// that is restarted begins with a new object. Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "control/sctp/data_chunk.h"

namespace sdg::sctp {

class SentData {
 public:
    struct Seen {
        uint32_t chunks = 0;
        uint32_t again = 0;
    };
    // packet: a whole SCTP packet of the association, as usrsctp gives it away. What it adds.
    Seen on_packet(std::span<const uint8_t> packet) {
        Seen seen;
        auto cursor = packet::chunks_of(packet);
        while (const auto chunk = cursor.next()) {
            const auto tsn = tsn_of(*chunk);
            if (!tsn) {
                continue;
            }
            ++seen.chunks;
            if (!highest_ || static_cast<int32_t>(*tsn - *highest_) > 0) {
                highest_ = tsn;
            } else {
                ++seen.again;
            }
        }
        chunks_ += seen.chunks;
        again_ += seen.again;
        return seen;
    }
    [[nodiscard]] uint64_t chunks() const { return chunks_; }
    [[nodiscard]] uint64_t again() const { return again_; }

 private:
    std::optional<uint32_t> highest_;  // TSN
    uint64_t chunks_ = 0;
    uint64_t again_ = 0;
};

}  // namespace sdg::sctp
