// Extended key update: either side first, both at once, over good and bad links, out of turn.
#include <set>

#include "tests/unit/keymgmt/dtls13/world.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

class KeyUpdate : public testing::Test {
 protected:
    World world;

    void establish() {
        world.handshake();
        world.expect_established();
        ASSERT_TRUE(world.client->is_acknowledged());
    }
    void expect_epoch(uint64_t epoch) {
        for (const Side* side : {&world.client, &world.server}) {
            ASSERT_EQ((*side)->state(), Connection::State::established) << World::reason(*side);
            EXPECT_FALSE((*side)->is_updating());
            EXPECT_EQ((*side)->send_epoch(), epoch);
            EXPECT_EQ((*side)->receive_epoch(), epoch);
            EXPECT_FALSE((*side)->deadline());
        }
        const auto mine = world.client->export_of_epoch(epoch, "EXPORTER-x", {}, 32);
        const auto theirs = world.server->export_of_epoch(epoch, "EXPORTER-x", {}, 32);
        ASSERT_TRUE(mine && theirs);
        EXPECT_EQ(*mine, *theirs);
        const auto before = world.client->export_of_epoch(epoch - 1, "EXPORTER-x", {}, 32);
        ASSERT_TRUE(before);
        EXPECT_NE(*mine, *before);
        EXPECT_FALSE(world.client->export_of_epoch(epoch + 1, "EXPORTER-x", {}, 32));
        EXPECT_FALSE(world.client->export_of_epoch(epoch - 2, "EXPORTER-x", {}, 32));
    }
    void expect_data_both_ways() {
        world.client.data.clear();
        world.server.data.clear();
        ASSERT_TRUE(world.client->send(octets_of("c")));
        ASSERT_TRUE(world.server->send(octets_of("s")));
        world.run();
        EXPECT_EQ(world.client.data.size(), 1U);
        EXPECT_EQ(world.server.data.size(), 1U);
    }
};

TEST_F(KeyUpdate, either_side_first) {
    for (const Role first : {Role::client, Role::server}) {
        world = {};
        establish();
        for (uint64_t epoch = 4; epoch < 12; ++epoch) {
            ASSERT_TRUE(world.side(first)->start_key_update());
            EXPECT_TRUE(world.side(first)->is_updating());
            EXPECT_FALSE(world.side(first)->start_key_update());
            world.run();
            expect_epoch(epoch);
            expect_data_both_ways();
        }
    }
}

TEST_F(KeyUpdate, in_every_group_and_suite) {
    for (const NamedGroup group : {NamedGroup::secp256r1, NamedGroup::secp384r1}) {
        world = {};
        world.client.configuration->groups = {group};
        world.client.configuration->suites = {group == NamedGroup::secp256r1
                                                  ? record::Suite::chacha20_poly1305_sha256
                                                  : record::Suite::aes_256_gcm_sha384};
        establish();
        ASSERT_TRUE(world.server->start_key_update());
        world.run();
        expect_epoch(4);
        expect_data_both_ways();
    }
}

TEST_F(KeyUpdate, over_a_reliable_transport) {
    for (Side* side : {&world.client, &world.server}) {
        side->configuration->transport = Transport::reliable;
    }
    establish();
    for (uint64_t epoch = 4; epoch < 204; ++epoch) {
        ASSERT_TRUE(world.side(epoch % 3 == 0 ? Role::server : Role::client)->start_key_update());
        // Data on the way while the epochs move.
        ASSERT_TRUE(world.client->send(octets_of("c")));
        ASSERT_TRUE(world.server->send(octets_of("s")));
        world.run();
        expect_epoch(epoch);
    }
    EXPECT_EQ(world.client.data.size(), 200U);
    EXPECT_EQ(world.server.data.size(), 200U);
}

TEST_F(KeyUpdate, requests_that_cross_make_one_update) {
    for (int i = 0; i < 20; ++i) {
        for (const Transport transport : {Transport::datagram, Transport::reliable}) {
            world = {};
            for (Side* side : {&world.client, &world.server}) {
                side->configuration->transport = transport;
            }
            establish();
            ASSERT_TRUE(world.client->start_key_update());
            ASSERT_TRUE(world.server->start_key_update());
            world.run();
            expect_epoch(4);
            expect_data_both_ways();
            ASSERT_TRUE(world.server->start_key_update());
            world.run();
            expect_epoch(5);
        }
    }
}

TEST_F(KeyUpdate, survives_a_link_that_loses_repeats_and_overtakes) {
    for (uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        world = {};
        for (Side* side : {&world.client, &world.server}) {
            side->configuration->max_retransmissions = 14;
            side->configuration->update_timeout = {};
        }
        establish();
        world.seed(seed);
        world.link = {.lost = 20, .repeated = 15, .overtaken = 20};
        for (uint64_t epoch = 4; epoch < 10; ++epoch) {
            const bool crossed = (seed + epoch) % 3 == 0;
            if (crossed || epoch % 2 == 0) {
                ASSERT_TRUE(world.client->start_key_update());
            }
            if (crossed || epoch % 2 == 1) {
                ASSERT_TRUE(world.server->start_key_update());
            }
            world.run();
            expect_epoch(epoch);
            if (HasFatalFailure()) {
                return;
            }
        }
        world.link = {};
        expect_data_both_ways();
    }
}

