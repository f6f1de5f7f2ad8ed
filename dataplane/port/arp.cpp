#include "dataplane/port/arp.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/byte_order.h"

namespace sdg::port {
namespace {

// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
constexpr std::array<uint8_t, 6> kPreamble = {0, 1, 8, 0, 6, 4};
constexpr uint16_t kRequest = 1;
constexpr uint16_t kReply = 2;

}  // namespace

std::optional<ArpMessage> parse_arp(std::span<const uint8_t> message) {
    if (message.size() < kArpMessage ||
        !std::equal(kPreamble.begin(), kPreamble.end(), message.begin())) {
        return std::nullopt;
    }
    const uint8_t* at = message.data();
    const uint16_t operation = packet::load_be16(at + 6);
    const bool group_sender = (at[8] & 0x01) != 0;
    if ((operation != kRequest && operation != kReply) || group_sender) {
        return std::nullopt;
    }
    ArpMessage out;
    out.request = operation == kRequest;
    std::memcpy(out.sender_mac.data(), at + 8, 6);
    out.sender = IpAddress::v4(at + 14);
    std::memcpy(out.target_mac.data(), at + 18, 6);
    out.target = IpAddress::v4(at + 24);
    return out;
}

void write_arp(const ArpMessage& message, std::span<uint8_t, kArpMessage> out) {
    uint8_t* at = out.data();
    std::copy(kPreamble.begin(), kPreamble.end(), at);
    packet::store_be16(at + 6, message.request ? kRequest : kReply);
    std::memcpy(at + 8, message.sender_mac.data(), 6);
    std::memcpy(at + 14, message.sender.octets.data(), 4);
    std::memcpy(at + 18, message.target_mac.data(), 6);
    std::memcpy(at + 24, message.target.octets.data(), 4);
}

}  // namespace sdg::port
