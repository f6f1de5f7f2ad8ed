// The faults of docs/faults.md in simulated time: what is promised when they happen, and how long
// they are felt. Every message is checked by content.
#include <gtest/gtest.h>
#include <rte_mempool.h>

#include <deque>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/ipv4.h"
#include "tests/sim/conversation.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using packet::DropReason;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Direction = Link::Direction;

class Fault : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

bool lose_everything(Direction, std::span<uint8_t>) {
    return false;
}
const Link::Filter kNoFilter = nullptr;

struct Loss {
    int percent;
    seconds promised;
};

class LossyTrunk : public testing::TestWithParam<Loss> {
 protected:
    static void SetUpTestSuite() { test::eal(512); }
};

TEST_P(LossyTrunk, is_slower_and_complete) {
    const Loss& loss = GetParam();
    World::Settings settings;
    settings.seed = 100 + static_cast<uint64_t>(loss.percent);
    // Half of all packets lost each way is beyond what the defaults take for a living path.
    if (loss.percent >= 50) {
        settings.adjust_a = settings.adjust_b = [](config::Configuration& c) {
            c.sctp.association_max_retransmissions = 40;
            c.sctp.rto_max_ms = 2000;
        };
    }
    World world(settings);
    Conversation talk(world, settings.seed);
    ASSERT_TRUE(talk.begin());
    world.trunk.set_impairment({.loss = loss.percent / 100.0});
    talk.talk(seconds(3), milliseconds(30), 2000);
    const auto took = talk.settle(loss.promised);
    ASSERT_TRUE(took) << talk.answered() << " of " << talk.sent().size();
    std::cout << loss.percent << " % loss: the last answer came " << took->count()
              << " ms after the last message\n";
    EXPECT_GT(world.trunk.counters().lost, static_cast<uint64_t>(loss.percent));
    world.trunk.set_impairment({});
    talk.talk(milliseconds(500));
    talk.expect_recovery(fmt::format("{} % loss", loss.percent), seconds(20));
}

INSTANTIATE_TEST_SUITE_P(Percent, LossyTrunk,
                         testing::Values(Loss{5, seconds(60)}, Loss{20, seconds(120)},
                                         Loss{50, seconds(600)}),
                         [](const auto& loss) { return std::to_string(loss.param.percent); });

TEST_F(Fault, a_link_that_is_down_for_20_seconds_costs_time_only) {
    World world({.seed = 111});
    Conversation talk(world, 111);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    world.trunk.set_filter(lose_everything);
    talk.talk(seconds(20), milliseconds(50));
    EXPECT_LT(talk.answered(), talk.sent().size());
    world.trunk.set_filter(kNoFilter);
    talk.expect_recovery("20 s without link", seconds(15));
}

TEST_F(Fault, a_link_that_stays_down_ends_both_ends_and_alters_nothing) {
    World world({.seed = 112});
    Conversation talk(world, 112);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    const TimePoint down = world.clock.now();
    world.trunk.set_filter(lose_everything);
    talk.talk(milliseconds(500));
    ASSERT_TRUE(world.run_until([&] { return talk.client().closed() && talk.server().closed(); },
                                seconds(500)));
    std::cout << "both ends told after "
              << std::chrono::duration_cast<seconds>(world.clock.now() - down).count()
              << " s without link\n";
    EXPECT_EQ(talk.client().close_reason(), sctp::CloseReason::peer_aborted);
    talk.expect_nothing_altered();
    world.trunk.set_filter(kNoFilter);
    Conversation again(world, 113);
    ASSERT_TRUE(again.begin()) << "new associations come up at once";
    again.talk(milliseconds(300));
    again.expect_recovery("an association ended by its link", seconds(5));
}

