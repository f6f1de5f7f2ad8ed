#include "dataplane/port/icmp.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/ipv4.h"

namespace sdg::port {
namespace {

constexpr uint8_t kEchoReply = 0;
constexpr uint8_t kEchoRequest = 8;
constexpr uint8_t kEchoRequest6 = 128;
constexpr uint8_t kEchoReply6 = 129;
constexpr uint8_t kNeighbourSolicitation = 135;
constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint8_t kSourceLinkAddress = 1;
constexpr uint8_t kTargetLinkAddress = 2;
constexpr uint32_t kFlagRouter = 0x80000000;
constexpr uint32_t kFlagSolicited = 0x40000000;
constexpr uint32_t kFlagOverride = 0x20000000;
constexpr size_t kEchoHeader = 8;
constexpr size_t kNeighbourFixed = 24;

bool is_unspecified(const IpAddress& address) {
    return std::all_of(address.octets.begin(), address.octets.end(),
                       [](uint8_t octet) { return octet == 0; });
}

// False when an option is malformed. link_address: the first option of the wanted type.
bool read_options(std::span<const uint8_t> options, uint8_t wanted,
                  std::optional<MacAddress>& link_address) {
    while (!options.empty()) {
        if (options.size() < 8 || options[1] == 0 || size_t{options[1]} * 8 > options.size()) {
            return false;
        }
        if (options[0] == wanted && options[1] == 1 && !link_address) {
            link_address.emplace();
            std::memcpy(link_address->data(), options.data() + 2, 6);
        }
        options = options.subspan(size_t{options[1]} * 8);
    }
    return true;
}

}  // namespace

uint16_t icmp6_checksum(const IpAddress& source, const IpAddress& destination,
                        std::span<const uint8_t> message) {
    uint32_t sum = static_cast<uint32_t>(message.size()) + packet::kIpProtocolIcmp6;
    for (size_t i = 0; i < 16; i += 2) {
        sum += packet::load_be16(source.octets.data() + i);
        sum += packet::load_be16(destination.octets.data() + i);
    }
    return packet::internet_checksum(message, sum);
}

bool turn_echo_request(std::span<uint8_t> message) {
    if (message.size() < kEchoHeader || message[0] != kEchoRequest || message[1] != 0 ||
        packet::internet_checksum(message) != 0) {
        return false;
    }
    message[0] = kEchoReply;
    packet::store_be16(message.data() + 2, 0);
    packet::store_be16(message.data() + 2, packet::internet_checksum(message));
    return true;
}

bool turn_echo_request6(const IpAddress& source, const IpAddress& destination,
                        const IpAddress& reply_source, std::span<uint8_t> message) {
    if (message.size() < kEchoHeader || message[0] != kEchoRequest6 || message[1] != 0 ||
        icmp6_checksum(source, destination, message) != 0) {
        return false;
    }
    message[0] = kEchoReply6;
    packet::store_be16(message.data() + 2, 0);
    packet::store_be16(message.data() + 2, icmp6_checksum(reply_source, source, message));
    return true;
}

std::optional<NeighbourMessage> parse_neighbour_message(const IpAddress& source,
                                                        const IpAddress& destination,
                                                        uint8_t hop_limit,
                                                        std::span<const uint8_t> message) {
    if (message.size() < kNeighbourFixed || message[1] != 0 || hop_limit != kNdHopLimit ||
        (message[0] != kNeighbourSolicitation && message[0] != kNeighbourAdvertisement) ||
        icmp6_checksum(source, destination, message) != 0) {
        return std::nullopt;
    }
    NeighbourMessage out;
    out.solicitation = message[0] == kNeighbourSolicitation;
    out.target = IpAddress::v6(message.data() + 8);
    if (out.target.octets[0] == 0xff ||
        !read_options(message.subspan(kNeighbourFixed),
                      out.solicitation ? kSourceLinkAddress : kTargetLinkAddress,
                      out.link_address)) {
        return std::nullopt;
    }
    if (out.link_address && ((*out.link_address)[0] & 0x01) != 0) {
        return std::nullopt;
    }
    if (out.solicitation) {
        // Duplicate address detection: to the solicited-node address, and without a link address.
        if (is_unspecified(source) &&
            (destination != solicited_node(out.target) || out.link_address)) {
            return std::nullopt;
        }
        return out;
    }
    const uint32_t flags = packet::load_be32(message.data() + 4);
    out.router = (flags & kFlagRouter) != 0;
    out.solicited = (flags & kFlagSolicited) != 0;
    out.override = (flags & kFlagOverride) != 0;
    if (destination.octets[0] == 0xff && out.solicited) {
        return std::nullopt;
    }
    return out;
}

size_t write_neighbour_message(const NeighbourMessage& message, const IpAddress& source,
                               const IpAddress& destination,
                               std::span<uint8_t, kNeighbourMessage> out) {
    uint8_t* at = out.data();
    const size_t length = message.link_address ? kNeighbourMessage : kNeighbourFixed;
    at[0] = message.solicitation ? kNeighbourSolicitation : kNeighbourAdvertisement;
    at[1] = 0;
    packet::store_be16(at + 2, 0);
    uint32_t flags = 0;
    if (!message.solicitation) {
        flags = (message.router ? kFlagRouter : 0) | (message.solicited ? kFlagSolicited : 0) |
                (message.override ? kFlagOverride : 0);
    }
    packet::store_be32(at + 4, flags);
    std::memcpy(at + 8, message.target.octets.data(), 16);
    if (message.link_address) {
        at[24] = message.solicitation ? kSourceLinkAddress : kTargetLinkAddress;
        at[25] = 1;
        std::memcpy(at + 26, message.link_address->data(), 6);
    }
    packet::store_be16(at + 2, icmp6_checksum(source, destination, {at, length}));
    return length;
}

IpAddress all_nodes() {
    IpAddress out;
    out.family = IpAddress::Family::v6;
    out.octets = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return out;
}

IpAddress solicited_node(const IpAddress& target) {
    IpAddress out;
    out.family = IpAddress::Family::v6;
    out.octets = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
    std::copy_n(target.octets.begin() + 13, 3, out.octets.begin() + 13);
    return out;
}

MacAddress multicast_mac(const IpAddress& destination) {
    MacAddress mac{0x33, 0x33};
    std::copy_n(destination.octets.begin() + 12, 4, mac.begin() + 2);
    return mac;
}

}  // namespace sdg::port
