// The configuration changes while associations are up and messages are on their way.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/sim/log_capture.h"
#include "tests/sim/rekeys.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

class Reload : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

World::Settings with(Keys keys, uint64_t seed) {
    World::Settings out;
    out.seed = seed;
    out.keys_a = out.keys_b = keys;
    out.adjust_a = out.adjust_b = [](config::Configuration& c) {
        if (c.protection[0].tls13) {
            c.protection[0].tls13->min_rekey_interval_ms = 0;
        }
    };
    return out;
}

config::Listener another_listener(const config::Configuration& c, const std::string& name,
                                  uint16_t port) {
    config::Listener out = c.listeners[0];
    out.name = name;
    out.port = port;
    return out;
}

Peer& connect_to(World& world, uint16_t port) {
    return world.client->connect(*IpAddress::parse("10.1.0.1"), port);
}

// The same as expect_relayed(), of one that has just been connected while others are up.
void expect_relayed_too(World& world, Peer& client, const std::vector<Message>& messages) {
    const size_t index = world.server->peers().size();
    for (const auto& m : messages) {
        client.send(m);
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            const auto& peers = world.server->peers();
            return peers.size() > index && peers[index]->received().size() == messages.size();
        },
        seconds(120)));
    expect_same(messages, world.server->peers()[index]->received());
}

void peers_are(config::Configuration& c, const std::string& name) {
    if (c.protection[0].tls13) {
        c.protection[0].tls13->peer_names = {name};
    }
    if (c.protection[0].dtls13) {
        c.protection[0].dtls13->peer_names = {name};
    }
}

// Everything that may change does so again and again, on a link that loses packets.
TEST_F(Reload, two_hundred_under_traffic_lose_no_message) {
    auto settings = with(Keys::tls13, 71);
    settings.trunk = {.loss = 0.02};
    World world(settings);
    Peer& client = world.connect();
    const auto messages = make_messages(71, 2'000, 4'000);
    size_t sent = 0;
    for (unsigned i = 0; i < 200; ++i) {
        for (const size_t until = messages.size() * (i + 1) / 200; sent < until; ++sent) {
            client.send(messages[sent]);
        }
        const auto change = [&](config::Configuration& c) {
            const auto turn = static_cast<uint16_t>(i % 7);
            c.listeners.resize(1);
            c.backends.resize(1);
            for (uint16_t extra = 0; extra < turn; ++extra) {
                config::Backend to = c.backends[0];
                to.name = "b" + std::to_string(i) + "-" + std::to_string(extra);
                c.backends.push_back(to);
                c.listeners.push_back(another_listener(c, to.name, 1'000 + extra));
                c.listeners.back().backend = c.backends.size() - 1;
            }
            c.listeners[0].name = i % 3 == 0 ? "others" : "nodes";
            c.listeners[0].max_streams = static_cast<uint16_t>(16 + i % 2);
            c.listeners[0].max_associations = 10 + i;
            c.backends[0].streams = static_cast<uint16_t>(16 + i % 5);
            c.protection[0].tls13->rekey_age_s = 600 + i;
            c.limits.send_buffer_kib = 256 + i;
        };
        if (i % 10 == 0) {
            world.pki->issue(i % 20 == 0 ? "a" : "b", i % 20 == 0 ? "a.example" : "b.example");
        }
        ASSERT_EQ(world.reload(world.a, change), "");
        ASSERT_EQ(world.reload(world.b), "");
        if (i % 10 == 5) {
            (i % 20 == 5 ? world.a : world.b)->request_rekey();
        }
        world.run_for(milliseconds(100));
        ASSERT_LE(world.a->relay().listeners().size(), 9U);
        ASSERT_LE(world.a->relay().backends().size(), 9U);
        ASSERT_LE(world.a->policies().environments.tls13.size(), 24U);
    }
    ASSERT_TRUE(world.run_until(
        [&] { return world.server->peers()[0]->received().size() == messages.size(); },
        seconds(60)));
    expect_same(messages, world.server->peers()[0]->received());
    EXPECT_FALSE(client.closed());
    EXPECT_EQ(world.a->relay().counters().protection_failures, 0U);
    EXPECT_EQ(world.a->relay().counters().messages_cut, 0U);
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    world.run_for(seconds(1));
    EXPECT_EQ(world.a->relay().listeners().size(), 1U + 199 % 7);
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);
}

TEST_F(Reload, a_new_listener_and_backend_serve_at_once) {
    World world(with(Keys::tls13, 72));
    Peer& first = world.connect();
    expect_relayed(world, first, make_messages(1, 5, 500));
    ASSERT_EQ(world.reload(world.a,
                           [](config::Configuration& c) {
                               config::Backend to = c.backends[0];
                               to.name = "second";
                               c.backends.push_back(to);
                               c.listeners.push_back(another_listener(c, "more", 999));
                               c.listeners.back().backend = 1;
                           }),
              "");
    Peer& second = connect_to(world, 999);
    expect_relayed_too(world, second, make_messages(2, 5, 500));
    EXPECT_EQ(world.a->relay().backends()[1]->counters.connected, 1U);
    EXPECT_FALSE(first.closed());
}

TEST_F(Reload, a_removed_listener_takes_nobody_and_keeps_whom_it_has) {
    World world(with(Keys::tls13, 73));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    ASSERT_EQ(world.reload(world.a,
                           [](config::Configuration& c) {
                               c.listeners[0] = another_listener(c, "other", 999);
                           }),
              "");
    Peer& late = world.connect();
    ASSERT_TRUE(world.run_until([&] { return late.closed(); }, seconds(30)));
    const LogCapture log;
    world.a->request_rekey();
    world.run_for(seconds(2));
    EXPECT_TRUE(log.has(": epoch 4: ")) << log.text();  // keys are renewed as before
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    world.run_for(seconds(1));
    EXPECT_EQ(world.a->relay().listeners().size(), 1U);
}

// The peer of an association whose listener is gone, or listens otherwise now, may restart it.
TEST_F(Reload, a_protected_restart_outlives_the_listener) {
    auto settings = with(Keys::tls13, 74);
    settings.restart = true;
    World world(settings);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    world.run_for(seconds(2));
    ASSERT_EQ(
        world.reload(world.b, [](config::Configuration& c) { c.listeners[0].max_streams = 20; }),
        "");
    ASSERT_EQ(world.reload(world.b, [](config::Configuration& c) { c.listeners[0].port = 999; }),
              "");
    world.kill(world.a);
    world.start(world.a);
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 1; },
                                seconds(60)));
    client.send({1, 60, false, {1, 2, 3}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(30)));
}

