// ARP, ICMP and neighbour discovery messages against octets from an independent implementation
// (scapy).
#include <gtest/gtest.h>

#include "dataplane/packet/byte_order.h"
#include "dataplane/port/arp.h"
#include "dataplane/port/icmp.h"
#include "dataplane/port/rate_limit.h"
#include "tests/support/hex.h"

namespace sdg::port {
namespace {

using test::from_hex;
constexpr MacAddress kA = {2, 0, 0, 0, 0, 0x0a};
constexpr MacAddress kB = {2, 0, 0, 0, 0, 0x0b};

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

std::vector<uint8_t> arp_request() {
    return from_hex("000108000604000102000000000b0a0000020000000000000a000001");
}

TEST(Arp, request_and_reply_have_the_known_octets) {
    std::array<uint8_t, kArpMessage> out{};
    write_arp({true, kB, ip("10.0.0.2"), {}, ip("10.0.0.1")}, out);
    EXPECT_EQ(std::vector(out.begin(), out.end()), arp_request());
    write_arp({false, kA, ip("10.0.0.1"), kB, ip("10.0.0.2")}, out);
    EXPECT_EQ(std::vector(out.begin(), out.end()),
              from_hex("000108000604000202000000000a0a00000102000000000b0a000002"));
}

TEST(Arp, parses_what_it_writes_and_ignores_link_padding) {
    auto octets = arp_request();
    octets.resize(46);
    const auto message = parse_arp(octets);
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->request);
    EXPECT_EQ(message->sender_mac, kB);
    EXPECT_EQ(message->sender, ip("10.0.0.2"));
    EXPECT_EQ(message->target, ip("10.0.0.1"));
}

TEST(Arp, refuses_other_protocols_operations_and_group_senders) {
    auto shorter = arp_request();
    shorter.pop_back();
    EXPECT_FALSE(parse_arp(shorter));
    for (const size_t at : {0U, 2U, 4U, 5U, 7U}) {
        auto wrong = arp_request();
        wrong[at] = 0x77;
        EXPECT_FALSE(parse_arp(wrong)) << at;
    }
    auto group = arp_request();
    group[8] |= 1;
    EXPECT_FALSE(parse_arp(group));
}

TEST(Icmp, an_echo_request_turns_into_its_reply) {
    auto message = from_hex("0800ceb1123400057369676e616c6c696e67");
    ASSERT_TRUE(turn_echo_request(message));
    EXPECT_EQ(message, from_hex("0000d6b1123400057369676e616c6c696e67"));
    EXPECT_FALSE(turn_echo_request(message)) << "a reply is not answered";
    auto damaged = from_hex("0800ceb1123400057369676e616c6c696e68");
    EXPECT_FALSE(turn_echo_request(damaged));
    auto truncated = from_hex("0800f7ff000000");
    EXPECT_FALSE(turn_echo_request(truncated));
}

TEST(Icmp6, an_echo_request_turns_into_its_reply) {
    auto message = from_hex("80005c60123400057369676e616c6c696e67");
    ASSERT_TRUE(turn_echo_request6(ip("fd00::2"), ip("fd00::1"), ip("fd00::1"), message));
    EXPECT_EQ(message, from_hex("81005b60123400057369676e616c6c696e67"));
    auto damaged = from_hex("80005c60123400057369676e616c6c696e68");
    EXPECT_FALSE(turn_echo_request6(ip("fd00::2"), ip("fd00::1"), ip("fd00::1"), damaged));
}

constexpr const char* kSolicitation =
    "87007d8e00000000fd000000000000000000000000000001010102000000000b";
constexpr const char* kAdvertisement =
    "88001c9360000000fd000000000000000000000000000001020102000000000a";

TEST(NeighbourDiscovery, a_solicitation_has_the_known_octets) {
    NeighbourMessage message;
    message.solicitation = true;
    message.target = ip("fd00::1");
    message.link_address = kB;
    std::array<uint8_t, kNeighbourMessage> out{};
    EXPECT_EQ(write_neighbour_message(message, ip("fd00::2"), solicited_node(message.target), out),
              32U);
    EXPECT_EQ(std::vector(out.begin(), out.end()), from_hex(kSolicitation));
    EXPECT_EQ(solicited_node(ip("fd00::1")), ip("ff02::1:ff00:1"));
    EXPECT_EQ(multicast_mac(ip("ff02::1:ff00:1")), (MacAddress{0x33, 0x33, 0xff, 0, 0, 1}));
}

TEST(NeighbourDiscovery, an_advertisement_has_the_known_octets) {
    NeighbourMessage message;
    message.solicited = true;
    message.override = true;
    message.target = ip("fd00::1");
    message.link_address = kA;
    std::array<uint8_t, kNeighbourMessage> out{};
    write_neighbour_message(message, ip("fd00::1"), ip("fd00::2"), out);
    EXPECT_EQ(std::vector(out.begin(), out.end()), from_hex(kAdvertisement));
    const auto parsed = parse_neighbour_message(ip("fd00::1"), ip("fd00::2"), 255, out);
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->solicitation);
    EXPECT_TRUE(parsed->solicited);
    EXPECT_TRUE(parsed->override);
    EXPECT_FALSE(parsed->router);
    EXPECT_EQ(parsed->link_address, kA);
}

