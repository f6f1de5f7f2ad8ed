// Link and IP headers in front of a packet that is about to leave. The mbuf's headroom holds them
// all (kHeaderRoom); no state; any thread that owns the mbuf.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <optional>

#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/port/neighbour_table.h"
#include "foundation/ip_address.h"

namespace sdg::port {

// Ethernet, VLAN tag, IPv6: what an mbuf must have free in front of an SCTP or ICMP packet.
inline constexpr size_t kHeaderRoom =
    packet::kEthernetHeader + packet::kVlanTag + packet::kIpv6Header;
static_assert(kHeaderRoom <= RTE_PKTMBUF_HEADROOM);

// One segment. The caller knows that the headroom is there: kHeaderRoom, or he has asked.
inline uint8_t* prepend(rte_mbuf* packet, size_t length) {
    packet->data_off = static_cast<uint16_t>(packet->data_off - length);
    packet->data_len = static_cast<uint16_t>(packet->data_len + length);
    packet->pkt_len = packet->data_len;
    return rte_pktmbuf_mtod(packet, uint8_t*);
}

inline constexpr uint8_t kHopLimit = 64;

// At `at`: kEthernetHeader octets, kVlanTag more with a VLAN.
inline void write_ethernet(uint8_t* at, const MacAddress& destination, const MacAddress& source,
                           std::optional<uint16_t> vlan, uint16_t ether_type) {
    std::memcpy(at, destination.data(), 6);
    std::memcpy(at + 6, source.data(), 6);
    at += 12;
    if (vlan) {
        packet::store_be16(at, packet::kEtherTypeVlan);
        packet::store_be16(at + 2, *vlan);
        at += packet::kVlanTag;
    }
    packet::store_be16(at, ether_type);
}

inline void push_ethernet(rte_mbuf* packet, const MacAddress& destination, const MacAddress& source,
                          std::optional<uint16_t> vlan, uint16_t ether_type) {
    const size_t length = packet::kEthernetHeader + (vlan ? packet::kVlanTag : 0);
    write_ethernet(prepend(packet, length), destination, source, vlan, ether_type);
    packet->l2_len = length & 0x7f;
}

// Don't-fragment set, so the identification means nothing and is 0 (RFC 6864). total: octets with
// this header. checksum false: the field is left zero for the port to fill in.
inline void write_ipv4(uint8_t* at, uint32_t total, const uint8_t* source,
                       const uint8_t* destination, uint8_t protocol, bool checksum = true) {
    constexpr uint32_t kVersionAndLength = 0x4500;
    constexpr uint32_t kDontFragment = 0x4000;
    const uint32_t life_and_protocol = uint32_t{kHopLimit} << 8 | protocol;
    packet::store_be32(at, kVersionAndLength << 16 | total);
    packet::store_be32(at + 4, kDontFragment);
    std::memcpy(at + packet::kIpv4SourceOffset, source, 4);
    std::memcpy(at + packet::kIpv4DestinationOffset, destination, 4);
    uint32_t sum = 0;
    if (checksum) {
        // From the fields: what has just been stored cannot be loaded yet in other sizes.
        const uint64_t addresses =
            uint64_t{packet::load_be32(source)} + packet::load_be32(destination);
        sum = kVersionAndLength + total + kDontFragment + life_and_protocol +
              static_cast<uint32_t>(addresses & 0xffff) +
              static_cast<uint32_t>(addresses >> 16 & 0xffff) +
              static_cast<uint32_t>(addresses >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~sum & 0xffff;
    }
    packet::store_be32(at + 8, life_and_protocol << 16 | sum);
}

inline void push_ipv4(rte_mbuf* packet, const uint8_t* source, const uint8_t* destination,
                      uint8_t protocol, bool checksum = true) {
    uint8_t* at = prepend(packet, packet::kIpv4Header);
    write_ipv4(at, rte_pktmbuf_data_len(packet), source, destination, protocol, checksum);
    packet->l3_len = packet::kIpv4Header;
}

// payload: octets behind this header.
inline void write_ipv6(uint8_t* at, uint16_t payload, const uint8_t* source,
                       const uint8_t* destination, uint8_t next_header, uint8_t hop_limit) {
    packet::store_be32(at, 0x60000000);
    packet::store_be16(at + 4, payload);
    at[6] = next_header;
    at[7] = hop_limit;
    std::memcpy(at + packet::kIpv6SourceOffset, source, 16);
    std::memcpy(at + packet::kIpv6DestinationOffset, destination, 16);
}

inline void push_ipv6(rte_mbuf* packet, const uint8_t* source, const uint8_t* destination,
                      uint8_t next_header, uint8_t hop_limit = kHopLimit) {
    const uint16_t payload = rte_pktmbuf_data_len(packet);
    write_ipv6(prepend(packet, packet::kIpv6Header), payload, source, destination, next_header,
               hop_limit);
    packet->l3_len = packet::kIpv6Header;
}

}  // namespace sdg::port