TEST_F(Fault, one_way_loss_for_5_seconds_costs_time_only) {
    for (const Direction lost : {Direction::a_to_b, Direction::b_to_a}) {
        World world({.seed = 114});
        Conversation talk(world, 114);
        ASSERT_TRUE(talk.begin());
        talk.talk(seconds(1));
        world.trunk.set_filter(
            [lost](Direction direction, std::span<uint8_t>) { return direction != lost; });
        talk.talk(seconds(5));
        world.trunk.set_filter(kNoFilter);
        talk.expect_recovery(
            lost == Direction::a_to_b ? "5 s of loss towards B" : "5 s of loss towards A",
            seconds(15));
    }
}

TEST_F(Fault, packets_overtaken_by_a_thousand_others_are_still_taken) {
    World world({.seed = 115});
    Conversation talk(world, 115);
    ASSERT_TRUE(talk.begin());
    // Every 50th record waits until 1,000 others of its direction have gone by: the replay window
    // is 1,024 records.
    constexpr size_t kBehind = 1000;
    struct Way {
        uint64_t count = 0;
        std::deque<std::pair<uint64_t, std::vector<uint8_t>>> held;
    };
    std::array<Way, 2> ways;
    uint64_t late = 0;
    world.trunk.set_filter([&](Direction direction, std::span<uint8_t> frame) {
        Way& way = ways[direction == Direction::a_to_b ? 0 : 1];
        ++way.count;
        while (!way.held.empty() && way.held.front().first + kBehind <= way.count) {
            world.trunk.inject(direction, way.held.front().second);
            way.held.pop_front();
            ++late;
        }
        if (way.count % 50 == 0) {
            way.held.emplace_back(way.count, std::vector<uint8_t>(frame.begin(), frame.end()));
            return false;
        }
        return true;
    });
    talk.talk(seconds(8), milliseconds(2), 900);
    world.trunk.set_filter(kNoFilter);
    talk.expect_recovery("reordering across 1,000 packets", seconds(15));
    EXPECT_GT(late, 50U);
    EXPECT_EQ(world.a->drops(DropReason::record_replayed), 0U);
    EXPECT_EQ(world.b->drops(DropReason::record_replayed), 0U);
}

TEST_F(Fault, every_packet_twice_is_every_message_once) {
    World world({.seed = 116, .trunk = {.duplicate = 1.0}});
    Conversation talk(world, 116);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(3));
    talk.expect_recovery("duplication of everything", seconds(5));
    EXPECT_GT(world.b->drops(DropReason::record_replayed), talk.sent().size() / 2);
    EXPECT_GT(world.a->drops(DropReason::record_replayed), talk.sent().size() / 2);
}

TEST_F(Fault, bit_errors_are_found_also_those_with_a_right_checksum) {
    World world({.seed = 117});
    Conversation talk(world, 117);
    ASSERT_TRUE(talk.begin());
    SeededRandom random(117);
    // One packet in ten loses a bit of its SCTP part; half of these have their CRC32c made right.
    world.trunk.set_filter([&](Direction, std::span<uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (parsed.kind != packet::FrameKind::sctp || random.u32() % 10 != 0) {
            return true;
        }
        const auto sctp = frame.subspan(parsed.l4_offset, parsed.l4_length);
        if (sctp.size() <= 32) {
            return true;
        }
        const size_t bit = 32 * 8 + random.u32() % ((sctp.size() - 32) * 8);
        sctp[bit / 8] = static_cast<uint8_t>(sctp[bit / 8] ^ (1U << (bit % 8)));
        if (random.u32() % 2 == 0) {
            packet::set_checksum(sctp);
        }
        return true;
    });
    talk.talk(seconds(3));
    ASSERT_TRUE(talk.settle(seconds(120)));
    world.trunk.set_filter(kNoFilter);
    talk.talk(milliseconds(200));
    talk.expect_recovery("bit errors in a tenth of the packets", seconds(15));
    EXPECT_GT(world.b->drops(DropReason::sctp_checksum), 5U);
    EXPECT_GT(world.b->drops(DropReason::record_forged), 5U);
}

