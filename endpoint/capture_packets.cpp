#include "endpoint/capture_packets.h"

#include <pcap/pcap.h>

#include <array>
#include <memory>
#include <optional>

namespace sdg::endpoint {
namespace {

constexpr uint16_t kEtherIpv4 = 0x0800;
constexpr uint16_t kEtherIpv6 = 0x86dd;
constexpr uint8_t kProtocolSctp = 132;

using View = std::span<const uint8_t>;

std::optional<uint16_t> be16(View bytes, size_t at) {
    if (bytes.size() < at + 2) {
        return std::nullopt;
    }
    return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t be32(View four) {
    return uint32_t{four[0]} << 24 | uint32_t{four[1]} << 16 | uint32_t{four[2]} << 8 | four[3];
}

FrameOutcome parse_sctp(View packet, SctpPacketView& view) {
    if (packet.size() < 12) {
        return FrameOutcome::cut;
    }
    view.from.port = *be16(packet, 0);
    view.to.port = *be16(packet, 2);
    view.verification_tag = be32(packet.subspan(4, 4));
    view.chunks = packet.subspan(12);
    return FrameOutcome::sctp;
}

FrameOutcome parse_ipv4(View packet, SctpPacketView& view) {
    if (packet.size() < 20) {
        return FrameOutcome::cut;
    }
    const size_t header = 4U * (packet[0] & 0x0f);
    const size_t total = *be16(packet, 2);
    if (packet[9] != kProtocolSctp) {
        return FrameOutcome::foreign;
    }
    if ((*be16(packet, 6) & 0x3fff) != 0) {
        return FrameOutcome::fragment;
    }
    if (header < 20 || total < header || packet.size() < total) {
        return FrameOutcome::cut;
    }
    view.from.address = IpAddress::v4(packet.data() + 12);
    view.to.address = IpAddress::v4(packet.data() + 16);
    return parse_sctp(packet.subspan(header, total - header), view);
}

FrameOutcome parse_ipv6(View packet, SctpPacketView& view) {
    if (packet.size() < 40) {
        return FrameOutcome::cut;
    }
    const size_t total = 40U + *be16(packet, 4);
    if (packet.size() < total) {
        return FrameOutcome::cut;
    }
    uint8_t next = packet[6];
    View rest = packet.subspan(40, total - 40);
    while (next != kProtocolSctp) {
        if (next == 44) {
            return FrameOutcome::fragment;
        }
        if (next != 0 && next != 43 && next != 60) {  // hop-by-hop, routing, destination options
            return FrameOutcome::foreign;
        }
        const size_t length = rest.size() < 2 ? 0 : 8U * (rest[1] + 1U);
        if (length == 0 || rest.size() < length) {
            return FrameOutcome::cut;
        }
        next = rest[0];
        rest = rest.subspan(length);
    }
    view.from.address = IpAddress::v6(packet.data() + 8);
    view.to.address = IpAddress::v6(packet.data() + 24);
    return parse_sctp(rest, view);
}

FrameOutcome parse_ip(View packet, SctpPacketView& view) {
    if (packet.empty()) {
        return FrameOutcome::cut;
    }
    switch (packet[0] >> 4) {
        case 4:
            return parse_ipv4(packet, view);
        case 6:
            return parse_ipv6(packet, view);
        default:
            return FrameOutcome::foreign;
    }
}

// What follows a link header whose ethertype stands at type_at and which ends at header.
FrameOutcome parse_typed(View frame, size_t type_at, size_t header, SctpPacketView& view) {
    auto type = be16(frame, type_at);
    while (type && (*type == 0x8100 || *type == 0x88a8)) {
        type = be16(frame, header + 2);
        header += 4;
    }
    if (!type || frame.size() < header) {
        return FrameOutcome::cut;
    }
    if (*type != kEtherIpv4 && *type != kEtherIpv6) {
        return FrameOutcome::foreign;
    }
    return parse_ip(frame.subspan(header), view);
}

bool known_link_type(int link_type) {
    switch (link_type) {
        case DLT_EN10MB:
        case DLT_LINUX_SLL:
        case DLT_LINUX_SLL2:
        case DLT_RAW:
        case DLT_IPV4:
        case DLT_IPV6:
        case DLT_NULL:
        case DLT_LOOP:
            return true;
        default:
            return false;
    }
}

}  // namespace

FrameOutcome parse_frame(int link_type, View frame, SctpPacketView& view) {
    switch (link_type) {
        case DLT_EN10MB:
            return parse_typed(frame, 12, 14, view);
        case DLT_LINUX_SLL:
            return parse_typed(frame, 14, 16, view);
        case DLT_LINUX_SLL2:
            return parse_typed(frame, 0, 20, view);
        case DLT_NULL:
        case DLT_LOOP:  // an address family in some byte order; the IP version says the same
            return frame.size() < 4 ? FrameOutcome::cut : parse_ip(frame.subspan(4), view);
        case DLT_RAW:
        case DLT_IPV4:
        case DLT_IPV6:
            return parse_ip(frame, view);
        default:
            return FrameOutcome::foreign;
    }
}

Result<CaptureCounts> read_capture(const std::filesystem::path& file,
                                   const std::function<void(const SctpPacketView&)>& consumer) {
    std::array<char, PCAP_ERRBUF_SIZE> reason{};
    const std::unique_ptr<pcap_t, decltype(&pcap_close)> capture(
        pcap_open_offline(file.c_str(), reason.data()), &pcap_close);
    if (!capture) {
        // libpcap names the file in some of its messages and not in others.
        const std::string text = reason.data();
        return fail(
            ErrorCode::not_found, "capture {}: {}", file.string(),
            text.starts_with(file.string() + ": ") ? text.substr(file.string().size() + 2) : text);
    }
    const int link_type = pcap_datalink(capture.get());
    if (!known_link_type(link_type)) {
        const char* name = pcap_datalink_val_to_name(link_type);
        return fail(ErrorCode::invalid_argument,
                    "capture {}: link type {} is none of Ethernet, Linux cooked, raw IP, loopback",
                    file.string(), name ? name : std::to_string(link_type));
    }
    CaptureCounts counts;
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    int got = 0;
    while ((got = pcap_next_ex(capture.get(), &header, &data)) == 1) {
        ++counts.packets;
        SctpPacketView view;
        switch (parse_frame(link_type, View(data, header->caplen), view)) {
            case FrameOutcome::sctp:
                ++counts.sctp;
                consumer(view);
                break;
            case FrameOutcome::foreign:
                ++counts.foreign;
                break;
            case FrameOutcome::fragment:
                ++counts.fragments;
                break;
            case FrameOutcome::cut:
                ++counts.cut;
                break;
        }
    }
    counts.file_cut = got == PCAP_ERROR;
    return counts;
}

}  // namespace sdg::endpoint
