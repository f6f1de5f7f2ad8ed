// Whom packets and connections of an address are counted to, where each source gets a share only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "foundation/ip_address.h"

namespace sdg {

// An IPv4 address is a source, and so is an IPv6 /64: what is behind its prefix anybody there
// chooses freely. Pure.
[[nodiscard]] inline IpAddress source_network(IpAddress address) {
    constexpr size_t kPrefix = 8;
    if (address.family == IpAddress::Family::v6) {
        std::fill(address.octets.begin() + kPrefix, address.octets.end(), uint8_t{0});
    }
    return address;
}

}  // namespace sdg
