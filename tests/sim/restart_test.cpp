// Protected restart through two gateways and a simulated link: gateways that are killed and come
// back, what both plain sides see of it, and what strangers can do with it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/init_chunk.h"
#include "dataplane/packet/ipv4.h"
#include "tests/sim/log_capture.h"
#include "tests/sim/nonce_watch.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Restart : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }

    // Every record on the trunk is opened once with the keys of both gateways.
    World::Settings settings(uint64_t seed, Keys keys = Keys::tls13) {
        return restartable(nonces, seed, keys);
    }
    static void set_on_restart(World::Settings& to, config::OnRestart what) {
        to.adjust_a = to.adjust_b = [what](config::Configuration& c) {
            for (auto& listener : c.listeners) {
                listener.on_restart = what;
            }
        };
    }
    void tap(World& world) {
        world.trunk.set_tap(
            [this](Link::Direction, std::span<const uint8_t> frame) { nonces.on_frame(frame); });
    }
    void TearDown() override {
        EXPECT_EQ(nonces.repeated, 0U) << "a nonce was used twice";
        EXPECT_EQ(nonces.unknown, 0U);
    }

    // A pair that relays, and whose restart keys are in both stores.
    Peer& bring_up(World& world) {
        tap(world);
        Peer& client = world.connect();
        relay(world, client, 5);
        EXPECT_TRUE(world.run_until(
            [&] {
                return world.a->keeper()->counters().kept == world.client->peers().size() &&
                       world.b->keeper()->counters().kept == world.client->peers().size();
            },
            seconds(5)));
        return client;
    }
    // Messages in both directions, all of them.
    void relay(World& world, Peer& client, size_t count) {
        const size_t before = received(world);
        const size_t answered = client.received().size();
        for (const Message& m : make_messages(++seed_, count, 2'000)) {
            client.send(m);
        }
        EXPECT_TRUE(world.run_until([&] { return received(world) == before + count; }, seconds(60)))
            << received(world) - before << " of " << count;
        Peer& at_server = *world.server->peers().back();
        for (const Message& m : make_messages(++seed_, count, 2'000)) {
            at_server.send(m);
        }
        EXPECT_TRUE(world.run_until([&] { return client.received().size() == answered + count; },
                                    seconds(60)))
            << client.received().size() - answered << " of " << count;
    }
    // Killed and started again, and its only pair is back.
    static void restart(World& world, std::unique_ptr<gateway::Gateway>& which) {
        world.kill(which);
        world.run_for(milliseconds(100));
        world.start(which);
        EXPECT_TRUE(world.run_until([&] { return which->relay().counters().pairs_restored == 1; },
                                    seconds(60)));
    }
    static size_t received(World& world) {
        size_t out = 0;
        for (const auto& peer : world.server->peers()) {
            out += peer->received().size();
        }
        return out;
    }
    static size_t in_store(const gateway::Gateway& gateway) {
        return gateway.statistics()["restart_store"]["kept"].get<size_t>();
    }
    NonceWatch nonces;
    uint64_t seed_ = 100;
};

TEST_F(Restart, of_the_initiator_keeps_both_plain_legs) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        World world(settings(41, keys));
        Peer& client = bring_up(world);
        world.kill(world.a);
        world.run_for(milliseconds(300));
        nonces.opened_restart = 0;
        world.start(world.a);
        ASSERT_TRUE(world.run_until([&] { return client.restarts() == 1; }, seconds(10)));
        relay(world, client, 10);
        EXPECT_EQ(world.a->relay().counters().pairs_restored, 1U);
        EXPECT_EQ(world.b->relay().counters().pairs_restarted, 1U);
        EXPECT_EQ(world.server->peers().size(), 1U) << "the server sees nothing of it";
        EXPECT_EQ(world.server->peers()[0]->restarts(), 0U);
        EXPECT_GE(nonces.opened_restart, 2U) << "COOKIE ECHO and COOKIE ACK";
        EXPECT_FALSE(client.closed());
    }
}