TEST_F(KeyUpdate, every_single_loss_is_made_good) {
    for (const Role loser : {Role::client, Role::server}) {
        for (size_t number = 0; number < 4; ++number) {
            for (const bool crossed : {false, true}) {
                world = {};
                establish();
                std::array<size_t, 2> seen{};
                world.fate = [&](Role from, size_t, Octets datagram) {
                    const bool is_lost =
                        seen[from == Role::client ? 0 : 1]++ == number && from == loser;
                    return is_lost ? std::vector<Octets>{}
                                   : std::vector<Octets>{std::move(datagram)};
                };
                ASSERT_TRUE(world.client->start_key_update());
                if (crossed) {
                    ASSERT_TRUE(world.server->start_key_update());
                }
                world.run();
                world.fate = {};
                expect_epoch(4);
                expect_data_both_ways();
            }
        }
    }
}

TEST_F(KeyUpdate, every_octet_changed_is_only_a_loss_or_the_end) {
    for (const Transport transport : {Transport::datagram, Transport::reliable}) {
        for (size_t number = 0; number < 4; ++number) {
            for (size_t at = 0; at < 90; ++at) {
                SCOPED_TRACE(std::to_string(number) + " " + std::to_string(at));
                world = {};
                for (Side* side : {&world.client, &world.server}) {
                    side->configuration->transport = transport;
                }
                establish();
                size_t seen = 0;
                bool changed = false;
                world.fate = [&](Role, size_t, Octets datagram) {
                    if (seen++ == number && at < datagram.size()) {
                        datagram[at] ^= 0x10;
                        changed = true;
                    }
                    return std::vector<Octets>{std::move(datagram)};
                };
                ASSERT_TRUE(world.server->start_key_update());
                world.run();
                if (transport == Transport::datagram || !changed) {
                    expect_epoch(4);
                } else {
                    EXPECT_EQ(world.client->state(), Connection::State::failed);
                    EXPECT_EQ(world.server->state(), Connection::State::failed);
                }
            }
        }
    }
}

TEST_F(KeyUpdate, data_of_the_old_epoch_is_taken_until_the_new_one_is_used) {
    establish();
    ASSERT_TRUE(world.client->send(octets_of("before")));
    world.client.drain();
    const Octets late = world.client.outgoing.back();
    world.client.outgoing.clear();
    ASSERT_TRUE(world.client->start_key_update());
    world.run();
    expect_epoch(4);
    world.server->receive(late);
    world.server.drain();
    ASSERT_EQ(world.server.data.size(), 1U);
    expect_data_both_ways();
    world.server->receive(late);
    EXPECT_TRUE(world.server->take_data().empty());
}

TEST_F(KeyUpdate, requests_in_quick_succession_are_answered_later) {
    world.server.configuration->min_update_interval = std::chrono::seconds(10);
    establish();
    ASSERT_TRUE(world.client->start_key_update());
    world.run();
    expect_epoch(4);
    const TimePoint first = world.clock.now();
    ASSERT_TRUE(world.client->start_key_update());
    world.run();
    expect_epoch(5);
    EXPECT_GE(world.clock.now() - first, std::chrono::seconds(10));
}

TEST_F(KeyUpdate, crossed_requests_in_quick_succession_are_one_update_later) {
    for (int i = 0; i < 10; ++i) {
        for (const Transport transport : {Transport::datagram, Transport::reliable}) {
            world = {};
            for (Side* side : {&world.client, &world.server}) {
                side->configuration->transport = transport;
                side->configuration->min_update_interval = std::chrono::seconds(10);
            }
            establish();
            ASSERT_TRUE(world.client->start_key_update());
            world.run();
            ASSERT_TRUE(world.server->start_key_update());
            world.run();
            expect_epoch(5);
            ASSERT_TRUE(world.client->start_key_update());
            ASSERT_TRUE(world.server->start_key_update());
            world.run();
            expect_epoch(6);
            EXPECT_GE(world.clock.now(), std::chrono::seconds(10));
            expect_data_both_ways();
        }
    }
}

TEST_F(KeyUpdate, one_that_is_not_answered_ends_the_connection) {
    for (Side* side : {&world.client, &world.server}) {
        side->configuration->transport = Transport::reliable;
    }
    establish();
    ASSERT_TRUE(world.client->start_key_update());
    world.client.drain();
    world.client.outgoing.clear();
    world.run();
    EXPECT_EQ(world.client->state(), Connection::State::failed);
    EXPECT_EQ(world.client->failure().cause, Failure::Cause::timed_out);
}

TEST_F(KeyUpdate, is_not_started_where_it_is_not_negotiated) {
    world.server.configuration->extended_key_update = false;
    world.handshake();
    world.expect_established();
    EXPECT_FALSE(world.client->negotiated().extended_key_update);
    EXPECT_FALSE(world.client->start_key_update());
    EXPECT_FALSE(world.server->start_key_update());
}

TEST_F(KeyUpdate, the_key_log_goes_on) {
    std::multiset<std::string> lines;
    const auto sink = [&](std::string_view line) { lines.emplace(line); };
    world.client.configuration->key_log = sink;
    world.server.configuration->key_log = sink;
    establish();
    ASSERT_TRUE(world.client->start_key_update());
    world.run();
    size_t found = 0;
    for (const std::string& line : lines) {
        EXPECT_EQ(lines.count(line), 2U);
        found += line.starts_with("CLIENT_TRAFFIC_SECRET_1 ") ||
                         line.starts_with("SERVER_TRAFFIC_SECRET_1 ") ||
                         line.starts_with("EXPORTER_SECRET_1 ")
                     ? 1
                     : 0;
    }
    EXPECT_EQ(found, 6U);
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
