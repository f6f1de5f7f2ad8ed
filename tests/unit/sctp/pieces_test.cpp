// The small parts of the SCTP host by themselves: addressing, decisions on INIT, answers to packets
// of no association, and a host in front of malformed packets.
#include <algorithm>
#include <set>
#include <unordered_set>

#include "control/sctp/addressing.h"
#include "control/sctp/init_negotiation.h"
#include "control/sctp/leg_socket.h"
#include "control/sctp/out_of_the_blue.h"
#include "control/sctp/sent_data.h"
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

using sctp::FourTuple;
using sctp::PathHash;
using sctp::VirtualPath;
using sctp::VirtualPorts;

// A packet with a chunk of this type for each TSN.
std::vector<uint8_t> packet_of(std::initializer_list<uint32_t> tsns,
                               uint8_t type = packet::kChunkData) {
    std::vector<uint8_t> out(packet::kCommonHeader);
    for (const uint32_t tsn : tsns) {
        std::array<uint8_t, 20> chunk{type, 3, 0, 20};
        packet::store_be32(chunk.data() + 4, tsn);
        out.insert(out.end(), chunk.begin(), chunk.end());
    }
    return out;
}

TEST(SentData, a_tsn_not_above_all_before_is_a_retransmission) {
    sctp::SentData sent;
    sent.on_packet(packet_of({10, 11}));
    EXPECT_EQ(sent.again(), 0U);
    const auto seen = sent.on_packet(packet_of({11, 12}));
    EXPECT_EQ(seen.chunks, 2U);
    EXPECT_EQ(seen.again, 1U);
    sent.on_packet(packet_of({10}, packet::kChunkIData));
    EXPECT_EQ(sent.chunks(), 5U);
    EXPECT_EQ(sent.again(), 2U);
}

TEST(SentData, numbers_wrap) {
    sctp::SentData sent;
    sent.on_packet(packet_of({0xfffffffe, 0xffffffff, 0, 1}));
    EXPECT_EQ(sent.again(), 0U);
    sent.on_packet(packet_of({0xffffffff}));
    EXPECT_EQ(sent.again(), 1U);
}

TEST(SentData, other_chunks_and_broken_ones_do_not_count) {
    sctp::SentData sent;
    sent.on_packet(packet_of({1}, packet::kChunkSack));
    std::vector<uint8_t> cut = packet_of({1, 2});
    cut.resize(cut.size() - 1);
    sent.on_packet(cut);
    sent.on_packet(std::vector<uint8_t>(packet::kCommonHeader));
    sent.on_packet({});
    EXPECT_EQ(sent.chunks(), 1U);
    EXPECT_EQ(sent.again(), 0U);
}

TEST(PathHash, is_stable_for_a_key_and_differs_between_keys) {
    SeededRandom one(1);
    SeededRandom two(2);
    const PathHash hash(one);
    const PathHash other(two);
    const FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 1, 2};
    EXPECT_EQ(hash.place(tuple, 9, 0), hash.place(tuple, 9, 0));
    EXPECT_NE(hash.place(tuple, 9, 0), hash.place(tuple, 9, 1));
    EXPECT_NE(hash.place(tuple, 9, 0), other.place(tuple, 9, 0));
    EXPECT_EQ(hash.place(tuple, 9, 0).local_port, 9);
}

TEST(OfferedPaths, one_peer_a_path_while_its_cookie_lives) {
    sctp::OfferedPaths offered(std::chrono::seconds(60));
    const VirtualPath path{.local_port = 1, .peer_port = 2, .address = 3};
    const FourTuple one{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 1, 2};
    FourTuple two = one;
    two.peer_port = 3;
    const TimePoint start = std::chrono::hours(1);
    EXPECT_TRUE(offered.offer(path, one, start));
    EXPECT_TRUE(offered.offer(path, one, start)) << "its INIT repeated";
    EXPECT_FALSE(offered.offer(path, two, start + std::chrono::seconds(59)));
    EXPECT_TRUE(offered.offer(path, two, start + std::chrono::seconds(60)));
    EXPECT_FALSE(offered.offer(path, one, start + std::chrono::seconds(61)));
}