TEST_F(Restart, of_the_responder_keeps_both_plain_legs) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        World world(settings(42, keys));
        Peer& client = bring_up(world);
        world.kill(world.b);
        world.run_for(milliseconds(300));
        world.start(world.b);
        ASSERT_TRUE(world.run_until([&] { return world.server->peers()[0]->restarts() == 1; },
                                    seconds(10)));
        relay(world, client, 10);
        EXPECT_EQ(world.b->relay().counters().pairs_restored, 1U);
        EXPECT_EQ(world.a->relay().counters().pairs_restarted, 1U);
        EXPECT_EQ(client.restarts(), 0U) << "the client sees nothing of it";
        EXPECT_EQ(world.server->peers().size(), 1U);
    }
}

TEST_F(Restart, again_and_again_each_with_new_keys) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        auto with = settings(43, keys);
        with.adjust_a = with.adjust_b = [](config::Configuration& c) {
            if (c.protection[0].tls13) {
                c.protection[0].tls13->drain_s = 2;
                c.protection[0].tls13->drain_unconfirmed_s = 3;
            }
            if (c.protection[0].dtls13) {
                c.protection[0].dtls13->drain_s = 2;
                c.protection[0].dtls13->drain_unconfirmed_s = 3;
            }
        };
        World world(with);
        Peer& client = bring_up(world);
        for (unsigned round = 0; round < 4; ++round) {
            auto& dying = round % 2 == 0 ? world.a : world.b;
            restart(world, dying);
            relay(world, client, 5);
            // The restart keys of epoch 3 hold the place of the new ones until they have drained.
            auto& living = round % 2 == 0 ? world.b : world.a;
            const uint64_t before = living->keeper()->counters().kept;
            EXPECT_TRUE(world.run_until(
                [&] {
                    return dying->keeper()->counters().kept > 0 &&
                           living->keeper()->counters().kept > before;
                },
                seconds(60)))
                << "round " << round;
        }
    }
}

TEST_F(Restart, after_a_rekey_uses_the_keys_of_the_new_epoch) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13}) {
        World world(settings(44, keys));
        Peer& client = bring_up(world);
        world.run_for(milliseconds(1500));
        world.a->request_rekey();
        EXPECT_TRUE(world.run_until(
            [&] { return in_store(*world.a) == 2 && in_store(*world.b) == 2; }, seconds(10)));
        relay(world, client, 5);
        const LogCapture log;
        restart(world, world.a);
        relay(world, client, 5);
        EXPECT_TRUE(log.has("restarted under the restart keys of epoch 4")) << log.text();
        EXPECT_EQ(world.a->relay().counters().pairs_restored, 1U);
    }
}

TEST_F(Restart, when_the_peer_lacks_the_newest_keys_uses_the_ones_before) {
    World world(settings(45));
    Peer& client = bring_up(world);
    world.run_for(milliseconds(1500));
    world.a->request_rekey();
    EXPECT_TRUE(world.run_until([&] { return in_store(*world.a) == 2 && in_store(*world.b) == 2; },
                                seconds(10)));
    relay(world, client, 2);
    world.kill(world.a);
    world.trunk.set_filter([n = 0](Link::Direction direction, std::span<uint8_t> frame) mutable {
        // No COOKIE ECHO of the first restart gets through.
        const auto parsed = packet::parse(frame);
        if (direction == Link::Direction::a_to_b && parsed.kind == packet::FrameKind::sctp &&
            parsed.first_chunk == packet::kChunkDtls) {
            return (frame[parsed.l4_offset + 17] & 3) != 0 || ++n > 1000;  // epoch 4
        }
        return true;
    });
    const LogCapture log;
    world.start(world.a);
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 1; },
                                seconds(60)))
        << log.text();
    world.trunk.set_filter(nullptr);
    relay(world, client, 5);
    EXPECT_TRUE(log.has("is restarted with the restart keys before")) << log.text();
    EXPECT_TRUE(log.has("restarted under the restart keys of epoch 3")) << log.text();
}

