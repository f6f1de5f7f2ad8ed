// What must hold through two gateways and a bad link, whatever the link does.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using packet::DropReason;
using std::chrono::seconds;

class Relayed : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

TEST_F(Relayed, only_the_handshake_crosses_the_trunk_in_clear) {
    World world({.seed = 11});
    TrunkView view;
    view.watch(world.trunk);
    Peer& client = world.connect();
    const auto messages = make_messages(1, 50, 20'000);
    for (const auto& m : messages) {
        client.send(m);
    }
    world.server->set_answer(nullptr);
    ASSERT_TRUE(world.run_until(
        [&] {
            return !world.server->peers().empty() &&
                   world.server->peers()[0]->received().size() == messages.size();
        },
        seconds(60)));
    expect_same(messages, world.server->peers()[0]->received());
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);
    ASSERT_TRUE(world.run_until([&] { return world.server->peers()[0]->closed(); }, seconds(60)));
    EXPECT_EQ(world.server->peers()[0]->close_reason(), sctp::CloseReason::shutdown_complete);

    EXPECT_EQ(view.chunks[packet::kChunkInit], 1U);
    EXPECT_EQ(view.chunks[packet::kChunkInitAck], 1U);
    EXPECT_EQ(view.chunks[packet::kChunkCookieEcho], 1U);
    EXPECT_EQ(view.chunks[packet::kChunkCookieAck], 1U);
    EXPECT_GT(view.chunks[packet::kChunkDtls], 50U);
    EXPECT_EQ(view.chunks.size(), 5U) << "another chunk type crossed in clear";
}

struct Weather {
    const char* name;
    uint64_t seed;
    Impairment trunk;
    config::CipherSuite suite;
};

void PrintTo(const Weather& weather, std::ostream* out) {
    *out << weather.name;
}

