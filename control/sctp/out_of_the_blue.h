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

 private:
    friend std::optional<OutOfTheBlueAnswer> answer_out_of_the_blue(std::span<const uint8_t>);
    std::array<uint8_t, packet::kCommonHeader + packet::kChunkHeader> octets_{};
};

// packet: well-formed chunks. nullopt: discard silently.
[[nodiscard]] std::optional<OutOfTheBlueAnswer> answer_out_of_the_blue(
    std::span<const uint8_t> packet);

}  // namespace sdg::sctp