TEST_F(Restart, with_policy_reset_the_backend_gets_a_new_association) {
    auto with = settings(46);
    set_on_restart(with, config::OnRestart::reset);
    World world(with);
    Peer& client = bring_up(world);
    // A is restarted: its own plain leg is not kept, B learns at once and ends the backend leg.
    world.kill(world.a);
    world.start(world.a);
    ASSERT_TRUE(world.run_until(
        [&] { return world.a->relay().pair_count() == 0 && world.b->relay().pair_count() == 0; },
        seconds(20)));
    EXPECT_TRUE(world.server->peers()[0]->closed());
    Peer& again = world.connect();
    relay(world, again, 5);
    // B is restarted: the server gets a new association, the client's goes with the old one.
    world.kill(world.b);
    world.start(world.b);
    ASSERT_TRUE(world.run_until([&] { return again.closed(); }, seconds(20)));
    // The first client learns of its loss when it next has something to say.
    client.send({.stream = 0, .ppid = 60, .unordered = false, .octets = {1}});
    EXPECT_TRUE(world.run_until([&] { return client.closed(); }, seconds(5)));
}

TEST_F(Restart, of_many_is_limited_and_complete) {
    auto with = settings(47);
    with.adjust_a = [](config::Configuration& c) {
        c.restart->per_second = 100;
        c.restart->at_once = 8;
    };
    World world(with);
    constexpr size_t kPairs = 40;
    tap(world);
    for (size_t i = 0; i < kPairs; ++i) {
        static_cast<void>(world.connect());
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            return world.a->keeper()->counters().kept == kPairs &&
                   world.b->keeper()->counters().kept == kPairs;
        },
        seconds(20)));
    world.kill(world.a);
    const auto began = world.clock.now();
    world.start(world.a);
    size_t most = 0;
    ASSERT_TRUE(world.run_until(
        [&] {
            most = std::max(most, world.a->relay().restoring());
            return world.a->relay().counters().pairs_restored == kPairs;
        },
        seconds(60)));
    EXPECT_LE(most, 8U);
    EXPECT_GE(world.clock.now() - began, milliseconds(350)) << "100 a second";
    for (const auto& peer : world.client->peers()) {
        EXPECT_EQ(peer->restarts(), 1U);
    }
}

// With the default drain times: the new restart keys are there long before they have passed.
TEST_F(Restart, can_follow_another_after_some_seconds) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        World world(settings(58, keys));
        Peer& client = bring_up(world);
        for (int i = 0; i < 3; ++i) {
            restart(world, world.a);
            relay(world, client, 3);
            world.run_for(seconds(8));
        }
        restart(world, world.b);
        relay(world, client, 3);
        EXPECT_FALSE(client.closed());
        EXPECT_EQ(world.server->peers().size(), 1U) << "the same association";
    }
}

// The nodes are usrsctp, too: by the time the gateway is back, time-outs have shrunk their
// congestion windows to one packet, and one packet of before the restart is still counted.
TEST_F(Restart, after_a_long_absence_in_the_midst_of_traffic_goes_on) {
    for (uint64_t seed = 70; seed < 76; ++seed) {
        World world(settings(seed, seed % 3 == 0 ? Keys::preshared : Keys::tls13));
        Peer& client = bring_up(world);
        Peer& at_server = *world.server->peers().back();
        SeededRandom random(seed);
        TimePoint next_word{};
        world.also = [&] {  // both ends never have nothing to say
            if (world.clock.now() >= next_word) {
                for (Peer* peer : {&client, &at_server}) {
                    for (const Message& m : make_messages(random.u32(), 8, 900)) {
                        peer->send(m);
                    }
                }
                next_word = world.clock.now() + milliseconds(50);
            }
        };
        world.run_for(milliseconds(500 + random.u32() % 500));
        auto& dying = seed % 2 == 0 ? world.a : world.b;
        world.kill(dying);
        world.run_for(milliseconds(3'000 + random.u32() % 5'000));
        world.start(dying);
        ASSERT_TRUE(world.run_until([&] { return dying->relay().counters().pairs_restored == 1; },
                                    seconds(30)));
        const size_t there = at_server.received().size();
        const size_t back = client.received().size();
        EXPECT_TRUE(world.run_until(
            [&] {
                return at_server.received().size() > there + 100 &&
                       client.received().size() > back + 100;
            },
            seconds(20)))
            << seed << ": " << at_server.received().size() - there << " and "
            << client.received().size() - back << " since the restart";
        world.also = nullptr;
    }
}

