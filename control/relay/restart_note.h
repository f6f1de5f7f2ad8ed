// What is stored beside the restart keys of a leg, so that the pair it belonged to can be put
// together again: AssociationDescription::attachment.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "control/sctp/addressing.h"
#include "foundation/result.h"

namespace sdg::relay {

struct RestartNote {
    bool accepted = false;  // the stored leg is the accepted one of its pair
    std::string listener;   // names in the configuration
    std::string backend;
    sctp::FourTuple other;  // of the pair's other leg
    bool other_is_protected = false;
    friend bool operator==(const RestartNote&, const RestartNote&) = default;
};

[[nodiscard]] std::vector<uint8_t> encode(const RestartNote& note);
// corrupt, naming the part.
[[nodiscard]] Result<RestartNote> decode_restart_note(std::span<const uint8_t> octets);

}  // namespace sdg::relay