// Changes octets of a good solicitation, puts the checksum right again, and parses.
bool accepted(std::vector<uint8_t> message, const char* source = "fd00::2",
              const char* destination = "ff02::1:ff00:1", uint8_t hop_limit = 255) {
    packet::store_be16(message.data() + 2, 0);
    packet::store_be16(message.data() + 2, icmp6_checksum(ip(source), ip(destination), message));
    return parse_neighbour_message(ip(source), ip(destination), hop_limit, message).has_value();
}

TEST(NeighbourDiscovery, every_check_of_the_rfc_refuses) {
    const auto good = from_hex(kSolicitation);
    EXPECT_TRUE(accepted(good));
    EXPECT_FALSE(accepted(good, "fd00::2", "ff02::1:ff00:1", 254)) << "hop limit";
    auto changed = good;
    changed[1] = 1;
    EXPECT_FALSE(accepted(changed)) << "code";
    changed = good;
    changed[8] = 0xff;
    EXPECT_FALSE(accepted(changed)) << "multicast target";
    changed = good;
    changed[25] = 0;
    EXPECT_FALSE(accepted(changed)) << "option of length 0";
    changed = good;
    changed[25] = 2;
    EXPECT_FALSE(accepted(changed)) << "option beyond the end";
    changed = good;
    changed[26] |= 1;
    EXPECT_FALSE(accepted(changed)) << "group link address";
    EXPECT_FALSE(accepted({good.begin(), good.begin() + 23})) << "too short";
    EXPECT_FALSE(accepted(good, "::")) << "link address from the unspecified address";
    const std::vector<uint8_t> probe(good.begin(), good.begin() + 24);
    EXPECT_TRUE(accepted(probe, "::"));
    EXPECT_FALSE(accepted(probe, "::", "fd00::1")) << "probe to other than the group";
    auto advertisement = from_hex(kAdvertisement);
    EXPECT_FALSE(accepted(advertisement, "fd00::1", "ff02::1")) << "solicited to a group";
    auto damaged = good;
    damaged[30] ^= 1;
    EXPECT_FALSE(parse_neighbour_message(ip("fd00::2"), ip("ff02::1:ff00:1"), 255, damaged));
}

TEST(RateLimit, gives_a_burst_and_then_the_rate) {
    RateLimit limit(1000, 10, 5);
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(limit.allow(0));
    }
    EXPECT_FALSE(limit.allow(99));
    EXPECT_TRUE(limit.allow(100));
    EXPECT_FALSE(limit.allow(100));
    EXPECT_TRUE(limit.allow(250));
    EXPECT_FALSE(limit.allow(299));
    EXPECT_TRUE(limit.allow(300));
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(limit.allow(100'000)) << "never more than the burst saved up";
    }
    EXPECT_FALSE(limit.allow(100'000));
}

}  // namespace
}  // namespace sdg::port