TEST_F(Restart, works_over_a_bad_link) {
    for (uint64_t seed = 60; seed < 66; ++seed) {
        World world(settings(seed));
        Peer& client = bring_up(world);
        // ARP has timers in real time: it is let through.
        SeededRandom lose(seed);
        world.trunk.set_filter([&lose](Link::Direction, std::span<uint8_t> frame) {
            return packet::parse(frame).kind != packet::FrameKind::sctp || lose.u32() % 5 != 0;
        });
        auto& dying = seed % 2 == 0 ? world.a : world.b;
        world.kill(dying);
        world.start(dying);
        EXPECT_TRUE(world.run_until([&] { return dying->relay().counters().pairs_restored == 1; },
                                    seconds(60)))
            << seed;
        relay(world, client, 20);
    }
}

// As when both sides have lost power, and one is back sooner.
TEST_F(Restart, waits_for_a_peer_that_does_not_answer_yet) {
    World world(settings(66));
    Peer& client = bring_up(world);
    bool dark = true;
    world.trunk.set_filter([&dark](Link::Direction, std::span<uint8_t> frame) {
        return !dark || packet::parse(frame).kind != packet::FrameKind::sctp;
    });
    world.kill(world.a);
    world.start(world.a);
    world.run_for(seconds(25));
    dark = false;
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 1; },
                                seconds(20)));
    relay(world, client, 5);
    EXPECT_FALSE(client.closed());
}

// The process dies a second time at any moment of the procedure, on either side: keys may be lost
// and the association with them, but no number is used twice (TearDown) and nobody is stuck.
TEST_F(Restart, that_is_interrupted_at_any_step_uses_no_nonce_twice) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        for (const bool same_side : {true, false}) {
            constexpr unsigned kLast = 35;
            for (unsigned steps = 1; steps <= kLast; ++steps) {
                World world(settings(80 + steps, keys));
                Peer& client = bring_up(world);
                world.kill(world.a);
                world.start(world.a);
                for (unsigned i = 0; i < steps; ++i) {
                    world.step(std::chrono::microseconds(100));
                }
                EXPECT_TRUE(steps < kLast || world.b->host().counters().restarts_accepted == 1)
                    << "the last of them is behind the procedure";
                auto& dying = same_side ? world.a : world.b;
                world.kill(dying);
                world.run_for(milliseconds(5));
                world.start(dying);
                world.run_for(seconds(3));
                // What there is of it now works, or the client starts anew.
                client.send({.stream = 0, .ppid = 60, .unordered = false, .octets = {1, 2, 3}});
                const size_t before = received(world);
                const bool works = world.run_until(
                    [&] { return received(world) > before || client.closed(); }, seconds(120));
                EXPECT_TRUE(works) << steps << (same_side ? " same side" : " other side");
                if (client.closed() && received(world) == before) {
                    Peer& again = world.connect();
                    EXPECT_TRUE(world.run_until([&] { return again.established(); }, seconds(30)));
                }
                EXPECT_EQ(nonces.repeated, 0U) << steps;
            }
        }
    }
}

// The process dies with one of its writes to the store, before it has happened or before anybody
// learnt that it has; whatever waited behind it never happens. On the side that restarts and on the
// other.
TEST_F(Restart, that_ends_with_any_write_to_the_store_uses_no_nonce_twice) {
    for (const Keys keys : {Keys::tls13, Keys::dtls13, Keys::preshared}) {
        for (const bool same_side : {true, false}) {
            size_t deaths = 0;
            for (size_t write = 1; write <= 4; ++write) {
                for (const Gate::Death death : {Gate::Death::before, Gate::Death::after}) {
                    World world(settings(120 + write, keys));
                    Peer& client = bring_up(world);
                    world.kill(world.a);
                    world.run_for(milliseconds(20));
                    world.start(world.a);
                    auto& dying = same_side ? world.a : world.b;
                    world.die_with_write(dying, write, death);
                    // The last write is that of the new keys, once the old ones have drained.
                    const bool died = world.run_until([&] { return !dying; }, seconds(12));
                    deaths += died ? 1 : 0;
                    if (died) {
                        world.run_for(milliseconds(20));
                        world.start(dying);
                    }
                    world.run_for(seconds(3));
                    client.send({.stream = 0, .ppid = 60, .unordered = false, .octets = {1, 2, 3}});
                    const size_t before = received(world);
                    EXPECT_TRUE(world.run_until(
                        [&] { return received(world) > before || client.closed(); }, seconds(120)))
                        << write << (same_side ? " same side" : " other side");
                    if (client.closed() && received(world) == before) {
                        if (!dying) {  // with what the association's end wrote
                            world.start(dying);
                        }
                        Peer& again = world.connect();
                        EXPECT_TRUE(
                            world.run_until([&] { return again.established(); }, seconds(30)));
                    }
                    EXPECT_EQ(nonces.repeated, 0U)
                        << write << (same_side ? " same side" : " other side");
                }
            }
            EXPECT_EQ(deaths, 4U) << "with the deletion of the keys, and with the new ones";
        }
    }
}