class BadLink : public testing::TestWithParam<Weather> {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

TEST_P(BadLink, both_directions_stay_complete_and_exact) {
    const Weather& weather = GetParam();
    World world({.seed = weather.seed, .trunk = weather.trunk, .suite = weather.suite});
    // The server answers every message by the same with its octets turned over.
    world.server->set_answer([](const Message& m) -> std::optional<Message> {
        Message reply = m;
        for (auto& octet : reply.octets) {
            octet = static_cast<uint8_t>(~octet);
        }
        return reply;
    });
    Peer& client = world.connect();
    auto messages = make_messages(weather.seed, 300, 60'000);
    messages.push_back({3, 60, false, std::vector<uint8_t>(300'000, 0x5a)});
    for (const auto& m : messages) {
        client.send(m);
    }
    ASSERT_TRUE(world.run_until(
        [&] { return client.received().size() == messages.size() || client.closed(); },
        seconds(900)));
    ASSERT_FALSE(client.closed()) << client.close_detail();
    expect_same(messages, world.server->peers()[0]->received());
    auto replies = client.received();
    for (auto& m : replies) {
        for (auto& octet : m.octets) {
            octet = static_cast<uint8_t>(~octet);
        }
    }
    expect_same(messages, replies);
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(300)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);
    if (weather.trunk.duplicate > 0) {
        EXPECT_GT(world.b->drops(DropReason::record_replayed), 0U);
    }
    if (weather.trunk.corrupt > 0) {
        EXPECT_GT(world.b->drops(DropReason::sctp_checksum), 0U);
    }
}

constexpr std::chrono::microseconds kDelay{1000};
INSTANTIATE_TEST_SUITE_P(
    Weathers, BadLink,
    testing::Values(
        Weather{"clean", 21, {.delay = kDelay}, config::CipherSuite::aes_128_gcm_sha256},
        Weather{
            "loss", 22, {.loss = 0.05, .delay = kDelay}, config::CipherSuite::aes_256_gcm_sha384},
        Weather{"reordered_and_duplicated",
                23,
                {.duplicate = 0.05, .reorder = 0.2, .delay = kDelay},
                config::CipherSuite::chacha20_poly1305_sha256},
        Weather{"corrupted",
                24,
                {.corrupt = 0.05, .delay = kDelay},
                config::CipherSuite::aes_128_ccm_sha256},
        Weather{"all_at_once",
                25,
                {.loss = 0.03, .duplicate = 0.03, .corrupt = 0.03, .reorder = 0.1, .delay = kDelay},
                config::CipherSuite::aes_128_gcm_sha256}),
    [](const auto& weather) { return std::string(weather.param.name); });

TEST_F(Relayed, hostile_packets_are_counted_and_the_association_lives_on) {
    World world({.seed = 31});
    TrunkView view;
    view.watch(world.trunk);
    Peer& client = world.connect();
    client.send({1, 60, false, {1, 2, 3}});
    ASSERT_TRUE(world.run_until(
        [&] {
            return !world.server->peers().empty() && !world.server->peers()[0]->received().empty();
        },
        seconds(30)));
    ASSERT_GT(view.sealed.size(), 1U);
    const auto record = view.sealed.back();
    const auto parsed = packet::parse(record);
    const auto to_b = Link::Direction::a_to_b;
    const auto sctp_of = [&](std::vector<uint8_t>& frame) {
        return std::span(frame).subspan(parsed.l4_offset, parsed.l4_length);
    };

    world.trunk.inject(to_b, record);  // replayed
    auto forged = record;
    sctp_of(forged).back() ^= 1;
    sctp_of(forged)[30] ^= 1;
    packet::set_checksum(sctp_of(forged));
    world.trunk.inject(to_b, forged);
    auto wrong_tag = record;
    sctp_of(wrong_tag)[4] ^= 1;
    packet::set_checksum(sctp_of(wrong_tag));
    world.trunk.inject(to_b, wrong_tag);
    auto wrong_epoch = record;
    sctp_of(wrong_epoch)[17] ^= 2;  // 3 -> 1
    packet::set_checksum(sctp_of(wrong_epoch));
    world.trunk.inject(to_b, wrong_epoch);
    auto restart = record;
    sctp_of(restart)[13] |= packet::kDtlsFlagRestart;
    packet::set_checksum(sctp_of(restart));
    world.trunk.inject(to_b, restart);
    auto clear = record;
    sctp_of(clear)[12] = packet::kChunkHeartbeat;
    packet::set_checksum(sctp_of(clear));
    world.trunk.inject(to_b, clear);
    auto broken = record;
    sctp_of(broken)[20] ^= 0x10;
    world.trunk.inject(to_b, broken);
    world.run_for(std::chrono::milliseconds(100));

    EXPECT_EQ(world.b->drops(DropReason::record_replayed), 1U);
    EXPECT_EQ(world.b->drops(DropReason::record_forged), 1U);
    EXPECT_EQ(world.b->drops(DropReason::dtls_no_association), 1U);
    EXPECT_EQ(world.b->drops(DropReason::dtls_no_key), 1U);
    EXPECT_EQ(world.b->drops(DropReason::dtls_restart_unsupported), 1U);
    EXPECT_EQ(world.b->drops(DropReason::clear_when_protected), 1U);
    EXPECT_EQ(world.b->drops(DropReason::sctp_checksum), 1U);

    client.send({1, 60, false, {4, 5, 6}});
    ASSERT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 2; },
                                seconds(30)));
}

TEST_F(Relayed, different_pre_shared_keys_end_in_bounded_time) {
    World world({.seed = 41, .different_keys = true});
    Peer& client = world.connect();
    client.send({1, 60, false, {1, 2, 3}});
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::peer_aborted);
    EXPECT_GT(world.b->drops(DropReason::record_forged) + world.a->drops(DropReason::record_forged),
              0U);
    EXPECT_TRUE(world.server->peers().empty() || world.server->peers()[0]->received().empty());
}

TEST_F(Relayed, a_changed_parameter_on_the_way_ends_in_bounded_time) {
    World world({.seed = 42});
    // The tie breaker in the INIT ACK that B sends loses a bit; its CRC32c is right.
    world.trunk.set_filter([](Link::Direction direction, std::span<uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (direction == Link::Direction::b_to_a && parsed.kind == packet::FrameKind::sctp &&
            parsed.first_chunk == packet::kChunkInitAck) {
            auto sctp = frame.subspan(parsed.l4_offset, parsed.l4_length);
            const std::array<uint8_t, 2> type = {0x80, 0x06};
            const auto at = std::search(sctp.begin(), sctp.end(), type.begin(), type.end());
            if (at != sctp.end()) {
                *(at + 7) ^= 1;
                packet::set_checksum(sctp);
            }
        }
        return true;
    });
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_TRUE(world.server->peers().empty());
}

