// Ethernet II header with none, one or two VLAN tags (IEEE 802.1Q, 802.1ad).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/drop_reason.h"

namespace sdg::packet {

inline constexpr size_t kEthernetHeader = 14;
inline constexpr size_t kVlanTag = 4;
inline constexpr uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr uint16_t kEtherTypeArp = 0x0806;
inline constexpr uint16_t kEtherTypeVlan = 0x8100;         // customer tag
inline constexpr uint16_t kEtherTypeServiceVlan = 0x88a8;  // service tag, outer of two
inline constexpr uint16_t kEtherTypeIpv6 = 0x86dd;
// No tag, or a priority tag: VLAN id 0 says that the frame belongs to no VLAN.
inline constexpr uint16_t kNoVlan = 0xffff;

struct EthernetHeader {
    uint16_t ether_type = 0;  // of what follows the tags
    uint16_t length = 0;      // header with tags
    uint16_t vlan = kNoVlan;  // the only or the outer tag's id
    uint16_t inner_vlan = kNoVlan;
    DropReason reason = DropReason::none;  // none or ethernet_truncated
};

// Three tags are left as an unknown ether type for the caller to refuse.
[[nodiscard]] inline EthernetHeader parse_ethernet(std::span<const uint8_t> frame) {
    EthernetHeader header;
    if (frame.size() < kEthernetHeader) {
        header.reason = DropReason::ethernet_truncated;
        return header;
    }
    header.ether_type = load_be16(frame.data() + 12);
    header.length = kEthernetHeader;
    for (uint16_t* id : {&header.vlan, &header.inner_vlan}) {
        if (header.ether_type != kEtherTypeVlan && header.ether_type != kEtherTypeServiceVlan)
            [[likely]] {
            break;
        }
        if (frame.size() < size_t{header.length} + kVlanTag) {
            header.reason = DropReason::ethernet_truncated;
            return header;
        }
        const auto vlan_id =
            static_cast<uint16_t>(load_be16(frame.data() + header.length) & 0x0fff);
        *id = vlan_id != 0 ? vlan_id : kNoVlan;
        header.ether_type = load_be16(frame.data() + header.length + 2);
        header.length = static_cast<uint16_t>(header.length + kVlanTag);
    }
    return header;
}

}  // namespace sdg::packet