// While the keys cannot be deleted the peer's restart is refused; it asks again, until they can.
TEST_F(Restart, waits_for_a_store_of_the_peer_that_does_not_delete) {
    World world(settings(52));
    Peer& client = bring_up(world);
    world.refuse(world.b, {.removals = true});
    world.kill(world.a);
    const LogCapture log;
    world.start(world.a);
    world.run_for(milliseconds(1'500));
    EXPECT_EQ(world.b->relay().counters().pairs_restarted, 0U);
    EXPECT_TRUE(log.has("its restart keys are still in the store")) << log.text();
    world.refuse(world.b, {});
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 1; },
                                seconds(10)));
    EXPECT_EQ(world.b->relay().counters().pairs_restarted, 1U);
    EXPECT_EQ(world.b->keeper()->unremoved(), 0U);
    relay(world, client, 5);
    EXPECT_FALSE(client.closed());
}

// The end of an association that the store was not told of is made good before the next start.
TEST_F(Restart, of_associations_that_ended_while_the_store_was_away_is_not_tried) {
    World world(settings(53));
    Peer& client = bring_up(world);
    world.refuse(world.a, {.removals = true});
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().pair_count() == 0; }, seconds(20)));
    world.run_for(seconds(1));
    EXPECT_EQ(world.a->keeper()->unremoved(), 1U);
    world.refuse(world.a, {});
    world.run_for(seconds(3));
    EXPECT_EQ(world.a->keeper()->unremoved(), 0U);
    world.kill(world.a);
    world.start(world.a);
    EXPECT_EQ(world.a->statistics()["restart_store"]["waiting"], 0);
}

// The store was not told of the end of its first association, and has the second one as well.
TEST_F(Restart, of_a_node_that_came_back_from_its_port_is_that_of_its_last_association) {
    World world(settings(56));
    tap(world);
    const auto come = [&]() -> Peer& {
        return world.client->connect(*IpAddress::parse("10.1.0.1"), kServicePort, 40'000);
    };
    const auto keeps = [&](uint64_t count) {
        return world.run_until([&] { return world.a->keeper()->counters().kept == count; },
                               seconds(10));
    };
    Peer& first = come();
    relay(world, first, 3);
    ASSERT_TRUE(keeps(1));
    world.refuse(world.a, {.removals = true});
    first.shutdown();
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().pair_count() == 0; }, seconds(20)));
    Peer& second = come();
    relay(world, second, 3);
    ASSERT_TRUE(keeps(2));
    world.run_for(seconds(1));
    world.kill(world.a);
    world.start(world.a);
    EXPECT_EQ(world.a->restoration()->waiting(), 1U);
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 1; },
                                seconds(10)));
    EXPECT_EQ(second.restarts(), 1U);
    relay(world, second, 3);
}

// A store that was there when the gateway began, and is away when the keys are to be had.
TEST_F(Restart, waits_for_a_store_that_gives_no_keys_for_a_while) {
    auto with = settings(54);
    with.adjust_a = [](config::Configuration& c) { c.restart->at_once = 2; };
    World world(with);
    Peer& client = bring_up(world);
    for (int i = 0; i < 5; ++i) {
        static_cast<void>(world.connect());
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            return world.a->keeper()->counters().kept == 6 &&
                   world.b->keeper()->counters().kept == 6;
        },
        seconds(20)));
    world.run_for(seconds(1));
    world.kill(world.a);
    world.start(world.a);
    world.refuse(world.a, {.takes = true});
    world.run_for(seconds(12));
    EXPECT_EQ(world.a->restoration()->waiting(), 6U);
    EXPECT_LE(world.a->keeper()->store_counts().unreachable, 8U) << "it is not pestered";
    world.refuse(world.a, {});
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().counters().pairs_restored == 6; },
                                seconds(10)));
    EXPECT_EQ(world.a->relay().counters().restores_failed, 0U);
    EXPECT_FALSE(client.closed());
}

