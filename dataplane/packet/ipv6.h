// IPv6 header (RFC 8200): hop-by-hop, routing and destination options are stepped over, a fragment
// header is refused. At most kMaxIpv6Extensions are followed, so the work per packet is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/drop_reason.h"
#include "dataplane/packet/ipv4.h"

namespace sdg::packet {

inline constexpr size_t kIpv6Header = 40;
inline constexpr size_t kIpv6SourceOffset = 8;
inline constexpr size_t kIpv6DestinationOffset = 24;
inline constexpr unsigned kMaxIpv6Extensions = 8;
inline constexpr uint8_t kIpv6HopByHop = 0;
inline constexpr uint8_t kIpv6Routing = 43;
inline constexpr uint8_t kIpv6Fragment = 44;
inline constexpr uint8_t kIpv6DestinationOptions = 60;

// packet: from the IPv6 header to the end of the frame. reason: none, ipv6_malformed (also: a
// jumbogram, a routing header with segments left, more extension headers than we follow) or
// ip_fragment.
[[nodiscard]] inline IpHeader parse_ipv6(std::span<const uint8_t> packet) {
    IpHeader header;
    const auto malformed = [&header] {
        header.reason = DropReason::ipv6_malformed;
        return header;
    };
    const uint8_t* at = packet.data();
    if (packet.size() < kIpv6Header || (at[0] >> 4) != 6) {
        return malformed();
    }
    const size_t end = kIpv6Header + load_be16(at + 4);
    if (end > packet.size()) {
        return malformed();
    }
    uint8_t next = at[6];
    size_t offset = kIpv6Header;
    for (unsigned followed = 0;; ++followed) {
        if (next != kIpv6HopByHop && next != kIpv6Routing && next != kIpv6Fragment &&
            next != kIpv6DestinationOptions) [[likely]] {
            break;
        }
        if (followed == kMaxIpv6Extensions || end - offset < 8) {
            return malformed();
        }
        if (next == kIpv6Fragment) {
            header.reason = DropReason::ip_fragment;
            return header;
        }
        // RFC 8200, 4.1: hop-by-hop options come right after the header or not at all.
        if (next == kIpv6HopByHop && followed != 0) {
            return malformed();
        }
        // Segments left: the destination in the header is not the last one; we forward nothing.
        if (next == kIpv6Routing && at[offset + 3] != 0) {
            return malformed();
        }
        const size_t length = (size_t{at[offset + 1]} + 1) * 8;
        if (length > end - offset) {
            return malformed();
        }
        next = at[offset];
        offset += length;
    }
    header.protocol = next;
    header.header_length = static_cast<uint16_t>(offset);
    header.payload_length = static_cast<uint16_t>(end - offset);
    return header;
}

}  // namespace sdg::packet