// --- who may be at the other end

TEST_F(Reload, other_names_of_peers_hold_from_the_next_handshake) {
    auto settings = with(Keys::tls13, 75);
    settings.adjust_a = [](config::Configuration& c) {
        c.protection[0].tls13->rekey_age_s = 20;
        c.protection[0].tls13->key_lifetime_s = 60;
    };
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    ASSERT_EQ(
        world.reload(world.a, [](config::Configuration& c) { peers_are(c, "dns:c.example"); }), "");
    // What is up goes on until it has to authenticate again; what is new is refused.
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
    Peer& late = world.connect();
    ASSERT_TRUE(world.run_until([&] { return late.closed(); }, seconds(40)));
    EXPECT_TRUE(log.has("none of the names expected: dns:c.example")) << log.text();
    EXPECT_FALSE(client.closed());
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(80)));
    EXPECT_TRUE(log.has("could not be renewed")) << log.text();
}

TEST_F(Reload, names_of_one_backend_do_not_touch_another) {
    World world(with(Keys::tls13, 76));
    const auto two = [](config::Configuration& c) {
        config::Backend to = c.backends[0];
        to.name = "second";
        c.backends.push_back(to);
        c.listeners.push_back(another_listener(c, "more", 999));
        c.listeners.back().backend = 1;
    };
    ASSERT_EQ(world.reload(world.a, two), "");
    Peer& first = world.connect();
    expect_relayed(world, first, make_messages(1, 3, 500));
    Peer& second = connect_to(world, 999);
    expect_relayed_too(world, second, make_messages(2, 3, 500));
    world.run_for(seconds(1));
    ASSERT_EQ(world.reload(
                  world.a,
                  [](config::Configuration& c) { c.backends[1].peer_names = {"dns:c.example"}; }),
              "");
    const LogCapture log;
    world.a->request_rekey();
    world.run_for(seconds(3));
    EXPECT_TRUE(log.has("none of the names expected: dns:c.example")) << log.text();
    EXPECT_TRUE(log.has("epoch 4: TLS")) << log.text();
}

TEST_F(Reload, a_method_1_association_has_to_authenticate_to_the_new_names) {
    auto settings = with(Keys::dtls13, 77);
    settings.adjust_a = [](config::Configuration& c) {
        c.protection[0].dtls13->reauthentication_interval_s = 20;
    };
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    ASSERT_EQ(
        world.reload(world.a, [](config::Configuration& c) { peers_are(c, "dns:c.example"); }), "");
    world.run_for(seconds(5));
    EXPECT_FALSE(client.closed());
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
    EXPECT_TRUE(log.has("none of the names expected: dns:c.example")) << log.text();
}

TEST_F(Reload, a_policy_that_is_gone_is_the_end_of_its_associations_in_time) {
    auto settings = with(Keys::tls13, 78);
    settings.adjust_a = [](config::Configuration& c) {
        c.protection[0].tls13->rekey_age_s = 20;
        c.protection[0].tls13->key_lifetime_s = 60;
    };
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    ASSERT_EQ(world.reload(world.a,
                           [](config::Configuration& c) {
                               c.protection[0].name = "another";
                               c.backends[0].name = "another";
                           }),
              "");
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(90)));
    EXPECT_TRUE(log.has("its protection policy is not in the configuration any more"))
        << log.text();
    Peer& late = world.connect();
    expect_relayed_too(world, late, make_messages(2, 5, 500));
}