TEST(OfferedPaths, keep_a_crowd_of_peers_apart) {
    SeededRandom random(3);
    const PathHash hash(random);
    sctp::OfferedPaths offered(std::chrono::seconds(60));
    std::unordered_set<VirtualPath> given;
    for (uint16_t port = 1; port <= 8000; ++port) {
        const FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 5000,
                              port};
        bool found = false;
        for (unsigned attempt = 0; attempt < 8 && !found; ++attempt) {
            const VirtualPath path = hash.place(tuple, 1024, attempt);
            found = offered.offer(path, tuple, std::chrono::seconds(1));
            if (found) {
                given.insert(path);
            }
        }
        EXPECT_TRUE(found);
    }
    // Eight thousand at once: without the memory some thirty pairs would meet; of those the table
    // has forgotten, few are left.
    EXPECT_GE(given.size(), 7990U);
}

TEST(PathHash, never_gives_what_usrsctp_takes_for_nothing) {
    SeededRandom random(1);
    const PathHash hash(random);
    std::unordered_set<VirtualPath> paths;
    constexpr size_t kPeers = 20'000;
    for (size_t i = 0; i < kPeers; ++i) {
        const FourTuple tuple{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2"), 5000,
                              static_cast<uint16_t>(i)};
        const VirtualPath path = hash.place(tuple, 1024, 0);
        EXPECT_NE(path.peer_port, 0);
        EXPECT_GE(path.address, 1);
        EXPECT_LE(path.address, sctp::kAddresses);
        paths.insert(path);
    }
    // 2 million places: about a hundred pairs meet.
    EXPECT_GT(paths.size(), kPeers - 300);
}

