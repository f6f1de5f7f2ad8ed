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
    IdleBackoff backoff(50);
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
    backoff.busy();
    EXPECT_EQ(backoff.idle(), Action::spin) << "one packet, and it is awake again";
}

TEST(IdleBackoff, never_sleeps_when_told_so) {
    IdleBackoff backoff(0);
    for (unsigned i = 0; i < 10 * IdleBackoff::kSpins; ++i) {
        ASSERT_NE(backoff.idle(), Action::sleep);
    }
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

}  // namespace
}  // namespace sdg::test