TEST_F(Fault, a_control_loop_blocked_for_5_seconds_costs_time_only) {
    World world({.seed = 118});
    Conversation talk(world, 118);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    world.stalled_a.control = true;
    talk.talk(seconds(5));
    EXPECT_GT(talk.sent().size() - talk.answered(), 400U) << "nothing was stopped";
    world.stalled_a.control = false;
    talk.expect_recovery("a control loop blocked for 5 s", seconds(15));
}

TEST_F(Fault, workers_that_stall_for_5_seconds_cost_time_only) {
    World world({.seed = 119, .workers = 2});
    Conversation talk(world, 119);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    world.stalled_b.workers = true;
    talk.talk(seconds(5));
    EXPECT_GT(talk.sent().size() - talk.answered(), 400U) << "nothing was stopped";
    world.stalled_b.workers = false;
    talk.expect_recovery("workers stalled for 5 s", seconds(15));
}

TEST_F(Fault, a_whole_gateway_stopped_for_5_seconds_costs_time_only) {
    World world({.seed = 120, .keys_a = Keys::tls13, .keys_b = Keys::tls13});
    Conversation talk(world, 120);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    world.stalled_a = {.workers = true, .control = true};
    talk.talk(seconds(5));
    EXPECT_GT(talk.sent().size() - talk.answered(), 400U) << "nothing was stopped";
    world.stalled_a = {};
    talk.expect_recovery("a gateway stopped for 5 s", seconds(15));
}

