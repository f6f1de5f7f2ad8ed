// The worker's receive path in one function: a frame becomes offsets or a drop reason.
//
// No allocation, no state, any thread. Checked here: Ethernet, IP and the presence of an SCTP
// common header and one chunk header. Not checked here: destination addresses and VLAN (the
// worker's), CRC32c (crc32c.h, or the port), the chunks themselves (check_chunks(), after the
// CRC32c).
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/drop_reason.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/sctp.h"

namespace sdg::packet {

enum class FrameKind : uint8_t { dropped = 0, sctp, icmp, icmp6, arp };

struct ParsedPacket {
    FrameKind kind = FrameKind::dropped;
    DropReason reason = DropReason::none;  // other than none exactly when kind is dropped
    uint8_t ip_version = 0;                // 4, 6; 0 for ARP
    uint8_t first_chunk = 0;               // type of the first chunk of an SCTP packet
    uint16_t vlan = kNoVlan;               // the only or outer tag
    uint16_t inner_vlan = kNoVlan;
    uint16_t l3_offset = 0;  // of the IP header or the ARP message, from the frame's start
    uint16_t l4_offset = 0;  // of the SCTP or ICMP header; for ARP the same as l3_offset
    uint16_t l4_length = 0;  // SCTP or ICMP octets without link padding; for ARP all that is left
};

inline constexpr uint8_t kIpProtocolIcmp = 1;
inline constexpr uint8_t kIpProtocolIcmp6 = 58;

[[nodiscard]] inline ParsedPacket parse(std::span<const uint8_t> frame) {
    ParsedPacket out;
    const EthernetHeader ethernet = parse_ethernet(frame);
    if (ethernet.reason != DropReason::none) [[unlikely]] {
        out.reason = ethernet.reason;
        return out;
    }
    out.vlan = ethernet.vlan;
    out.inner_vlan = ethernet.inner_vlan;
    out.l3_offset = ethernet.length;
    const std::span<const uint8_t> l3 = frame.subspan(ethernet.length);
    IpHeader ip;
    if (ethernet.ether_type == kEtherTypeIpv4) {
        out.ip_version = 4;
        ip = parse_ipv4(l3);
    } else if (ethernet.ether_type == kEtherTypeIpv6) {
        out.ip_version = 6;
        ip = parse_ipv6(l3);
    } else if (ethernet.ether_type == kEtherTypeArp) {
        out.kind = FrameKind::arp;
        out.l4_offset = ethernet.length;
        out.l4_length = static_cast<uint16_t>(l3.size() < 0xffff ? l3.size() : 0xffff);
        return out;
    } else {
        out.reason = DropReason::ethertype_unknown;
        return out;
    }
    if (ip.reason != DropReason::none) [[unlikely]] {
        out.reason = ip.reason;
        return out;
    }
    out.l4_offset = static_cast<uint16_t>(ethernet.length + ip.header_length);
    out.l4_length = ip.payload_length;
    if (ip.protocol != kIpProtocolSctp) [[unlikely]] {
        if (ip.protocol == kIpProtocolIcmp && out.ip_version == 4) {
            out.kind = FrameKind::icmp;
        } else if (ip.protocol == kIpProtocolIcmp6 && out.ip_version == 6) {
            out.kind = FrameKind::icmp6;
        } else {
            out.reason = DropReason::ip_protocol;
        }
        return out;
    }
    if (ip.payload_length < kCommonHeader + kChunkHeader) [[unlikely]] {
        out.reason = DropReason::sctp_truncated;
        return out;
    }
    const uint8_t* sctp = frame.data() + out.l4_offset;
    if (load_be16(sctp) == 0 || load_be16(sctp + 2) == 0) [[unlikely]] {
        out.reason = DropReason::sctp_ports;
        return out;
    }
    out.first_chunk = sctp[kCommonHeader];
    out.kind = FrameKind::sctp;
    return out;
}

}  // namespace sdg::packet
