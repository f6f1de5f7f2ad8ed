#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "perf/pktgen/associations.h"
#include "perf/pktgen/frames.h"
#include "perf/pktgen/options.h"

namespace sdg::traffic {
namespace {

const LinkAddresses kLink = {{2, 0, 0, 0, 0, 1},
                             {2, 0, 0, 0, 0, 2},
                             IpAddress::parse("10.10.1.1").value(),
                             IpAddress::parse("10.10.1.2").value()};

TEST(Associations, tags_are_unique_and_name_their_association) {
    const Associations associations({.count = 40'000, .seed = 7});
    std::set<uint32_t> tags;
    for (uint32_t i = 0; i < associations.size(); ++i) {
        for (const Leg leg : {Leg::plain, Leg::protected_}) {
            tags.insert(associations.tag_to_gateway(leg, i));
            tags.insert(associations.tag_to_node(leg, i));
            ASSERT_EQ(associations.find_to_node(leg, Associations::node_port(i),
                                                associations.tag_to_node(leg, i)),
                      i);
        }
    }
    EXPECT_EQ(tags.size(), 4 * associations.size());
    EXPECT_FALSE(tags.contains(0));
}

TEST(Associations, a_packet_of_another_leg_direction_port_or_number_is_not_found) {
    const Associations associations({.count = 10, .seed = 7});
    const Associations more({.count = 20, .seed = 7});
    const uint16_t port = Associations::node_port(3);
    const uint32_t tag = associations.tag_to_node(Leg::plain, 3);
    EXPECT_TRUE(associations.find_to_node(Leg::plain, port, tag));
    EXPECT_FALSE(associations.find_to_node(Leg::protected_, port, tag));
    EXPECT_FALSE(associations.find_to_node(Leg::plain, port + 1, tag));
    EXPECT_FALSE(
        associations.find_to_node(Leg::plain, port, associations.tag_to_gateway(Leg::plain, 3)));
    EXPECT_FALSE(associations.find_to_node(Leg::plain, Associations::node_port(15),
                                           more.tag_to_node(Leg::plain, 15)));
}

TEST(Associations, keys_follow_from_the_seed_and_differ_by_direction_and_association) {
    const Associations one({.count = 2, .seed = 7});
    const Associations same({.count = 2, .seed = 7});
    const Associations another({.count = 2, .seed = 8});
    EXPECT_TRUE(one.keys_to_node(1).validate());
    EXPECT_EQ(one.keys_to_node(1).key, same.keys_to_node(1).key);
    EXPECT_FALSE(one.keys_to_node(1).key == one.keys_to_gateway(1).key);
    EXPECT_FALSE(one.keys_to_node(1).key == one.keys_to_node(0).key);
    EXPECT_FALSE(one.keys_to_node(1).key == another.keys_to_node(1).key);
}

TEST(PacketOrder, imix_has_its_shares_for_every_association) {
    for (const uint32_t associations : {1U, 3U, 9U, 10U}) {
        const SizeMix mix = SizeMix::imix();
        PacketOrder order(mix, associations, false, 1);
        std::map<std::pair<uint32_t, uint16_t>, unsigned> seen;
        for (unsigned i = 0; i < 10 * associations; ++i) {
            const auto next = order.next();
            ++seen[{next.association, mix.sizes[next.size]}];
        }
        for (uint32_t a = 0; a < associations; ++a) {
            EXPECT_EQ((seen[{a, 100}]), 6U);
            EXPECT_EQ((seen[{a, 300}]), 3U);
            EXPECT_EQ((seen[{a, 1200}]), 1U);
        }
    }
}

TEST(PacketOrder, random_order_is_repeatable_and_reaches_all) {
    PacketOrder one(SizeMix::fixed(64), 50, true, 9);
    PacketOrder same(SizeMix::fixed(64), 50, true, 9);
    std::set<uint32_t> seen;
    for (unsigned i = 0; i < 2000; ++i) {
        const auto next = one.next();
        ASSERT_LT(next.association, 50U);
        ASSERT_EQ(next.association, same.next().association);
        seen.insert(next.association);
    }
    EXPECT_EQ(seen.size(), 50U);
}

TEST(FrameSet, frames_are_what_the_data_plane_takes) {
    const Associations associations({.count = 5, .seed = 1});
    SizeMix mix = SizeMix::imix();
    mix.sizes = {kMinSize, 256, kMaxSize};
    const FrameSet frames(associations, Leg::plain, mix, kLink);
    for (uint32_t a = 0; a < associations.size(); ++a) {
        for (uint8_t s = 0; s < uint8_t{3}; ++s) {
            const auto frame = frames.frame({a, s});
            const auto parsed = packet::parse(frame);
            ASSERT_EQ(parsed.kind, packet::FrameKind::sctp);
            ASSERT_EQ(parsed.l4_length, mix.sizes[s]);
            const auto sctp = frame.subspan(parsed.l4_offset, parsed.l4_length);
            EXPECT_TRUE(packet::checksum_ok(sctp));
            EXPECT_EQ(packet::check_chunks(sctp), packet::DropReason::none);
            const auto header = packet::read_common_header(sctp.data());
            EXPECT_EQ(header.destination_port, kGatewayPort);
            EXPECT_EQ(header.verification_tag, associations.tag_to_gateway(Leg::plain, a));
            const auto chunks = frames.chunks(sctp.size() - packet::kCommonHeader);
            EXPECT_TRUE(std::equal(chunks.begin(), chunks.end(),
                                   sctp.begin() + packet::kCommonHeader, sctp.end()));
        }
    }
    EXPECT_TRUE(frames.chunks(100).empty());
}

TEST(Capture, holds_the_frames_or_says_why_not) {
    const Associations associations({.count = 2, .seed = 1});
    const SizeMix mix = SizeMix::fixed(64);
    const FrameSet frames(associations, Leg::plain, mix, kLink);
    const std::string file = testing::TempDir() + "traffic_test.pcap";
    ASSERT_TRUE(write_pcap(file, frames, PacketOrder(mix, 2, false, 1), 10));
    std::FILE* in = std::fopen(file.c_str(), "rb");
    ASSERT_NE(in, nullptr);
    std::fseek(in, 0, SEEK_END);
    EXPECT_EQ(std::ftell(in), static_cast<long>(24 + 10 * (16 + kFrameHeaders + 64)));
    std::fclose(in);
    std::remove(file.c_str());
    const auto refused =
        write_pcap("/nonexistent/x.pcap", frames, PacketOrder(mix, 2, false, 1), 1);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("/nonexistent/x.pcap"), std::string::npos);
}

TEST(Options, link_addresses_are_unicast_and_complete) {
    EXPECT_EQ(parse_mac("02:00:00:00:00:0a").value(), (port::MacAddress{2, 0, 0, 0, 0, 10}));
    for (const char* wrong :
         {"", "02:00:00:00:00", "02:00:00:00:00:0a:01", "01:00:00:00:00:01", "00:00:00:00:00:00"}) {
        EXPECT_FALSE(parse_mac(wrong)) << wrong;
    }
}

}  // namespace
}  // namespace sdg::traffic