TEST_F(Relayed, a_full_send_buffer_of_many_streams_moves_on) {
    // Messages cut where a send buffer ends, on streams of their own, while the window of the next
    // node opens and closes: none may be begun before what fills the buffer has left.
    for (uint64_t seed = 48; seed < 51; ++seed) {
        World::Settings settings;
        settings.seed = seed;
        settings.trunk = {.loss = 0.02, .reorder = 0.05};
        World world(settings);
        world.server->set_answer([](const Message& m) { return m; });
        Peer& client = world.connect();
        std::vector<Message> messages;
        SeededRandom random(seed);
        for (size_t i = 0; i < 4000; ++i) {
            messages.push_back(
                {static_cast<uint16_t>(random.u32() % 10), 60, random.u32() % 5 == 0,
                 std::vector<uint8_t>(1 + random.u32() % 3000, static_cast<uint8_t>(i))});
            client.send(messages.back());
        }
        ASSERT_TRUE(world.run_until([&] { return client.received().size() == messages.size(); },
                                    seconds(120)))
            << client.received().size() << " of " << messages.size() << ", seed " << seed;
        expect_same(messages, world.server->peers()[0]->received());
    }
}

TEST_F(Relayed, strict_mode_refuses_a_peer_without_the_extension) {
    World world({.seed = 43, .b_plain = true});
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_TRUE(world.server->peers().empty());
    EXPECT_EQ(world.a->relay().counters().backend_failures, 1U);
}

TEST_F(Relayed, loose_mode_goes_on_without_protection) {
    World world({.seed = 44, .mode_a = config::ProtectionMode::loose, .b_plain = true});
    Peer& client = world.connect();
    client.send({1, 60, false, {1, 2, 3}});
    ASSERT_TRUE(world.run_until(
        [&] {
            return !world.server->peers().empty() && !world.server->peers()[0]->received().empty();
        },
        seconds(60)));
}

TEST_F(Relayed, a_node_that_does_not_read_holds_the_sender_back) {
    World world({.seed = 45});
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until(
        [&] { return !world.server->peers().empty() && world.server->peers()[0]->established(); },
        seconds(30)));
    Peer& server = *world.server->peers()[0];
    server.set_stalled(true);
    const size_t count = 600;
    for (size_t i = 0; i < count; ++i) {
        client.send({1, 60, false, std::vector<uint8_t>(10'000, static_cast<uint8_t>(i))});
    }
    world.run_for(std::chrono::seconds(20));
    // Six buffers of 256 KiB stand between the two: most of the 6 MB must still be with the client.
    EXPECT_GT(client.queued(), count / 2);
    EXPECT_TRUE(server.received().empty());
    server.set_stalled(false);
    ASSERT_TRUE(world.run_until([&] { return server.received().size() == count; }, seconds(300)));
    for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(server.received()[i].octets.size(), 10'000U);
        ASSERT_EQ(server.received()[i].octets[0], static_cast<uint8_t>(i));
    }
}

TEST_F(Relayed, an_abort_reaches_the_other_end) {
    World world({.seed = 46});
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until(
        [&] { return !world.server->peers().empty() && world.server->peers()[0]->established(); },
        seconds(30)));
    client.abort();
    ASSERT_TRUE(world.run_until([&] { return world.server->peers()[0]->closed(); }, seconds(30)));
    EXPECT_EQ(world.server->peers()[0]->close_reason(), sctp::CloseReason::peer_aborted);
}

TEST_F(Relayed, drain_closes_everything_gracefully) {
    World world({.seed = 47});
    Peer& client = world.connect();
    client.send({1, 60, false, std::vector<uint8_t>(5'000, 7)});
    ASSERT_TRUE(world.run_until(
        [&] {
            return !world.server->peers().empty() && !world.server->peers()[0]->received().empty();
        },
        seconds(30)));
    world.a->drain();
    ASSERT_TRUE(world.run_until([&] { return world.a->is_drained(); }, seconds(30)));
    ASSERT_TRUE(world.run_until(
        [&] { return client.closed() && world.server->peers()[0]->closed(); }, seconds(30)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);
    EXPECT_EQ(world.server->peers()[0]->close_reason(), sctp::CloseReason::shutdown_complete);
}

TEST_F(Relayed, many_associations_over_two_workers) {
    World world({.seed = 48, .trunk = {.loss = 0.01}, .workers = 2});
    constexpr size_t kCount = 60;
    std::vector<Peer*> clients;
    for (size_t i = 0; i < kCount; ++i) {
        clients.push_back(&world.connect());
        clients.back()->send(
            {1, 60, false, std::vector<uint8_t>(500 + i, static_cast<uint8_t>(i))});
    }
    world.server->set_answer([](const Message& m) -> std::optional<Message> { return m; });
    ASSERT_TRUE(world.run_until(
        [&] {
            return std::all_of(clients.begin(), clients.end(),
                               [](const Peer* peer) { return peer->received().size() == 1; });
        },
        seconds(120)));
    for (size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(clients[i]->received()[0].octets,
                  std::vector<uint8_t>(500 + i, static_cast<uint8_t>(i)));
    }
}

}  // namespace
}  // namespace sdg::sim
