// What every method with rekeys has to stand, told once: mishaps of single packets, and many rekeys
// under load.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>
#include <vector>

#include "dataplane/packet/code_points.h"
#include "tests/sim/nonce_watch.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"

namespace sdg::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Sends messages from the client and waits until the server has them all.
inline void expect_relayed(World& world, Peer& client, const std::vector<Message>& messages,
                           std::chrono::seconds at_most = std::chrono::seconds(120)) {
    for (const auto& m : messages) {
        client.send(m);
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            return !world.server->peers().empty() &&
                   world.server->peers().back()->received().size() == messages.size();
        },
        at_most));
    expect_same(messages, world.server->peers().back()->received());
}

// Epochs for which a gateway has got keys, told by its key log, which also goes to a NonceWatch.
struct EpochWatch {
    explicit EpochWatch(gateway::Gateway& gateway, NonceWatch* nonces = nullptr) {
        gateway.protection().set_key_log([this, nonces](uint32_t, uint16_t epoch,
                                                        keys::KeyRole role,
                                                        const record::KeyMaterial& material) {
            newest = std::max(newest, epoch);
            ++installed;
            if (nonces != nullptr) {
                nonces->add(epoch, role == keys::KeyRole::restart, material);
            }
        });
    }
    uint16_t newest = 0;
    size_t installed = 0;
};

enum class Mishap { lost, doubled, late };

inline void PrintTo(Mishap mishap, std::ostream* out) {
    *out << (mishap == Mishap::lost ? "lost" : mishap == Mishap::doubled ? "doubled" : "late");
}

// One packet of the set-up after the other has a mishap, in a world of its own.
inline void set_up_survives(const World::Settings& settings, Mishap mishap) {
    size_t packets = 1;
    for (size_t unlucky = 0; unlucky < packets; ++unlucky) {
        World world(settings);
        size_t seen = 0;
        std::vector<uint8_t> kept;
        auto kept_direction = Link::Direction::a_to_b;
        TimePoint kept_at{};
        bool inside = false;  // inject() passes the filter again
        world.trunk.set_filter([&](Link::Direction direction, std::span<uint8_t> frame) {
            const auto parsed = packet::parse(frame);
            if (inside || parsed.kind != packet::FrameKind::sctp || seen++ != unlucky) {
                return true;
            }
            kept.assign(frame.begin(), frame.end());
            kept_direction = direction;
            kept_at = world.clock.now();
            return mishap == Mishap::doubled;
        });
        Peer& client = world.connect();
        const auto messages = make_messages(4, 4, 600);
        for (const auto& m : messages) {
            client.send(m);
        }
        // What the server says at once may overtake the last key-management message on another
        // stream.
        bool spoken = false;
        const bool done = world.run_until(
            [&] {
                if (!kept.empty() && mishap != Mishap::lost &&
                    world.clock.now() - kept_at > milliseconds(3)) {
                    inside = true;
                    world.trunk.inject(kept_direction, kept);
                    inside = false;
                    kept.clear();
                }
                auto& peers = world.server->peers();
                if (!spoken && !peers.empty()) {
                    spoken = true;
                    peers[0]->send({7, 61, false, {9, 9, 9}});
                }
                return client.received().size() == 1 && !peers.empty() &&
                       peers[0]->received().size() == messages.size();
            },
            seconds(30));
        ASSERT_TRUE(done) << "packet " << unlucky;
        expect_same(messages, world.server->peers()[0]->received());
        ASSERT_EQ(client.received()[0].octets, (std::vector<uint8_t>{9, 9, 9}));
        ASSERT_EQ(world.a->relay().counters().protection_failures, 0U) << "packet " << unlucky;
        packets = std::max(packets, std::min<size_t>(seen, 24));
    }
    EXPECT_GT(packets, 12U);
}