TEST(VirtualPorts, listeners_get_the_ports_that_spread_best) {
    VirtualPorts ports;
    std::set<uint16_t> taken;
    for (int i = 0; i < 63; ++i) {
        const auto port = ports.take_for_listener();
        ASSERT_TRUE(port.has_value());
        EXPECT_EQ(*port & 0x3ff, 0);
        EXPECT_NE(*port, 0);
        EXPECT_TRUE(taken.insert(*port).second);
    }
    size_t connections = 0;
    while (const auto port = ports.take_for_connection()) {
        EXPECT_TRUE(taken.insert(*port).second);
        ++connections;
    }
    EXPECT_GT(connections, 60'000U);
    ports.give_back_connection(77);
    EXPECT_EQ(ports.take_for_connection(), uint16_t{77});
}

TEST(LegSocket, largest_packet_leaves_room_for_ip_and_the_record) {
    sctp::LegSettings leg;
    EXPECT_EQ(sctp::largest_packet(leg, IpAddress::Family::v4), 1480U);
    EXPECT_EQ(sctp::largest_packet(leg, IpAddress::Family::v6), 1460U);
    leg = protected_leg();
    EXPECT_EQ(sctp::largest_packet(leg, IpAddress::Family::v4), 1452U);
    EXPECT_EQ(sctp::largest_packet(leg, IpAddress::Family::v6), 1432U);
}

std::vector<uint8_t> packet_of(std::initializer_list<uint8_t> types) {
    std::vector<uint8_t> out(packet::kCommonHeader);
    packet::write_common_header(out.data(), {40'000, 5000, 0xabcdef01});
    for (const uint8_t type : types) {
        out.insert(out.end(), {type, 0, 0, 4});
    }
    return out;
}

TEST(OutOfTheBlue, is_answered_by_the_rules_of_rfc_9260) {
    const auto reply = sctp::answer_out_of_the_blue(packet_of({packet::kChunkData}));
    ASSERT_TRUE(reply.has_value());
    const auto header = packet::read_common_header(reply->bytes().data());
    EXPECT_EQ(header.source_port, 5000);
    EXPECT_EQ(header.destination_port, 40'000);
    EXPECT_EQ(header.verification_tag, 0xabcdef01);
    EXPECT_EQ(reply->bytes()[packet::kCommonHeader], packet::kChunkAbort);
    EXPECT_EQ(reply->bytes()[packet::kCommonHeader + 1], 1);

    const auto complete = sctp::answer_out_of_the_blue(packet_of({packet::kChunkShutdownAck}));
    ASSERT_TRUE(complete.has_value());
    EXPECT_EQ(complete->bytes()[packet::kCommonHeader], packet::kChunkShutdownComplete);

    for (const uint8_t silent : {packet::kChunkAbort, packet::kChunkShutdownComplete,
                                 packet::kChunkCookieAck, packet::kChunkError}) {
        EXPECT_FALSE(sctp::answer_out_of_the_blue(packet_of({silent})).has_value());
        EXPECT_FALSE(
            sctp::answer_out_of_the_blue(packet_of({packet::kChunkSack, silent})).has_value());
    }
}

class MalformedTest : public ::testing::Test {
 protected:
    void SetUp() override {
        net.listen(net.b, 5000, protected_leg());
        net.connect(client, 5000, protected_leg());
        ASSERT_TRUE(net.run_until(
            5s, [&] { return client.saw("established") && net.b.accepted.size() == 1; }));
        net.run(100ms);
    }
    void expect_alive() {
        client.send({0, 1, false, {1, 2, 3}});
        const size_t had = net.b.accepted[0]->received.size();
        EXPECT_TRUE(
            net.run_until(5s, [&] { return net.b.accepted[0]->received.size() == had + 1; }));
        EXPECT_FALSE(client.reason.has_value()) << client.detail;
    }
    TwoHosts net;
    Recorder client;
};

TEST_F(MalformedTest, every_cut_and_every_length_of_the_handshake_is_survived) {
    const std::vector<Seen> seen = net.seen;
    for (const Seen& one : seen) {
        for (size_t length = 0; length < one.octets.size(); ++length) {
            net.inject(net.a, std::span(one.octets).first(length), net.b.address);
            net.inject(net.b, std::span(one.octets).first(length), net.a.address);
        }
        for (size_t at = packet::kCommonHeader; at + 4 <= one.octets.size(); at += 4) {
            for (const int length : {0, 1, 3, 4, 5, 255, 65'535}) {
                auto changed = one.octets;
                packet::store_be16(changed.data() + at + 2, static_cast<uint16_t>(length));
                net.inject(net.a, changed, net.b.address);
                net.inject(net.b, changed, net.a.address);
            }
        }
        net.run(1ms);
    }
    EXPECT_GT(net.b.host->counters().malformed, 0U);
    expect_alive();
}

TEST_F(MalformedTest, an_init_that_usrsctp_would_end_the_association_for_is_refused) {
    const auto init = std::find_if(net.seen.begin(), net.seen.end(), [](const Seen& one) {
                          return one.first_chunk() == packet::kChunkInit;
                      })->octets;
    const auto refused = net.b.host->counters().init_refused;
    constexpr size_t kFixed = packet::kCommonHeader + packet::kChunkHeader;
    for (const size_t at : {kFixed + 4, kFixed + 8, kFixed + 10}) {  // window, streams
        auto changed = init;
        std::fill_n(changed.begin() + static_cast<ptrdiff_t>(at), at == kFixed + 4 ? 4 : 2, 0);
        net.inject(net.b, changed, net.a.address);
    }
    EXPECT_EQ(net.b.host->counters().init_refused, refused + 3);
    auto inconsistent = init;  // ASCONF without AUTH
    packet::append_parameter(inconsistent, std::vector<uint8_t>{0x80, 0x08, 0, 6, 0xc1, 0x80});
    net.inject(net.b, inconsistent, net.a.address);
    auto half = init;  // RANDOM without HMAC-ALGO
    packet::append_parameter(half, std::vector<uint8_t>{0x80, 0x02, 0, 5, 1});
    net.inject(net.b, half, net.a.address);
    net.run(10ms);
    expect_alive();
}

TEST_F(MalformedTest, garbage_is_survived) {
    SeededRandom random(5);
    for (int i = 0; i < 20'000; ++i) {
        std::vector<uint8_t> octets(random.u32() % 120);
        random.fill(octets);
        if (octets.size() >= packet::kCommonHeader && i % 2 == 0) {
            packet::write_common_header(
                octets.data(), {client.association->endpoints().local_port, 5000,
                                i % 4 == 0 ? client.association->negotiated().peer_tag : 0U});
        }
        net.inject(net.b, octets, net.a.address);
    }
    expect_alive();
}

TEST_F(MalformedTest, a_dtls_chunk_that_reaches_the_control_plane_is_malformed) {
    const auto before = net.b.host->counters().malformed;
    std::vector<uint8_t> octets(packet::kCommonHeader);
    packet::write_common_header(octets.data(), {40'000, 5000, 1});
    octets.insert(octets.end(), {packet::kChunkDtls, 0, 0, 32, 0, 0x2b});
    octets.resize(packet::kCommonHeader + 32);
    net.inject(net.b, octets, net.a.address);
    EXPECT_EQ(net.b.host->counters().malformed, before + 1);
}

}  // namespace
}  // namespace sdg::test
