// Strangers that complete the set-up of SCTP and never authenticate: how many places of a protected
// listener they get.
#include "control/sctp/unauthenticated_peers.h"

#include "dataplane/packet/key_management_parameter.h"
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

using sctp::UnauthenticatedPeers;
using sctp::UnauthenticatedShares;

TEST(UnauthenticatedPeers, counts_a_source_as_an_ipv4_address_or_an_ipv6_prefix) {
    constexpr UnauthenticatedShares kShares{.all = 0.75, .source = 0.5};
    UnauthenticatedPeers peers;
    const auto admitted = [&](const char* address) {
        const IpAddress peer = *IpAddress::parse(address);
        const bool admits = peers.admits(peer, 8, kShares);
        if (admits) {
            peers.add(peer);
        }
        return admits;
    };
    for (const char* address : {"fd01::1", "fd01::2", "fd01::3:4", "fd01::ffff:0:0:1"}) {
        EXPECT_TRUE(admitted(address)) << address;
    }
    EXPECT_FALSE(admitted("fd01::5")) << "half of eight are taken";
    EXPECT_TRUE(admitted("10.0.0.1"));
    EXPECT_TRUE(admitted("10.0.0.2"));
    EXPECT_FALSE(admitted("10.0.0.3")) << "three quarters of eight are taken";
    peers.remove(*IpAddress::parse("fd01::9"));
    EXPECT_TRUE(admitted("fd01::5"));
}

TEST(UnauthenticatedPeers, get_one_place_however_few_there_are) {
    const UnauthenticatedPeers peers;
    EXPECT_TRUE(peers.admits(*IpAddress::parse("10.0.0.1"), 1, {.all = 0.01, .source = 0.01}));
}

class Strangers : public testing::Test {
 protected:
    static constexpr uint16_t kPort = 5000;

    void SetUp() override { net.listen(net.b, kPort, protected_leg(), 8); }

    // INIT, and the COOKIE ECHO for the cookie that comes back. True: an association has been made.
    bool knock(const IpAddress& from) {
        const auto parameter = packet::KeyManagementParameter::create(
            9, packet::kKmFlagClient | packet::kKmFlagServer, std::vector<uint8_t>{0});
        std::vector<uint8_t> init(packet::kCommonHeader + packet::kChunkHeader +
                                  packet::kInitFixed);
        const uint16_t port = next_port++;
        packet::write_common_header(init.data(), {port, kPort, 0});
        uint8_t* chunk = init.data() + packet::kCommonHeader;
        chunk[0] = packet::kChunkInit;
        packet::store_be16(chunk + 2, packet::kChunkHeader + packet::kInitFixed);
        packet::store_be32(chunk + 4, 77U + port);
        packet::store_be32(chunk + 8, 100'000);
        packet::store_be16(chunk + 12, 10);
        packet::store_be16(chunk + 14, 10);
        packet::append_parameter(init, parameter->wire());
        net.seen.clear();
        net.inject(net.b, init, from);
        EXPECT_EQ(net.seen.size(), 1U);
        const auto answer = packet::InitView::parse(net.seen.back().octets);
        const auto cookie = answer->state_cookie();
        std::vector<uint8_t> echo(packet::kCommonHeader + packet::kChunkHeader);
        packet::write_common_header(echo.data(), {port, kPort, answer->initiate_tag()});
        echo[packet::kCommonHeader] = packet::kChunkCookieEcho;
        packet::store_be16(echo.data() + packet::kCommonHeader + 2,
                           static_cast<uint16_t>(packet::kChunkHeader + cookie->size()));
        echo.insert(echo.end(), cookie->begin(), cookie->end());
        const size_t before = net.b.host->association_count();
        net.seen.clear();
        net.inject(net.b, echo, from);
        return net.b.host->association_count() > before;
    }

    TwoHosts net;
    uint16_t next_port = 20'000;
};

TEST_F(Strangers, of_one_source_get_half_of_the_places_and_all_together_three_quarters) {
    const IpAddress one = *IpAddress::parse("10.9.0.1");
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(knock(one));
    }
    EXPECT_FALSE(knock(one));
    EXPECT_TRUE(net.seen.empty()) << "an answer would end what only has to wait";
    EXPECT_TRUE(knock(*IpAddress::parse("10.9.0.2")));
    EXPECT_TRUE(knock(*IpAddress::parse("10.9.0.3")));
    EXPECT_FALSE(knock(*IpAddress::parse("10.9.0.4")));
    EXPECT_EQ(net.b.host->counters().cookie_held_back, 2U);
    EXPECT_EQ(net.b.host->association_count(), 6U);
}

TEST_F(Strangers, give_their_place_back_when_they_are_given_up) {
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(knock(net.a.address));
    }
    // A peer with keys, behind the same address: its COOKIE ECHO comes again after a second.
    Recorder client;
    net.connect(client, kPort, protected_leg());
    net.run(500ms);
    EXPECT_FALSE(client.saw("established"));
    EXPECT_GT(net.b.host->counters().cookie_held_back, 0U);
    net.b.accepted[0]->association->abort("no keys in time");
    EXPECT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
}

TEST_F(Strangers, are_none_once_they_have_authenticated) {
    Recorder client;
    net.connect(client, kPort, protected_leg());
    ASSERT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
    ASSERT_TRUE(net.run_until(2s, [&] { return net.b.accepted[0]->saw("first opened"); }));
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(knock(net.a.address));
    }
    EXPECT_FALSE(knock(net.a.address));
}

}  // namespace
}  // namespace sdg::test
