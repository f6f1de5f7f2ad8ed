// How to answer a packet of no association (RFC 9260, 8.4). INIT and COOKIE ECHO are not looked at
// here: host.cpp has dealt with them. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/sctp.h"

namespace sdg::sctp {

// A packet of one chunk without a value, with the verification tag reflected.
class OutOfTheBlueAnswer {
 public:
    [[nodiscard]] std::span<const uint8_t> bytes() const { return octets_; }
    // For an association that was known until just now: its peer's tag instead of the reflected
    // one. A peer finds the key of a DTLS chunk by its own tag.
    void set_tag(uint32_t peer_tag) {
        packet::store_be32(octets_.data() + 4, peer_tag);
        octets_[packet::kCommonHeader + 1] = 0;
    }

 private:
    friend std::optional<OutOfTheBlueAnswer> answer_out_of_the_blue(std::span<const uint8_t>);
    std::array<uint8_t, packet::kCommonHeader + packet::kChunkHeader> octets_{};
};

// packet: well-formed chunks. nullopt: discard silently.
[[nodiscard]] std::optional<OutOfTheBlueAnswer> answer_out_of_the_blue(
    std::span<const uint8_t> packet);

}  // namespace sdg::sctp
