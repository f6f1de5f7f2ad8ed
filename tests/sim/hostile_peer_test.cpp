// Peers that have an association and misuse it: DATA far beyond the window that they were given,
// gaps that are never filled, fragments of messages that never end, streams that there are not. On
// the plain and on the protected leg: memory stays within a bound, the association beside it loses
// nothing, and what the hostile one holds goes with it.
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <tuple>

#include "tests/sim/conversation.h"
#include "tests/sim/impostor.h"
#include "tests/sim/native_peer.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Data = Impostor::Data;
using test::allocated;

struct Attack {
    std::string name;
    // The next packet, the how many-th it is.
    std::function<void(Impostor&, uint32_t)> packet;
    bool is_refused = false;  // in part, for being too far ahead
    bool ends = false;        // the gateway aborts the association for it
};

constexpr uint32_t kPackets = 6000;
constexpr uint16_t kHostilePort = 5555;
constexpr uint16_t kUnused = 3;  // a stream; on stream 0 there were messages of key management
// Buffers between the two ends hold 256 KiB each, and usrsctp keeps 2 KiB for the smallest packet.
constexpr size_t kBound = 4 * 1024 * 1024;

// Everything in order and twenty times the window, while nobody at the other end reads.
void more_than_the_window(Impostor& peer, uint32_t n) {
    peer.send({.ahead = n + 1,
               .stream = kUnused,
               .sequence = static_cast<uint16_t>(n),
               .octets = Impostor::kLargest});
}

// The first one never comes.
void behind_a_gap(Impostor& peer, uint32_t n) {
    peer.send({.ahead = n + 2,
               .stream = kUnused,
               .sequence = static_cast<uint16_t>(n + 1),
               .octets = Impostor::kLargest});
}

// The last TSN that is taken comes first: everything else is within what has been announced.
void backwards_behind_a_gap(Impostor& peer, uint32_t n) {
    const uint32_t ahead = 4090 - n % 4088;
    peer.send(
        {.ahead = ahead, .sequence = static_cast<uint16_t>(ahead), .octets = Impostor::kLargest});
}

// As many chunks of an octet as a packet holds, each the middle of a message without a beginning.
void middles_of_messages(Impostor& peer, uint32_t n) {
    std::vector<Data> chunks;
    for (uint32_t i = 0; i < 69; ++i) {
        chunks.push_back({.ahead = 2 + (n * 69 + i) % 4080, .sequence = 1, .flags = 0});
    }
    peer.send(chunks);
}

// One octet alone in its packet, all over the streams.
void tiny_ones_behind_a_gap(Impostor& peer, uint32_t n) {
    peer.send({.ahead = 4090 - n % 4088,
               .stream = static_cast<uint16_t>(n % 16),
               .sequence = static_cast<uint16_t>(n / 16 + 1)});
}

void the_same_again(Impostor& peer, uint32_t) {
    const Data one{.ahead = 2, .stream = kUnused, .sequence = 1, .octets = 10};
    peer.send(std::vector<Data>(50, one));
}

