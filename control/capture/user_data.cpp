#include "control/capture/user_data.h"

#include <algorithm>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/sctp.h"

namespace sdg::capture {
namespace {

constexpr size_t kDataHeader = 16;   // RFC 9260, 3.3.1
constexpr size_t kIDataHeader = 20;  // RFC 8260, 2.1
constexpr size_t kPpidOffset = 12;   // of DATA
constexpr size_t kIDataPpidOffset = 16;
constexpr uint8_t kIDataFlagBegin = 0x02;
// Behind the IP header of what is no SCTP: a UDP or ICMP header.
constexpr size_t kForeignHeader = 8;
constexpr uint8_t kFirstNeighbourMessage = 133;  // RFC 4861
constexpr uint8_t kLastNeighbourMessage = 137;
constexpr uint8_t kIpProtocolIcmp6 = 58;

size_t blank(std::span<uint8_t> octets) {
    std::ranges::fill(octets, uint8_t{0});
    return octets.size();
}

// Chunks that carry nothing of the user's.
bool is_control(uint8_t type) {
    switch (type) {
        case packet::kChunkInit:
        case packet::kChunkInitAck:
        case packet::kChunkSack:
        case packet::kChunkHeartbeat:
        case packet::kChunkHeartbeatAck:
        case packet::kChunkAbort:
        case packet::kChunkShutdown:
        case packet::kChunkShutdownAck:
        case packet::kChunkError:
        case packet::kChunkCookieEcho:
        case packet::kChunkCookieAck:
        case packet::kChunkShutdownComplete:
        case packet::kChunkDtls:
        case 12:    // ECNE
        case 13:    // CWR
        case 15:    // AUTH, RFC 4895
        case 0x82:  // RE-CONFIG, RFC 6525
        case 0xc0:  // FORWARD TSN, RFC 3758
        case 0xc1:  // ASCONF, RFC 5061
        case 0x80:  // ASCONF-ACK
        case 0xc2:  // I-FORWARD-TSN, RFC 8260
            return true;
        default:
            return false;
    }
}

// chunk: a whole DATA or I-DATA chunk.
size_t blank_user_data(std::span<uint8_t> chunk) {
    const bool interleaved = chunk[0] == packet::kChunkIData;
    const size_t header = interleaved ? kIDataHeader : kDataHeader;
    if (chunk.size() <= header) {
        return 0;
    }
    // The PPID field of an I-DATA chunk that does not begin a message is a fragment's number.
    const bool has_ppid = !interleaved || (chunk[1] & kIDataFlagBegin) != 0;
    const uint32_t ppid =
        packet::load_be32(chunk.data() + (interleaved ? kIDataPpidOffset : kPpidOffset));
    if (has_ppid && ppid == packet::kPpidKeyManagement) {
        return 0;
    }
    return blank(chunk.subspan(header));
}

// sctp: a packet, perhaps cut.
size_t blank_chunks(std::span<uint8_t> sctp) {
    if (sctp.size() <= packet::kCommonHeader) {
        return 0;
    }
    const bool was_right = packet::checksum_ok(sctp);
    std::span<uint8_t> rest = sctp.subspan(packet::kCommonHeader);
    size_t removed = 0;
    while (rest.size() >= packet::kChunkHeader) {
        const size_t length = packet::load_be16(rest.data() + 2);
        if (length < packet::kChunkHeader || length > rest.size()) {
            // Damaged or cut: the header stays.
            removed += blank(rest.subspan(packet::kChunkHeader));
            rest = {};
            break;
        }
        const std::span<uint8_t> chunk = rest.first(length);
        if (chunk[0] == packet::kChunkData || chunk[0] == packet::kChunkIData) {
            removed += blank_user_data(chunk);
        } else if (!is_control(chunk[0])) {
            removed += blank(chunk.subspan(packet::kChunkHeader));
        }
        rest = rest.subspan(std::min(packet::padded_to_4(length), rest.size()));
    }
    removed += blank(rest);
    if (removed > 0 && was_right) {
        packet::set_checksum(sctp);
    }
    return removed;
}

bool is_neighbour_message(std::span<const uint8_t> icmp6) {
    return !icmp6.empty() && icmp6[0] >= kFirstNeighbourMessage &&
           icmp6[0] <= kLastNeighbourMessage;
}

struct Layers {
    size_t header = 0;  // octets of the IP header, extensions included; 0: none that can be read
    uint8_t protocol = 0;
    size_t end = 0;  // of the IP packet, from its header on
    bool fragment = false;
};

Layers layers_of(uint16_t ether_type, std::span<const uint8_t> ip) {
    Layers out;
    if (ether_type == packet::kEtherTypeIpv4 && ip.size() >= packet::kIpv4Header) {
        out.header = size_t{ip[0] & 0x0fU} * 4;
        out.protocol = ip[9];
        out.end = packet::load_be16(ip.data() + 2);
        out.fragment = (packet::load_be16(ip.data() + 6) & 0x3fff) != 0;
    } else if (ether_type == packet::kEtherTypeIpv6 && ip.size() >= packet::kIpv6Header) {
        const packet::IpHeader parsed = packet::parse_ipv6(ip);
        out.end = packet::kIpv6Header + packet::load_be16(ip.data() + 4);
        if (parsed.reason == packet::DropReason::none) {
            out.header = parsed.header_length;
            out.protocol = parsed.protocol;
        } else if (out.end > ip.size() && ip[6] == packet::kIpProtocolSctp) {
            out.header = packet::kIpv6Header;  // cut, and without extensions
            out.protocol = ip[6];
        }
    }
    if (out.header < packet::kIpv4Header || out.header > ip.size()) {
        out.header = 0;
    }
    return out;
}

}  // namespace

Redaction remove_user_data(std::span<uint8_t> frame) {
    const packet::EthernetHeader ethernet = packet::parse_ethernet(frame);
    if (ethernet.reason != packet::DropReason::none) {
        return {.removed = 0, .kept = std::min(frame.size(), packet::kEthernetHeader)};
    }
    if (ethernet.ether_type == packet::kEtherTypeArp) {
        return {.removed = 0, .kept = frame.size()};
    }
    const std::span<uint8_t> ip = frame.subspan(ethernet.length);
    const Layers layers = layers_of(ethernet.ether_type, ip);
    if (layers.header == 0) {
        return {.removed = 0, .kept = std::min<size_t>(frame.size(), ethernet.length)};
    }
    if (layers.protocol == kIpProtocolIcmp6 && is_neighbour_message(ip.subspan(layers.header))) {
        return {.removed = 0, .kept = frame.size()};
    }
    if (layers.protocol != packet::kIpProtocolSctp || layers.fragment ||
        layers.end < layers.header) {
        const size_t shown = layers.fragment ? 0 : kForeignHeader;
        return {.removed = 0,
                .kept = std::min(frame.size(), ethernet.length + layers.header + shown)};
    }
    Redaction out;
    const size_t end = std::min(layers.end, ip.size());  // behind it: padding of the link
    out.removed = blank_chunks(ip.subspan(layers.header, end - layers.header));
    out.kept = ethernet.length + end;
    return out;
}

}  // namespace sdg::capture
