// The worker's receive path in one function: a frame becomes offsets or a drop reason.
//
// No allocation, no state, any thread. Checked here: Ethernet, IP and the presence of an SCTP
// common header and one chunk header. Not checked here: destination addresses and VLAN (the
// worker's), CRC32c (crc32c.h, or the port), the chunks themselves (check_chunks(), after the
// CRC32c).
#pragma once

#include <cstdint>
#include <cstring>
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

inline constexpr uint16_t kUsualSctpOffset = kEthernetHeader + kIpv4Header;

// The frame that nearly all are: no tag, IPv4 without options, not a fragment, SCTP with at least a
// chunk header. Returns its SCTP octets, from kUsualSctpOffset on; 0 for every other frame and for
// one that is not in order: parse() says which. parse() agrees on every frame that is taken here.
[[nodiscard]] inline uint16_t usual_sctp_length(std::span<const uint8_t> frame) {
    constexpr size_t kLeast = kUsualSctpOffset + kCommonHeader + kChunkHeader;
    if (frame.size() < kLeast) [[unlikely]] {
        return 0;
    }
    const uint8_t* ip = frame.data() + kEthernetHeader;
    const uint8_t* sctp = ip + kIpv4Header;
    const size_t total = load_be16(ip + 2);
    // All at once: one jump that is never taken.
    const bool other = (load_be16(ip - 2) ^ kEtherTypeIpv4) | (ip[0] ^ 0x45) |
                       (load_be16(ip + 6) & 0x3fff) | (ip[9] ^ kIpProtocolSctp) |
                       (total < kLeast - kEthernetHeader) |
                       (total > frame.size() - kEthernetHeader) | (load_be16(sctp) == 0) |
                       (load_be16(sctp + 2) == 0);
    // The sum of 16-bit words is the same in any byte order, and over any wider words once folded.
    uint64_t a;
    uint64_t b;
    uint32_t c;
    std::memcpy(&a, ip, sizeof a);
    std::memcpy(&b, ip + 8, sizeof b);
    std::memcpy(&c, ip + 16, sizeof c);
    uint64_t sum = (a & 0xffffffff) + (a >> 32) + (b & 0xffffffff) + (b >> 32) + c;
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return other || sum != 0xffff ? uint16_t{0} : static_cast<uint16_t>(total - kIpv4Header);
}

}  // namespace sdg::packet
