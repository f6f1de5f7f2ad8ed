// The loop of a worker on its own thread, and its back-off when there is nothing to do.
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <thread>

#include "dataplane/worker/idle.h"
#include "tests/support/hex.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

using worker::IdleBackoff;
using Action = IdleBackoff::Action;

TEST(IdleBackoff, spins_then_yields_then_sleeps_longer_up_to_the_limit) {
    IdleBackoff backoff(50, 1);
    for (unsigned i = 0; i < IdleBackoff::kSpins; ++i) {
        ASSERT_EQ(backoff.idle(), Action::spin);
    }
    for (unsigned i = 0; i < IdleBackoff::kYields; ++i) {
        ASSERT_EQ(backoff.idle(), Action::yield);
    }
    for (const unsigned expected : {5U, 10U, 20U, 40U, 50U, 50U}) {
        ASSERT_EQ(backoff.idle(), Action::sleep);
        EXPECT_EQ(backoff.sleep_us(), expected);
    }
    for (unsigned i = 6; i < IdleBackoff::kSleepsUntilDeep; ++i) {
        ASSERT_EQ(backoff.idle(), Action::sleep);
        ASSERT_EQ(backoff.sleep_us(), 50U);
    }
    for (const unsigned expected : {100U, 200U, 200U, 200U}) {
        ASSERT_EQ(backoff.idle(), Action::sleep);
        EXPECT_EQ(backoff.sleep_us(), expected) << "nothing for long: four times the limit";
    }
    EXPECT_EQ(backoff.busy(1), Action::go_on);
    EXPECT_EQ(backoff.idle(), Action::spin) << "one packet, and it is awake again";
}

TEST(IdleBackoff, never_sleeps_when_told_so) {
    IdleBackoff backoff(0, 1);
    for (unsigned i = 0; i < 10 * IdleBackoff::kSpins; ++i) {
        ASSERT_NE(backoff.idle(), Action::sleep);
    }
}

TEST(IdleBackoff, gives_way_after_each_turn_when_it_is_never_idle) {
    constexpr uint64_t cycles_per_us = 10;
    constexpr uint64_t turn = IdleBackoff::kTurnUs * cycles_per_us;
    IdleBackoff backoff(50, cycles_per_us);
    constexpr uint64_t start = 1'000'000;
    EXPECT_EQ(backoff.busy(start), Action::go_on);
    EXPECT_EQ(backoff.busy(start + turn - 1), Action::go_on);
    EXPECT_EQ(backoff.idle(), Action::spin);
    EXPECT_EQ(backoff.busy(start + turn), Action::yield) << "an empty round ends no turn";
    EXPECT_EQ(backoff.busy(start + turn + 1), Action::go_on);
    EXPECT_EQ(backoff.busy(start + 2 * turn), Action::yield);
}

TEST(IdleBackoff, starts_a_new_turn_when_it_has_given_way) {
    IdleBackoff backoff(50, 1);
    EXPECT_EQ(backoff.busy(1000), Action::go_on);
    while (backoff.idle() != Action::sleep) {
    }
    EXPECT_EQ(backoff.busy(1'000'000), Action::go_on) << "it has slept";
    EXPECT_EQ(backoff.busy(1'000'000 + IdleBackoff::kTurnUs), Action::yield);
}

TEST(IdleBackoff, never_gives_way_while_busy_on_a_cpu_of_its_own) {
    IdleBackoff backoff(0, 1);
    for (uint64_t now = 1; now < 1'000'000; now += 1000) {
        ASSERT_EQ(backoff.busy(now), Action::go_on);
    }
}

TEST(Cycles, of_a_round_go_to_what_it_found) {
    Rig rig;
    const auto& counters = rig.workers[0]->counters();
    constexpr uint64_t start = 1'000'000;
    rig.poll_at(start);
    EXPECT_EQ(counters.idle_cycles.load(), 0U) << "there was no round before";
    rig.wires[0]->send(
        from_hex("ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000000a"
                 "000001"));
    rig.poll_at(start + 100);
    EXPECT_EQ(counters.idle_cycles.load(), 100U);
    EXPECT_EQ(counters.busy_cycles.load(), 0U) << "its round has not ended";
    rig.poll_at(start + 350);
    EXPECT_EQ(counters.busy_cycles.load(), 250U);
    EXPECT_EQ(counters.idle_cycles.load(), 100U);
    EXPECT_EQ(counters.handled.load(), 1U);
    rig.poll_at(start + 400);
    EXPECT_EQ(counters.idle_cycles.load(), 150U);
}