TEST_F(Restart, is_given_up_when_the_store_gives_no_keys_for_too_long) {
    World world(settings(55));
    static_cast<void>(bring_up(world));
    world.kill(world.a);
    world.start(world.a);
    world.refuse(world.a, {.takes = true});
    world.run_for(seconds(70));
    EXPECT_EQ(world.a->restoration()->waiting(), 0U);
    EXPECT_EQ(world.a->relay().counters().restores_failed, 1U);
    // Nothing is left of it at the next start.
    world.kill(world.a);
    world.start(world.a);
    EXPECT_EQ(world.a->restoration()->waiting(), 0U);
}

TEST_F(Restart, half_of_a_message_is_not_glued_to_another) {
    World world(settings(48));
    Peer& client = bring_up(world);
    const size_t before = received(world);
    client.send({.stream = 1,
                 .ppid = 61,
                 .unordered = false,
                 .octets = std::vector<uint8_t>(400'000, 0xaa)});
    world.run_for(milliseconds(5));
    world.kill(world.a);
    world.start(world.a);
    ASSERT_TRUE(
        world.run_until([&] { return client.restarts() == 1 || client.closed(); }, seconds(60)));
    world.run_for(seconds(5));
    for (const auto& peer : world.server->peers()) {
        for (const Message& m : peer->received()) {
            EXPECT_TRUE(m.octets.size() <= 2'000 || m.octets.size() == 400'000);
        }
    }
    EXPECT_LE(received(world), before + 1);
}

// --- strangers

std::vector<uint8_t> with_checksum(std::vector<uint8_t> frame) {
    const auto parsed = packet::parse(frame);
    packet::set_checksum(std::span(frame).subspan(parsed.l4_offset, parsed.l4_length));
    return frame;
}

TEST_F(Restart, cannot_be_forced_by_strangers) {
    World world(settings(49));
    std::vector<uint8_t> init;
    std::vector<uint8_t> echo;
    Peer& client = bring_up(world);
    world.trunk.set_tap([&](Link::Direction direction, std::span<const uint8_t> frame) {
        nonces.on_frame(frame);
        const auto parsed = packet::parse(frame);
        if (direction == Link::Direction::a_to_b && parsed.kind == packet::FrameKind::sctp) {
            auto& kept = parsed.first_chunk == packet::kChunkInit ? init : echo;
            if (kept.empty()) {
                kept.assign(frame.begin(), frame.end());
            }
        }
    });
    restart(world, world.a);
    relay(world, client, 3);
    ASSERT_FALSE(init.empty());
    ASSERT_EQ(echo[packet::parse(echo).l4_offset + packet::kCommonHeader], packet::kChunkDtls);

    // A storm of INITs at the live association, with other tags: INIT ACKs and nothing else.
    std::vector<std::vector<uint8_t>> cookies;
    world.trunk.set_tap([&](Link::Direction direction, std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (direction == Link::Direction::b_to_a && parsed.kind == packet::FrameKind::sctp &&
            parsed.first_chunk == packet::kChunkInitAck) {
            cookies.emplace_back(
                frame.begin() + parsed.l4_offset,
                frame.begin() + parsed.l4_offset + static_cast<ptrdiff_t>(parsed.l4_length));
        }
        nonces.on_frame(frame);
    });
    const auto associations = world.b->host().association_count();
    const auto in_table = world.b->protection().size();
    const auto tag_at = packet::parse(init).l4_offset + packet::kCommonHeader + 4U;
    for (uint32_t i = 0; i < 300; ++i) {
        packet::store_be32(init.data() + tag_at, 0x10000 + i);
        world.trunk.inject(Link::Direction::a_to_b, with_checksum(init));
        world.step();
    }
    world.run_for(milliseconds(50));
    EXPECT_GE(cookies.size(), 290U);
    EXPECT_EQ(world.b->host().association_count(), associations);
    EXPECT_EQ(world.b->protection().size(), in_table);
    relay(world, client, 3);

    // Their cookies, echoed in clear.
    const auto refused = world.b->drops(packet::DropReason::clear_when_protected) +
                         world.b->host().counters().restarts_in_clear;
    for (size_t i = 0; i < 20; ++i) {
        const auto& ack = cookies[i];
        const auto view = packet::InitView::parse(ack);
        ASSERT_TRUE(view && view->state_cookie());
        const auto cookie = *view->state_cookie();
        const auto parsed = packet::parse(init);
        std::vector<uint8_t> frame(init.begin(), init.begin() + parsed.l4_offset);
        std::vector<uint8_t> sctp(packet::kCommonHeader + 4);
        std::copy(init.begin() + parsed.l4_offset, init.begin() + parsed.l4_offset + 4,
                  sctp.begin());
        packet::store_be32(sctp.data() + 4, view->initiate_tag());
        sctp[12] = packet::kChunkCookieEcho;
        packet::store_be16(sctp.data() + 14, static_cast<uint16_t>(4 + cookie.size()));
        sctp.insert(sctp.end(), cookie.begin(), cookie.end());
        sctp.resize((sctp.size() + 3) & ~size_t{3});
        packet::set_checksum(sctp);
        frame.insert(frame.end(), sctp.begin(), sctp.end());
        uint8_t* ip = frame.data() + 14;
        packet::store_be16(ip + 2, static_cast<uint16_t>(20 + sctp.size()));
        packet::store_be16(ip + 10, 0);
        packet::store_be16(ip + 10, packet::internet_checksum({ip, 20}));
        world.trunk.inject(Link::Direction::a_to_b, frame);
        world.step();
    }
    world.run_for(milliseconds(50));
    EXPECT_EQ(world.b->drops(packet::DropReason::clear_when_protected) +
                  world.b->host().counters().restarts_in_clear,
              refused + 20);
    relay(world, client, 3);

    // The COOKIE ECHO of the restart, recorded and sent again.
    const auto replayed = world.b->drops(packet::DropReason::record_replayed) +
                          world.b->drops(packet::DropReason::dtls_no_key) +
                          world.b->drops(packet::DropReason::record_forged);
    for (int i = 0; i < 10; ++i) {
        world.trunk.inject(Link::Direction::a_to_b, echo);
        world.step();
    }
    world.run_for(milliseconds(50));
    EXPECT_EQ(world.b->drops(packet::DropReason::record_replayed) +
                  world.b->drops(packet::DropReason::dtls_no_key) +
                  world.b->drops(packet::DropReason::record_forged),
              replayed + 10);
    relay(world, client, 3);
    EXPECT_EQ(world.b->relay().counters().pairs_restarted, 1U);
    EXPECT_FALSE(client.closed());
}

TEST_F(Restart, with_a_peer_that_does_not_support_it_is_not_tried) {
    auto with = settings(50);
    with.adjust_b = [](config::Configuration& c) {
        c.protection[0].restart = false;
        c.restart.reset();
    };
    World world(with);
    tap(world);
    Peer& client = world.connect();
    relay(world, client, 3);
    world.run_for(seconds(2));
    EXPECT_EQ(world.a->keeper()->counters().kept, 0U) << "there are no restart keys";
    world.kill(world.a);
    world.start(world.a);
    world.run_for(seconds(1));
    EXPECT_EQ(world.a->relay().pair_count(), 0U);
    EXPECT_EQ(world.b->relay().counters().pairs_restarted, 0U);
}

TEST_F(Restart, of_associations_that_ended_is_not_tried) {
    World world(settings(51));
    Peer& client = bring_up(world);
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return world.a->relay().pair_count() == 0; }, seconds(20)));
    world.run_for(milliseconds(100));
    world.kill(world.a);
    world.start(world.a);
    EXPECT_EQ(world.a->statistics()["restart_store"]["waiting"], 0);
}

}  // namespace
}  // namespace sdg::sim