// A shorter life of keys must not end those that were made for a longer one.
TEST_F(Reload, times_hold_from_the_next_keys_on) {
    auto settings = with(Keys::tls13, 79);
    World world(settings);
    const LogCapture log;
    EpochWatch a(*world.a);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    world.run_for(seconds(40));
    ASSERT_EQ(world.reload(world.a,
                           [](config::Configuration& c) {
                               c.protection[0].tls13->rekey_age_s = 10;
                               c.protection[0].tls13->key_lifetime_s = 30;
                           }),
              "");
    world.run_for(seconds(15));
    EXPECT_FALSE(client.closed());
    EXPECT_EQ(a.newest, packet::kFirstEpoch);
    world.a->request_rekey();
    world.run_for(seconds(25));
    EXPECT_GE(a.newest, packet::kFirstEpoch + 3);
    EXPECT_FALSE(client.closed());
}

TEST_F(Reload, another_preshared_key_is_for_new_associations) {
    World world(with(Keys::preshared, 80));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    const auto key = [](config::Configuration& c) {
        const auto path = c.protection[0].preshared_file->parent_path() / "new.psk";
        std::ofstream(path) << "psk: " << std::string(64, 'c') << '\n';
        std::filesystem::permissions(
            path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
        c.protection[0].preshared_file = path;
    };
    ASSERT_EQ(world.reload(world.a, key), "");
    ASSERT_EQ(world.reload(world.b, key), "");
    Peer& second = world.connect();
    expect_relayed_too(world, second, make_messages(2, 5, 500));
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
}

// --- all or nothing

struct Fault {
    const char* name;
    std::function<void(config::Configuration&)> change;
    const char* refusal;
};

void PrintTo(const Fault& fault, std::ostream* out) {
    *out << fault.name;
}

class ReloadRefused : public testing::TestWithParam<Fault> {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

TEST_P(ReloadRefused, and_nothing_is_changed) {
    World world(with(Keys::all, 81));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 5, 500));
    const auto policies_before = world.a->policies().of_backends;
    const std::string refusal = world.reload(world.a, [](config::Configuration& c) {
        // Much that would be possible by itself comes before the fault.
        c.limits.handshakes = 1;
        c.listeners.push_back(another_listener(c, "more", 999));
        peers_are(c, "dns:c.example");
        c.backends[0].port = 4;
        GetParam().change(c);
    });
    EXPECT_TRUE(refusal.find(GetParam().refusal) != std::string::npos) << refusal;
    EXPECT_EQ(world.a->relay().listeners().size(), 1U);
    EXPECT_EQ(world.a->policies().of_backends, policies_before);
    Peer& refused = connect_to(world, 999);
    ASSERT_TRUE(world.run_until([&] { return refused.closed(); }, seconds(30)));
    Peer& more = world.connect();
    expect_relayed_too(world, more, make_messages(2, 5, 500));
    world.a->request_rekey();
    world.run_for(seconds(2));
    EXPECT_FALSE(client.closed());
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
}

INSTANTIATE_TEST_SUITE_P(
    Reload, ReloadRefused,
    testing::Values(
        Fault{"no_such_certificate",
              [](config::Configuration& c) { c.protection[0].tls13->certificate = "/nowhere"; },
              "protection[trunk]: protection policy trunk: /nowhere: no PEM certificate chain"},
        Fault{"a_key_of_another_certificate",
              [](config::Configuration& c) {
                  auto& tls = *c.protection[0].dtls13;
                  tls.private_key = (tls.certificate.parent_path() / "b.key").string();
              },
              "does not belong to"},
        Fault{"no_such_authority",
              [](config::Configuration& c) { c.protection[0].dtls13->authorities = {"/nowhere"}; },
              "protection[trunk]: protection policy trunk: /nowhere: no PEM certificates"},
        Fault{"no_such_preshared_key",
              [](config::Configuration& c) { c.protection[0].preshared_file = "/nowhere"; },
              "protection[trunk]: protection policy trunk: /nowhere"},
        Fault{"a_name_that_is_none", [](config::Configuration& c) { c.listeners[0].name = "more"; },
              "listeners[more]: there are two of this name"},
        Fault{"an_address_that_is_taken",
              [](config::Configuration& c) { c.listeners[1].port = c.listeners[0].port; },
              "listeners[more]: 10.1.0.1 port 38412 is that of listener nodes"},
        Fault{"an_mtu_too_small_for_sctp", [](config::Configuration& c) { c.sctp.path_mtu = 200; },
              "listeners[nodes]: MTU 200"},
        Fault{"tables_for_restart_that_are_not_there",
              [](config::Configuration& c) { c.protection[0].restart = true; },
              "protection[trunk].restart: the tables"},
        Fault{"another_port", [](config::Configuration& c) { c.ports[0].mtu = 1400; },
              "ports: ports are set up at start"}),
    testing::PrintToStringParamName());

TEST_F(Reload, a_gateway_that_is_being_stopped_takes_no_other_configuration) {
    World world(with(Keys::preshared, 82));
    world.a->drain();
    EXPECT_EQ(world.reload(world.a), "listeners: the gateway is being stopped");
}

}  // namespace
}  // namespace sdg::sim