class Running : public testing::Test {
 protected:
    void start() {
        thread_ = std::thread([this] { rig.workers[0]->run(stop_); });
    }
    void TearDown() override {
        stop_.store(true);
        if (thread_.joinable()) {
            thread_.join();
        }
    }
    // Bounded; true as soon as the condition holds.
    static bool eventually(const std::function<bool()>& condition) {
        const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while (!condition()) {
            if (std::chrono::steady_clock::now() > give_up) {
                return false;
            }
            std::this_thread::yield();
        }
        return true;
    }
    Rig rig;

 private:
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

TEST_F(Running, an_idle_worker_sleeps_and_a_frame_wakes_it) {
    start();
    const auto& counters = rig.workers[0]->counters();
    ASSERT_TRUE(eventually([&] { return counters.sleeps.load() > 20; }));
    rig.wires[0]->send(
        from_hex("ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000000a"
                 "000001"));
    ASSERT_TRUE(eventually([&] { return counters.arp_answered.load() == 1; }));
    ASSERT_TRUE(eventually([&] { return rig.wires[0]->take().size() == 1; }));
}

TEST_F(Running, keys_removed_while_it_sleeps_are_freed) {
    const Flow flow;
    const auto id = rig.add(flow);
    rig.protect(id, 1, 2);
    start();
    const auto& counters = rig.workers[0]->counters();
    for (int round = 0; round < 50; ++round) {
        ASSERT_TRUE(rig.send(flow, data_chunk(8), id));
    }
    ASSERT_TRUE(eventually([&] { return counters.sealed.load() == 50; }));
    rig.protection->remove(id);
    EXPECT_TRUE(eventually([&] {
        rig.protection->reclaim();
        return rig.protection->awaiting_reclaim() == 0;
    }));
    ASSERT_TRUE(rig.send(flow, data_chunk(8), id));
    EXPECT_TRUE(eventually([&] { return counters.drop(DropReason::association_gone) == 1; }));
}

// The thread sanitizer's case: two workers that hand packets over to each other, while the control
// thread sends, receives, changes keys and reads every counter.
TEST(TwoRunning, rings_and_counters_are_shared_with_the_control_thread_alone) {
    constexpr size_t kPackets = 200;
    RigOptions options;
    options.workers = 2;
    options.queues = {2};
    options.ring_packets = 64;
    Rig rig(options);
    const Flow flow;
    const auto id = rig.add(flow, 1);
    rig.protect(id, 1, 2);
    Flow clear = Flow{}.reversed();
    clear.local_port = 7777;
    const Octets stranger = frame(clear, sctp(clear, data_chunk(40)));

    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (auto& worker : rig.workers) {
        threads.emplace_back([&] { worker->run(stop); });
    }
    size_t received = 0;
    size_t sent = 0;
    size_t arrived = 0;
    size_t taken = 0;
    uint64_t last_sum = 0;
    keys::AssociationId passing;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while ((received < kPackets || taken < kPackets) &&
           std::chrono::steady_clock::now() < give_up) {
        if (arrived < kPackets && arrived - received < 16) {
            rig.wires[0]->send(stranger, static_cast<uint16_t>(arrived++ % 2));
        }
        // Every other one to the worker that is not the owner.
        if (sent < kPackets && sent - taken < 16 &&
            rig.send(flow, data_chunk(8), id, static_cast<unsigned>(sent % 2))) {
            ++sent;
        }
        received += rig.received().size();
        for (const uint16_t queue : {uint16_t{0}, uint16_t{1}}) {
            taken += rig.wires[0]->take(queue).size();
        }
        if (passing.is_set()) {
            rig.protection->remove(passing);
        }
        Flow other;
        other.local_tag = static_cast<uint32_t>(1000 + sent);
        other.local_port = static_cast<uint16_t>(1000 + arrived);
        auto added = rig.protection->add(other.key(), static_cast<unsigned>(received % 2));
        passing = added ? *added : keys::AssociationId{};
        if (passing.is_set()) {
            rig.protect(passing, 3, 4);
        }
        rig.protection->reclaim();
        uint64_t sum = 0;
        for (const auto& worker : rig.workers) {
            sum += worker->counters().received.load() + worker->counters().transmitted.load();
        }
        ASSERT_GE(sum, last_sum);
        last_sum = sum;
    }
    stop.store(true);
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(received, kPackets);
    EXPECT_EQ(taken, kPackets);
    EXPECT_EQ(rig.all_drops(), 0U);
    EXPECT_GT(rig.workers[0]->counters().handed_over.load(), 0U);
    EXPECT_EQ(rig.workers[1]->counters().sealed.load(), kPackets);
}

}  // namespace
}  // namespace sdg::test
