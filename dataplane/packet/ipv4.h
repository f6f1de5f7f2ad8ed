// IPv4 header (RFC 791): options skipped, any fragment refused, header checksum verified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/drop_reason.h"

namespace sdg::packet {

inline constexpr size_t kIpv4Header = 20;
inline constexpr size_t kIpv4SourceOffset = 12;
inline constexpr size_t kIpv4DestinationOffset = 16;

// One's complement sum over the octets (RFC 1071), folded and complemented: 0 when a header that
// contains its checksum is intact; what to store (network order) when the field is zero. start: the
// sum of a pseudo header's 16-bit words.
[[nodiscard]] inline uint16_t internet_checksum(std::span<const uint8_t> octets,
                                                uint32_t start = 0) {
    uint64_t sum = start;
    size_t i = 0;
    for (; i + 4 <= octets.size(); i += 4) {
        sum += load_be32(octets.data() + i);  // 2^16 is 1 modulo 2^16 - 1
    }
    if (i + 2 <= octets.size()) {
        sum += load_be16(octets.data() + i);
        i += 2;
    }
    if (i < octets.size()) {
        sum += static_cast<uint64_t>(octets[i]) << 8;
    }
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

struct IpHeader {
    uint8_t protocol = 0;         // of the payload
    uint16_t header_length = 0;   // octets before the payload, options and extensions included
    uint16_t payload_length = 0;  // octets of the payload; link padding is not in it
    DropReason reason = DropReason::none;
};

// packet: from the IP header to the end of the frame. reason: none, ipv4_malformed,
// ipv4_checksum or ip_fragment.
[[nodiscard]] inline IpHeader parse_ipv4(std::span<const uint8_t> packet) {
    IpHeader header;
    const uint8_t* at = packet.data();
    if (packet.size() < kIpv4Header || (at[0] >> 4) != 4) {
        header.reason = DropReason::ipv4_malformed;
        return header;
    }
    const size_t header_length = size_t{at[0] & 0x0fU} * 4;
    const size_t total_length = load_be16(at + 2);
    if (header_length < kIpv4Header || total_length < header_length ||
        total_length > packet.size()) {
        header.reason = DropReason::ipv4_malformed;
        return header;
    }
    if (internet_checksum(packet.first(header_length)) != 0) {
        header.reason = DropReason::ipv4_checksum;
        return header;
    }
    // More-fragments flag or a fragment offset. The reserved flag and don't-fragment do not matter.
    if ((load_be16(at + 6) & 0x3fff) != 0) {
        header.reason = DropReason::ip_fragment;
        return header;
    }
    header.protocol = at[9];
    header.header_length = static_cast<uint16_t>(header_length);
    header.payload_length = static_cast<uint16_t>(total_length - header_length);
    return header;
}

}  // namespace sdg::packet