// The same for each packet of a rekey, by both sides in turns, in one world.
inline void rekeys_survive(const World::Settings& settings, Mishap mishap) {
    constexpr size_t kPackets = 14;
    World world(settings);
    EpochWatch a(*world.a);
    EpochWatch b(*world.b);
    Peer& client = world.connect();
    client.send({1, 60, false, {1}});
    ASSERT_TRUE(world.run_until([&] { return !world.server->peers().empty(); }, seconds(10)));
    Peer& server = *world.server->peers()[0];
    size_t sent = 1;
    for (size_t unlucky = 0; unlucky < kPackets; ++unlucky) {
        size_t seen = 0;
        std::vector<uint8_t> kept;
        auto kept_direction = Link::Direction::a_to_b;
        TimePoint kept_at{};
        bool inside = false;
        world.trunk.set_filter([&](Link::Direction direction, std::span<uint8_t> frame) {
            const auto parsed = packet::parse(frame);
            if (inside || parsed.kind != packet::FrameKind::sctp || seen++ != unlucky) {
                return true;
            }
            kept.assign(frame.begin(), frame.end());
            kept_direction = direction;
            kept_at = world.clock.now();
            return mishap == Mishap::doubled;
        });
        const auto wanted = static_cast<uint16_t>(packet::kFirstEpoch + 1 + unlucky);
        (unlucky % 2 == 0 ? world.a : world.b)->request_rekey();
        ASSERT_TRUE(world.run_until(
            [&] {
                if (!kept.empty() && mishap != Mishap::lost &&
                    world.clock.now() - kept_at > milliseconds(3)) {
                    inside = true;
                    world.trunk.inject(kept_direction, kept);
                    inside = false;
                    kept.clear();
                }
                if (client.queued() == 0 && sent < (unlucky + 1) * 20) {
                    client.send({static_cast<uint16_t>(sent % 8), 60, false,
                                 std::vector<uint8_t>(300, static_cast<uint8_t>(sent))});
                    ++sent;
                }
                return a.newest == wanted && b.newest == wanted && a.installed == b.installed &&
                       server.received().size() == sent && sent == (unlucky + 1) * 20;
            },
            seconds(30)))
            << "packet " << unlucky << ", epochs " << a.newest << " and " << b.newest << ", "
            << server.received().size() << " of " << sent;
        world.trunk.set_filter(nullptr);
    }
    EXPECT_EQ(world.a->relay().counters().protection_failures, 0U);
    EXPECT_EQ(world.b->relay().counters().protection_failures, 0U);
}

// So many rekeys, by both sides in turns, while messages go to the server and back over a bad link.
inline void rekeys_under_load(World::Settings settings, uint16_t rekeys) {
    settings.trunk = {.loss = 0.02, .duplicate = 0.01, .corrupt = 0.002, .reorder = 0.05};
    World world(settings);
    world.server->set_answer([](const Message& m) { return m; });
    NonceWatch nonces;
    EpochWatch a(*world.a, &nonces);
    EpochWatch b(*world.b, &nonces);
    world.trunk.set_tap(
        [&](Link::Direction, std::span<const uint8_t> frame) { nonces.on_frame(frame); });
    Peer& client = world.connect();
    const auto last = static_cast<uint16_t>(packet::kFirstEpoch + rekeys);
    std::vector<Message> sent;
    SeededRandom random(5);
    uint16_t asked_for = 0;
    const auto load = [&] {
        while (client.queued() < 4) {
            Message m;
            m.stream = static_cast<uint16_t>(random.u32() % 10);
            m.ppid = 60;
            m.unordered = random.u32() % 5 == 0;
            m.octets.resize(1 + random.u32() % 3000);
            random.fill(m.octets);
            client.send(m);
            sent.push_back(std::move(m));
        }
    };
    ASSERT_TRUE(world.run_until(
        [&] {
            load();
            // Both have the keys of the newest epoch: the next one, now by this side, now by that.
            if (a.newest == b.newest && a.newest > asked_for && world.b->relay().pair_count() > 0 &&
                a.installed == b.installed && a.installed % 2 == 0) {
                asked_for = a.newest;
                (asked_for % 2 == 0 ? world.a : world.b)->request_rekey();
            }
            return a.newest >= last && b.newest >= last;
        },
        seconds(600)))
        << "epoch " << a.newest << " and " << b.newest;
    const auto all_back = [&] { return client.received().size() == sent.size(); };
    ASSERT_TRUE(world.run_until(all_back, seconds(120)))
        << client.received().size() << " of " << sent.size() << " back, "
        << world.server->peers()[0]->received().size() << " at the server; epochs " << a.newest
        << " and " << b.newest << "; " << world.a->statistics().dump()
        << world.b->statistics().dump() << " unsent " << client.association()->unsent_octets()
        << " queued " << client.queued() << "; client "
        << (client.closed() ? client.close_detail() : "open");
    expect_same(sent, world.server->peers()[0]->received());
    expect_same(world.server->peers()[0]->received(), client.received());
    EXPECT_GT(sent.size(), 500U);
    EXPECT_GT(nonces.opened, sent.size());
    EXPECT_EQ(nonces.unknown, 0U) << "records that no key of the key log opens";
    EXPECT_EQ(nonces.repeated, 0U) << "a nonce was used twice";
    world.trunk.set_tap(nullptr);
    EXPECT_EQ(world.a->relay().counters().protection_failures, 0U);
    EXPECT_EQ(world.b->relay().counters().protection_failures, 0U);
    EXPECT_EQ(world.a->drops(packet::DropReason::seal_no_key), 0U);
}

}  // namespace sdg::sim
