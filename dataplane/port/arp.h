// ARP for Ethernet and IPv4 (RFC 826; probes and announcements as RFC 5227 names them).
//
// Functions over octets, no state, any thread. A message is what follows the Ethernet header.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/port/neighbour_table.h"
#include "foundation/ip_address.h"

namespace sdg::port {

inline constexpr size_t kArpMessage = 28;

struct ArpMessage {
    bool request = false;  // else a reply
    MacAddress sender_mac{};
    IpAddress sender;  // 0.0.0.0 in a probe
    MacAddress target_mac{};
    IpAddress target;
};

// Nothing unless it is an Ethernet/IPv4 request or reply whose sender's link address is a unicast
// one. Link padding behind the message is ignored.
[[nodiscard]] std::optional<ArpMessage> parse_arp(std::span<const uint8_t> message);
void write_arp(const ArpMessage& message, std::span<uint8_t, kArpMessage> out);

}  // namespace sdg::port
