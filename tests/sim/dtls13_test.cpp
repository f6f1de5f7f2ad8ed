// Method 1 through two gateways and a simulated link: first keys, key updates, authenticating anew,
// negotiation with the other methods.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "control/relay/pair.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "gateway/admin_operations.h"
#include "tests/sim/log_capture.h"
#include "tests/sim/rekeys.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

class Dtls13 : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

std::function<void(config::Configuration&)> adjust(std::function<void(config::Dtls13&)> change) {
    return
        [change = std::move(change)](config::Configuration& c) { change(*c.protection[0].dtls13); };
}

World::Settings with_dtls(uint64_t seed, std::function<void(config::Dtls13&)> change = {}) {
    World::Settings out;
    out.seed = seed;
    out.keys_a = Keys::dtls13;
    out.keys_b = Keys::dtls13;
    if (change) {
        out.adjust_a = out.adjust_b = adjust(std::move(change));
    }
    return out;
}

void quickly(config::Dtls13& dtls13) {
    dtls13.min_update_interval_ms = 0;
}

TEST_F(Dtls13, first_keys_then_nothing_in_clear) {
    World world(with_dtls(21));
    std::vector<std::pair<Link::Direction, uint8_t>> order;
    world.trunk.set_tap([&](Link::Direction direction, std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (parsed.kind == packet::FrameKind::sctp) {
            order.emplace_back(direction, parsed.first_chunk);
        }
    });
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(2, 60, 20'000));
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);

    bool is_protected[2] = {false, false};
    for (const auto& [direction, chunk] : order) {
        bool& side = is_protected[direction == Link::Direction::a_to_b ? 0 : 1];
        if (chunk == packet::kChunkDtls) {
            side = true;
        } else {
            EXPECT_FALSE(side) << "chunk " << int{chunk} << " in clear after protection";
        }
    }
    EXPECT_TRUE(is_protected[0] && is_protected[1]);
    EXPECT_TRUE(
        log.has("protected by DTLS 1.3, TLS_AES_128_GCM_SHA256, x25519, peer "
                "dns:b.example"))
        << log.text();
    EXPECT_TRUE(log.has("dns:a.example")) << log.text();
}