TEST_F(Fault, rings_that_overflow_lose_packets_and_no_message) {
    World::Settings settings;
    settings.seed = 121;
    settings.adjust_a =
        settings.adjust_b = [](config::Configuration& c) { c.limits.ring_packets = 64; };
    World world(settings);
    Conversation talk(world, 121);
    ASSERT_TRUE(talk.begin());
    for (int turn = 0; turn < 20; ++turn) {
        world.stalled_b.control = turn % 2 == 0;  // nobody empties the rings for a moment
        talk.talk(milliseconds(200), milliseconds(1), 60'000);
    }
    world.stalled_b.control = false;
    talk.expect_recovery("overflowing rings", seconds(60));
    EXPECT_GT(world.b->drops(DropReason::ring_full_to_control), 0U);
}

TEST_F(Fault, without_packet_buffers_for_3_seconds_no_message_is_lost) {
    World world({.seed = 122});
    Conversation talk(world, 122);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    std::vector<rte_mbuf*> hoard;
    while (rte_mbuf* one = rte_pktmbuf_alloc(world.a->ports().control_pool())) {
        hoard.push_back(one);
    }
    talk.talk(seconds(3));
    EXPECT_GT(world.a->bridge().counters().send_no_mbuf, 0U);
    rte_pktmbuf_free_bulk(hoard.data(), static_cast<unsigned>(hoard.size()));
    talk.expect_recovery("3 s without packet buffers", seconds(15));
}

TEST_F(Fault, calendar_time_that_jumps_changes_nothing) {
    World world({.seed = 123, .keys_a = Keys::tls13, .keys_b = Keys::tls13, .restart = true});
    Conversation talk(world, 123);
    ASSERT_TRUE(talk.begin());
    for (const auto jump : {std::chrono::hours(1), std::chrono::hours(-1), std::chrono::hours(-1),
                            std::chrono::hours(1)}) {
        world.wall_clock.jump(jump);
        talk.talk(seconds(11));  // the leases of the restart stores are renewed twice
        EXPECT_FALSE(world.a->is_fenced());
        EXPECT_FALSE(world.b->is_fenced());
    }
    world.a->request_rekey();
    talk.talk(seconds(2));
    talk.expect_recovery("jumps of calendar time", seconds(5));
    EXPECT_EQ(world.a->keeper()->counters().lease_renewals_failed, 0U);
    EXPECT_EQ(world.b->keeper()->counters().lease_renewals_failed, 0U);
    EXPECT_EQ(world.a->keeper()->counters().not_kept, 0U);
}

// A path that carries less than the port's MTU from some time on.
bool carries_1000(Direction, std::span<uint8_t> frame) {
    return frame.size() <= 14 + 1000;
}

TEST_F(Fault, a_path_mtu_that_is_configured_survives_a_smaller_path) {
    World::Settings settings;
    settings.seed = 124;
    settings.adjust_a =
        settings.adjust_b = [](config::Configuration& c) { c.sctp.path_mtu = 1000; };
    World world(settings);
    Conversation talk(world, 124);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    world.trunk.set_filter(carries_1000);
    talk.talk(seconds(2));
    talk.expect_recovery("a path of 1,000 octets", seconds(5));
    EXPECT_EQ(world.trunk.counters().lost, 0U);
}

TEST_F(Fault, a_black_hole_for_large_packets_ends_only_who_sends_them) {
    World world({.seed = 125});
    Conversation small(world, 125);
    ASSERT_TRUE(small.begin());
    Conversation large(world, 126);
    ASSERT_TRUE(large.begin());
    Peer& server_of_small = *world.server->peers()[0];
    world.trunk.set_filter(carries_1000);
    large.client().send({1, 60, false, std::vector<uint8_t>(5000, 7)});
    const TimePoint begin = world.clock.now();
    while (!large.client().closed() && world.clock.now() < begin + seconds(200)) {
        small.client().send({2, 60, false, std::vector<uint8_t>(400, 9)});
        world.run_for(milliseconds(500));
    }
    EXPECT_TRUE(large.client().closed()) << "the sender is told";
    EXPECT_TRUE(large.server().received().empty());
    std::cout << "a sender of packets too large is told after "
              << std::chrono::duration_cast<seconds>(world.clock.now() - begin).count() << " s\n";
    EXPECT_FALSE(small.client().closed()) << "whose packets fit goes on";
    const size_t sent = server_of_small.received().size();
    small.client().send({2, 60, false, {1, 2, 3}});
    ASSERT_TRUE(
        world.run_until([&] { return server_of_small.received().size() > sent; }, seconds(5)));
}

TEST_F(Fault, a_forged_fragmentation_needed_changes_nothing) {
    World world({.seed = 127});
    std::vector<uint8_t> newest;
    size_t longest = 0;
    world.trunk.set_tap([&](Direction direction, std::span<const uint8_t> frame) {
        longest = std::max(longest, frame.size());
        if (direction == Direction::a_to_b && frame.size() > 60) {
            newest.assign(frame.begin(), frame.end());
        }
    });
    Conversation talk(world, 127);
    ASSERT_TRUE(talk.begin());
    talk.talk(seconds(1));
    ASSERT_GT(newest.size(), 60U);
    // From B's address to A: destination unreachable, fragmentation needed, next hop takes 600; it
    // quotes a packet that A has really sent.
    std::vector<uint8_t> frame(newest.begin(), newest.begin() + 34);
    std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
    std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
    std::vector<uint8_t> icmp = {3, 4, 0, 0, 0, 0, 600 >> 8, 600 & 0xff};
    icmp.insert(icmp.end(), newest.begin() + 14, newest.begin() + 14 + 28);
    packet::store_be16(icmp.data() + 2, packet::internet_checksum(icmp));
    frame[23] = 1;
    packet::store_be16(frame.data() + 16, static_cast<uint16_t>(20 + icmp.size()));
    packet::store_be16(frame.data() + 24, 0);
    packet::store_be16(frame.data() + 24, packet::internet_checksum({frame.data() + 14, 20}));
    frame.insert(frame.end(), icmp.begin(), icmp.end());
    world.trunk.inject(Direction::b_to_a, frame);
    world.run_for(milliseconds(10));
    EXPECT_EQ(world.a->drops(DropReason::icmp_ignored), 1U);
    longest = 0;
    talk.talk(seconds(1));
    talk.expect_recovery("a forged ICMP message", seconds(5));
    EXPECT_GT(longest, 1400U) << "packets are as long as before";
}

TEST_F(Fault, a_backend_that_flaps_costs_its_associations_only) {
    World::Settings settings;
    settings.seed = 128;
    settings.adjust_b = [](config::Configuration& c) { c.backends[0].connect_timeout_ms = 2000; };
    World world(settings);
    Conversation steady(world, 128);
    ASSERT_TRUE(steady.begin());
    Peer& server_of_steady = steady.server();
    for (int turn = 0; turn < 4; ++turn) {
        // The backend cannot be reached by new associations: INITs are lost, all else passes.
        world.core.set_filter([](Direction, std::span<uint8_t> frame) {
            const auto parsed = packet::parse(frame);
            return parsed.kind != packet::FrameKind::sctp ||
                   parsed.first_chunk != packet::kChunkInit;
        });
        Peer& refused = world.connect();
        ASSERT_TRUE(world.run_until([&] { return refused.closed(); }, seconds(10)))
            << "told in the time of connect_timeout_ms";
        world.core.set_filter(kNoFilter);
        Peer& taken = world.connect();
        taken.send({1, 60, false, {1, 2, static_cast<uint8_t>(turn)}});
        ASSERT_TRUE(world.run_until([&] { return taken.received().size() == 1; }, seconds(10)))
            << "the backend is used as soon as it is back";
        taken.shutdown();
        ASSERT_TRUE(world.run_until([&] { return taken.closed(); }, seconds(10)));
        steady.send();
    }
    ASSERT_TRUE(steady.settle(seconds(5)));
    expect_same(steady.sent(), server_of_steady.received());
    EXPECT_EQ(world.b->relay().counters().backend_failures, 4U);
}

TEST_F(Fault, a_flood_of_inits_leaves_associations_alone) {
    World world({.seed = 129, .keys_a = Keys::dtls13, .keys_b = Keys::dtls13});
    std::vector<uint8_t> init;
    world.trunk.set_tap([&](Direction direction, std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (direction == Direction::a_to_b && parsed.kind == packet::FrameKind::sctp &&
            parsed.first_chunk == packet::kChunkInit) {
            init.assign(frame.begin(), frame.end());
        }
    });
    Conversation talk(world, 129);
    ASSERT_TRUE(talk.begin());
    ASSERT_FALSE(init.empty());
    const size_t associations = world.b->host().association_count();
    SeededRandom random(129);
    uint64_t sent = 0;
    world.also = [&] {
        for (int i = 0; i < 20; ++i) {  // 40,000 a second
            const auto parsed = packet::parse(init);
            init[29] = static_cast<uint8_t>(10 + random.u32() % 200);  // source address
            packet::store_be16(init.data() + 24, 0);
            packet::store_be16(init.data() + 24, packet::internet_checksum({init.data() + 14, 20}));
            const auto sctp = std::span(init).subspan(parsed.l4_offset, parsed.l4_length);
            packet::store_be16(sctp.data(), static_cast<uint16_t>(1024 + random.u32() % 60'000));
            packet::store_be32(sctp.data() + 16, random.u32() | 1);  // initiate tag
            packet::set_checksum(sctp);
            world.trunk.inject(Direction::a_to_b, init);
            ++sent;
        }
    };
    talk.talk(seconds(2));
    world.also = nullptr;
    talk.expect_recovery("2 s of 40,000 INITs a second", seconds(5));
    EXPECT_EQ(world.b->host().association_count(), associations);
    // A second's budget at once and one for each of the two seconds.
    EXPECT_LE(world.b->host().counters().init_received, 30'010U);
    EXPECT_GT(world.b->drops(DropReason::init_rate_limited), sent / 2);
    Conversation next(world, 130);
    EXPECT_TRUE(next.begin()) << "and new ones come up afterwards";
}

}  // namespace
}  // namespace sdg::sim