void streams_that_there_are_not(Impostor& peer, uint32_t n) {
    std::vector<Data> chunks;
    for (uint32_t i = 0; i < 50; ++i) {
        chunks.push_back({.ahead = n * 50 + i + 1,
                          .stream = static_cast<uint16_t>(1000 + (n * 50 + i) % 60'000)});
    }
    peer.send(chunks);
}

// Two beginnings of one message.
void beginnings_only(Impostor& peer, uint32_t n) {
    peer.send({.ahead = n + 1, .flags = Data::kBegin, .octets = 100});
}

class HostilePeer : public testing::TestWithParam<Attack> {
 protected:
    static void SetUpTestSuite() { test::eal(512); }

    // A packet after the other until there were so many, or until the gateway has had enough.
    void attack(World& world, Impostor& peer, uint32_t packets) {
        for (const uint32_t last = sent_ + packets; sent_ < last && !peer.aborted();) {
            for (int i = 0; i < 4; ++i) {
                GetParam().packet(peer, sent_++);
            }
            world.step();
        }
    }
    void expect_bounded(const World& world, const Impostor& peer, size_t before) {
        const size_t now = allocated();
        const size_t grown = now > before ? now - before : 0;
        std::cout << "grown by " << grown / 1024 << " KiB, not taken "
                  << world.a->host().counters().beyond_window
                  << (peer.aborted() ? " packets, aborted\n" : " packets\n");
        EXPECT_LT(grown, kBound);
        EXPECT_EQ(world.a->host().counters().beyond_window > 0, GetParam().is_refused);
        EXPECT_EQ(peer.aborted(), GetParam().ends);
    }

    uint32_t sent_ = 0;
};

TEST_P(HostilePeer, on_the_plain_side) {
    World world({.seed = 201});
    Conversation talk(world, 201);
    ASSERT_TRUE(talk.begin());
    talk.talk(milliseconds(200));
    ASSERT_TRUE(talk.settle(seconds(5)));
    Impostor impostor(*world.client, kHostilePort);
    Peer& hostile =
        world.client->connect(*IpAddress::parse("10.1.0.1"), kServicePort, kHostilePort);
    ASSERT_TRUE(world.run_until(
        [&] {
            return world.server->peers().size() == 2 && world.server->peers()[1]->established();
        },
        seconds(5)));
    world.server->peers()[1]->set_stalled(true);
    world.run_for(seconds(1));

    const size_t before = allocated();
    impostor.take();
    attack(world, impostor, kPackets);
    expect_bounded(world, impostor, before);

    for (int round = 0; round < 50; ++round) {
        talk.send();
        attack(world, impostor, 40);
    }
    talk.expect_recovery(GetParam().name, seconds(5));
    impostor.give_back();
    if (!hostile.closed()) {
        hostile.abort();
    }
    ASSERT_TRUE(
        world.run_until([&] { return world.a->host().association_count() == 2; }, seconds(5)));
}

// The gateway's peer on the trunk, with the keys of the association.
TEST_P(HostilePeer, on_the_protected_side) {
    World::Settings settings;
    settings.seed = 202;
    settings.keys_a = Keys::tls13;
    settings.keys_b = Keys::tls13;
    settings.without_b = true;
    World world(settings);
    NativeNode native(world);
    Impostor impostor(native.node(), kServicePort);
    const auto echoed = [&](Peer& client, size_t messages) {
        client.send({1, 60, false, std::vector<uint8_t>(500, static_cast<uint8_t>(messages))});
        return world.run_until([&] { return client.received().size() == messages; }, seconds(10));
    };
    Peer& behind = world.connect();
    ASSERT_TRUE(echoed(behind, 1));
    Peer& beside = world.connect();
    ASSERT_TRUE(echoed(beside, 1));
    behind.set_stalled(true);
    world.run_for(seconds(1));

    const size_t before = allocated();
    impostor.take();
    attack(world, impostor, kPackets);
    expect_bounded(world, impostor, before);
    for (size_t round = 2; round < 30; ++round) {
        attack(world, impostor, 40);
        ASSERT_TRUE(echoed(beside, round));
    }
}

INSTANTIATE_TEST_SUITE_P(
    Sends, HostilePeer,
    testing::Values(Attack{"more_than_the_window", more_than_the_window, true},
                    Attack{"behind_a_gap", behind_a_gap, true},
                    Attack{.name = "backwards_behind_a_gap",
                           .packet = backwards_behind_a_gap,
                           .is_refused = true},
                    Attack{"middles_of_messages", middles_of_messages, true},
                    Attack{"tiny_ones_behind_a_gap", tiny_ones_behind_a_gap, true},
                    Attack{"the_same_again", the_same_again},
                    Attack{"on_streams_that_there_are_not", streams_that_there_are_not},
                    Attack{"beginnings_only", beginnings_only, false, true}),
    [](const auto& attack) { return attack.param.name; });

}  // namespace
}  // namespace sdg::sim