TEST_F(Dtls13, either_side_can_be_the_dtls_client) {
    for (const auto& [roles_a, roles_b] :
         {std::pair{"c", "s"}, std::pair{"s", "c"}, std::pair{"cs", "s"}, std::pair{"s", "cs"}}) {
        auto settings = with_dtls(22);
        settings.roles_a = roles_a;
        settings.roles_b = roles_b;
        World world(settings);
        Peer& client = world.connect();
        expect_relayed(world, client, make_messages(3, 20, 2'000));
    }
}

TEST_F(Dtls13, a_server_that_speaks_first_is_relayed) {
    // The side whose keys come first has nothing to wait for but its own upper layer.
    World world(with_dtls(23));
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until([&] { return !world.server->peers().empty(); }, seconds(10)));
    world.server->peers()[0]->send({3, 60, false, {7, 7}});
    ASSERT_TRUE(world.run_until([&] { return client.received().size() == 1; }, seconds(10)));
    EXPECT_EQ(client.received()[0].octets, (std::vector<uint8_t>{7, 7}));
}

class DtlsSetUp : public testing::TestWithParam<Mishap> {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

TEST_P(DtlsSetUp, survives_it_for_each_packet) {
    set_up_survives(with_dtls(24), GetParam());
}

TEST_P(DtlsSetUp, and_a_key_update_does_for_each_packet) {
    rekeys_survive(with_dtls(39, quickly), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Dtls13, DtlsSetUp,
                         testing::Values(Mishap::lost, Mishap::doubled, Mishap::late),
                         testing::PrintToStringParamName());

TEST_F(Dtls13, two_hundred_key_updates_in_a_row_under_load_on_a_bad_link) {
    rekeys_under_load(with_dtls(25, quickly), 200);
}

TEST_F(Dtls13, crossed_starts_make_one_epoch) {
    World world(with_dtls(26));
    const LogCapture log;
    EpochWatch a(*world.a);
    EpochWatch b(*world.b);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(6, 5, 500));
    world.run_for(milliseconds(1500));
    world.a->request_rekey();
    world.b->request_rekey();
    world.run_for(seconds(3));
    EXPECT_EQ(log.count("key update to epoch 4"), 2U) << "they did not cross";
    EXPECT_EQ(a.newest, 4);
    EXPECT_EQ(b.newest, 4);
    EXPECT_EQ(a.installed, 4U);
    EXPECT_EQ(b.installed, 4U);
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
}

TEST_F(Dtls13, updates_by_age_and_by_volume) {
    auto settings = with_dtls(27);
    settings.adjust_a = adjust([](config::Dtls13& dtls13) {
        dtls13.update_age_s = 10;
        dtls13.drain_s = 3;
    });
    settings.adjust_b = adjust([](config::Dtls13& dtls13) { dtls13.update_volume_mb = 1; });
    World world(settings);
    const LogCapture log;
    EpochWatch a(*world.a);
    Peer& client = world.connect();
    std::vector<Message> messages;
    for (uint8_t i = 0; i < 30; ++i) {
        messages.push_back({1, 60, false, std::vector<uint8_t>(100'000, i)});
    }
    expect_relayed(world, client, messages);
    world.run_for(seconds(60));
    EXPECT_TRUE(log.has(" octets")) << log.text();
    EXPECT_TRUE(log.has(": age")) << log.text();
    EXPECT_GE(a.newest, packet::kFirstEpoch + 6);
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 31; },
                                seconds(10)));
}

TEST_F(Dtls13, reloaded_certificates_serve_the_next_authentication) {
    World world(
        with_dtls(33, [](config::Dtls13& dtls13) { dtls13.reauthentication_interval_s = 20; }));
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(9, 5, 500));
    world.pki->issue("b", "b.example");  // another key and serial number, the same name
    ASSERT_EQ(world.reload(world.b), "");
    world.run_for(seconds(22));
    EXPECT_TRUE(log.has("peer dns:b.example has authenticated anew")) << log.text();
    EXPECT_TRUE(log.has("peer dns:a.example has authenticated anew")) << log.text();
    EXPECT_FALSE(client.closed());

    // Another name: the identity is pinned.
    world.pki->write("b", world.pki->make({.subject_alternative_names = "DNS:b.example,DNS:more"},
                                          &world.pki->root()));
    ASSERT_EQ(world.reload(world.b), "");
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
    EXPECT_TRUE(log.has("the identity changed during the association, it was dns:b.example"))
        << log.text();
}

// What the operator's commands of A see and do.
TEST_F(Dtls13, a_peer_authenticates_anew_when_the_operator_asks) {
    World world(with_dtls(34));
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(9, 5, 500));
    gateway::AdminOperations operations(*world.a);
    const uint64_t id = world.a->relay().pairs().front()->id();
    const auto protection = [&] {
        return (*operations.association(id))["legs"]["backend"]["protection"];
    };
    EXPECT_EQ(protection()["authentications"], 1);
    EXPECT_EQ(protection()["peer"], "dns:b.example");
    world.run_for(seconds(5));
    EXPECT_GE(protection()["authenticated_age_s"].get<double>(), 5);

    ASSERT_TRUE(operations.reauthenticate(id));
    ASSERT_TRUE(operations.reauthenticate(id)) << "the one under way is the one that is wanted";
    ASSERT_TRUE(world.run_until([&] { return protection()["authentications"] == 2; }, seconds(5)));
    EXPECT_LT(protection()["authenticated_age_s"].get<double>(), 1);
    EXPECT_EQ(log.count("the peer is asked to authenticate anew"), 1U) << log.text();
    EXPECT_EQ(log.count("peer dns:b.example has authenticated anew"), 1U) << log.text();
    EXPECT_FALSE(log.has("peer dns:a.example has authenticated anew")) << "nobody asked B";

    // It is a real exchange: a peer that has another identity by now is refused.
    world.pki->write("b", world.pki->make({.subject_alternative_names = "DNS:b.example,DNS:more"},
                                          &world.pki->root()));
    ASSERT_EQ(world.reload(world.b), "");
    ASSERT_TRUE(operations.reauthenticate(id));
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
    EXPECT_TRUE(log.has("the identity changed during the association")) << log.text();
    EXPECT_EQ(operations.reauthenticate(id).error().code, ErrorCode::not_found);
}

