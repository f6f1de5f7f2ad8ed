// ICMP and ICMPv6 as far as a host must answer: echo (RFC 792, RFC 4443) and neighbour discovery
// (RFC 4861: solicitation and advertisement).
//
// Functions over octets, no state, any thread. A message is the IP payload.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/port/neighbour_table.h"
#include "foundation/ip_address.h"

namespace sdg::port {

inline constexpr uint8_t kNdHopLimit = 255;
// Target, and the option with the link address.
inline constexpr size_t kNeighbourMessage = 32;

// Internet checksum of an ICMPv6 message with its pseudo header (RFC 8200, 8.1): 0 when intact.
[[nodiscard]] uint16_t icmp6_checksum(const IpAddress& source, const IpAddress& destination,
                                      std::span<const uint8_t> message);

// Turns an intact echo request into its reply in place. False: not one, or its checksum is wrong.
[[nodiscard]] bool turn_echo_request(std::span<uint8_t> message);
// Same for ICMPv6; source and destination are the request's, and the reply goes from reply_source
// (differs when the request came to a multicast address) back to source.
[[nodiscard]] bool turn_echo_request6(const IpAddress& source, const IpAddress& destination,
                                      const IpAddress& reply_source, std::span<uint8_t> message);

struct NeighbourMessage {
    bool solicitation = false;  // else an advertisement
    bool router = false;        // R, S and O of an advertisement
    bool solicited = false;
    bool override = false;
    IpAddress target;
    // Source link address of a solicitation, target link address of an advertisement.
    std::optional<MacAddress> link_address;
};

// All checks of RFC 4861, 7.1.1 and 7.1.2: hop limit, checksum, code, lengths, options, target, and
// what may come from the unspecified address. Nothing when one fails or it is another message.
[[nodiscard]] std::optional<NeighbourMessage> parse_neighbour_message(
    const IpAddress& source, const IpAddress& destination, uint8_t hop_limit,
    std::span<const uint8_t> message);
// Writes kNeighbourMessage octets (less 8 without a link address) with checksum; returns how many.
size_t write_neighbour_message(const NeighbourMessage& message, const IpAddress& source,
                               const IpAddress& destination,
                               std::span<uint8_t, kNeighbourMessage> out);

[[nodiscard]] IpAddress all_nodes();                                   // ff02::1
[[nodiscard]] IpAddress solicited_node(const IpAddress& target);       // ff02::1:ffXX:XXXX
[[nodiscard]] MacAddress multicast_mac(const IpAddress& destination);  // 33:33:... (RFC 2464)

}  // namespace sdg::port