TEST_F(Dtls13, a_name_that_is_not_expected_is_refused_and_both_say_so) {
    for (const bool by_a : {true, false}) {
        auto settings = with_dtls(30);
        (by_a ? settings.adjust_a : settings.adjust_b) =
            adjust([](config::Dtls13& tls) { tls.peer_names = {"dns:c.example"}; });
        World world(settings);
        const LogCapture log;
        Peer& client = world.connect();
        client.send({1, 60, false, {1, 2, 3}});
        ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
        EXPECT_TRUE(world.server->peers().empty());
        EXPECT_TRUE(log.has(std::string("the certificate of peer dns:") + (by_a ? "b" : "a") +
                            ".example is refused: none of the names expected: dns:c.example"))
            << log.text();
        EXPECT_TRUE(log.has("the peer ended the connection with alert")) << log.text();
        EXPECT_EQ(world.a->relay().counters().protection_failures, 1U);
        EXPECT_EQ(world.b->relay().counters().protection_failures, 1U);
    }
}

TEST_F(Dtls13, any_bit_changed_in_a_parameter_ends_the_association) {
    constexpr size_t kParameterBits = 80;
    for (const uint8_t chunk : {packet::kChunkInit, packet::kChunkInitAck}) {
        for (size_t bit = chunk; bit < kParameterBits; bit += 7) {
            World world(
                with_dtls(29, [](config::Dtls13& tls) { tls.handshake_timeout_ms = 1000; }));
            size_t changed = 0;
            world.trunk.set_filter([&](Link::Direction, std::span<uint8_t> frame) {
                const auto parsed = packet::parse(frame);
                if (parsed.kind == packet::FrameKind::sctp && parsed.first_chunk == chunk) {
                    auto sctp = frame.subspan(parsed.l4_offset, parsed.l4_length);
                    const std::array<uint8_t, 4> start = {0x80, 0x06, 0x00, 0x0a};
                    const auto at =
                        std::find_end(sctp.begin(), sctp.end(), start.begin(), start.end());
                    if (at != sctp.end()) {
                        *(at + static_cast<ptrdiff_t>(bit / 8)) ^=
                            static_cast<uint8_t>(0x80 >> bit % 8);
                        packet::set_checksum(sctp);
                        ++changed;
                    }
                }
                return true;
            });
            Peer& client = world.connect();
            client.send({1, 60, false, {1, 2, 3}});
            ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)))
                << "bit " << bit << " of the parameter in chunk " << int{chunk};
            ASSERT_GT(changed, 0U);
            for (const auto& peer : world.server->peers()) {
                ASSERT_TRUE(peer->received().empty());
            }
        }
    }
}

TEST_F(Dtls13, methods_are_agreed_by_preference) {
    using enum config::KeyManagementMethod;
    struct Case {
        std::vector<config::KeyManagementMethod> a;
        std::vector<config::KeyManagementMethod> b;
        const char* log;
    };
    for (const auto& [of_a, of_b, expected] :
         {Case{{dtls13, tls13, preshared}, {dtls13, tls13, preshared}, "method 1 is"},
          Case{{tls13, dtls13, preshared}, {tls13, preshared, dtls13}, "method 192"},
          Case{{preshared, dtls13}, {preshared, tls13, dtls13}, "method 0"},
          Case{{dtls13}, {preshared, tls13, dtls13}, "method 1 is"},
          Case{{preshared, dtls13}, {tls13, dtls13}, "method 1 is"},
          Case{{dtls13, preshared}, {preshared, tls13}, "method 0"}}) {
        World::Settings settings;
        settings.seed = 35;
        settings.keys_a = Keys::all;
        settings.keys_b = Keys::all;
        settings.adjust_a = [&methods = of_a](config::Configuration& c) {
            c.protection[0].methods = methods;
        };
        settings.adjust_b = [&methods = of_b](config::Configuration& c) {
            c.protection[0].methods = methods;
        };
        World world(settings);
        const LogCapture log;
        Peer& client = world.connect();
        expect_relayed(world, client, make_messages(11, 5, 500));
        EXPECT_TRUE(log.has(expected)) << expected << ":\n" << log.text();
    }
}

TEST_F(Dtls13, a_crowd_waits_for_slots_and_all_come_up) {
    auto settings = with_dtls(38);
    const auto few = [](config::Configuration& c) { c.limits.handshakes = 4; };
    settings.adjust_a = few;
    settings.adjust_b = few;
    World world(settings);
    constexpr size_t kCrowd = 60;
    for (size_t i = 0; i < kCrowd; ++i) {
        world.connect().send({1, 60, false, {static_cast<uint8_t>(i)}});
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            const auto& peers = world.server->peers();
            return peers.size() == kCrowd && std::all_of(peers.begin(), peers.end(), [](auto& p) {
                       return p->received().size() == 1;
                   });
        },
        seconds(60)));
    EXPECT_EQ(world.b->relay().counters().protection_failures, 0U);
}

}  // namespace
}  // namespace sdg::sim
