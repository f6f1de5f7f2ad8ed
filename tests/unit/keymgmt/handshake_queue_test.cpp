// Whose turn it is, and who gets one of the few slots.
#include "control/keymgmt/handshake_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace sdg::keymgmt {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Recorder final : public HandshakeQueue::Member {
 public:
    Recorder(char name, std::string& log) : name_(name), log_(log) {}
    void on_turn(bool has_slot) override {
        log_ += name_;
        log_ += has_slot ? '+' : '-';
        if (after) {
            after();
        }
    }
    std::function<void()> after;

 private:
    char name_;
    std::string& log_;
};

class Queue : public testing::Test {
 protected:
    ManualClock clock;
    HandshakeQueue queue{2, clock};
    std::string log;
    Recorder a{'a', log};
    Recorder b{'b', log};
    Recorder c{'c', log};
    Recorder d{'d', log};
};

TEST_F(Queue, turns_come_in_the_order_asked_for_and_once) {
    queue.request(b, false);
    queue.request(a, false);
    queue.request(b, false);
    EXPECT_EQ(queue.run(milliseconds(1)), 2U);
    EXPECT_EQ(log, "b-a-");
    EXPECT_EQ(queue.run(milliseconds(1)), 0U);
}

TEST_F(Queue, slots_may_become_more_or_fewer) {
    for (Recorder* each : {&a, &b, &c, &d}) {
        queue.request(*each, true);
    }
    EXPECT_EQ(queue.slots_in_use(), 2U);
    queue.set_slots(3);
    EXPECT_EQ(queue.slots_in_use(), 3U);
    queue.set_slots(1);
    EXPECT_EQ(queue.slots_in_use(), 3U) << "nobody's is taken away";
    queue.release(a);
    queue.release(b);
    EXPECT_EQ(queue.waiting(), 1U);
    queue.release(c);
    EXPECT_EQ(queue.waiting(), 0U);
    EXPECT_EQ(queue.slots_in_use(), 1U);
}

TEST_F(Queue, a_round_ends_with_its_time) {
    a.after = [&] { clock.advance(milliseconds(2)); };
    queue.request(a, false);
    queue.request(b, false);
    EXPECT_EQ(queue.run(milliseconds(1)), 1U) << "one at least, however long it took";
    EXPECT_EQ(queue.run(milliseconds(1)), 1U);
    EXPECT_EQ(log, "a-b-");
}

TEST_F(Queue, who_asks_again_in_its_turn_waits_for_the_next_round) {
    a.after = [&] { queue.request(a, false); };
    queue.request(a, false);
    EXPECT_EQ(queue.run(milliseconds(1)), 1U);
    EXPECT_EQ(queue.run(milliseconds(1)), 1U);
}

TEST_F(Queue, slots_go_to_the_next_in_line) {
    for (Recorder* one : {&a, &b, &c, &d}) {
        queue.request(*one, true);
    }
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+b+");
    EXPECT_EQ(queue.waiting(), 2U);
    queue.release(a);
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+b+c+");
    queue.leave(d);
    queue.leave(b);
    queue.leave(c);
    EXPECT_EQ(queue.slots_in_use(), 0U);
    EXPECT_EQ(queue.waiting(), 0U);
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+b+c+");
}

TEST_F(Queue, who_has_a_slot_keeps_it_for_its_next_turn) {
    queue.request(a, true);
    queue.run(milliseconds(1));
    queue.request(a, false);
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+a+");
    EXPECT_EQ(queue.slots_in_use(), 1U);
}

TEST_F(Queue, a_turn_without_a_slot_needs_none) {
    queue.request(a, true);
    queue.request(b, true);
    queue.request(c, true);
    queue.request(c, false);
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+b+c-") << "rekeys go on when strangers fill the slots";
}

TEST_F(Queue, a_silent_peer_loses_its_slot) {
    queue.request(a, true);
    queue.request(b, true);
    queue.request(c, true);
    queue.run(milliseconds(1));
    clock.advance(HandshakeQueue::kSlotPatience / 2);
    queue.request(b, false);
    queue.run(milliseconds(1));
    clock.advance(HandshakeQueue::kSlotPatience / 2);
    queue.on_tick();
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a+b+b+c+") << "a's went to c, b has made progress";
}

TEST_F(Queue, a_member_that_leaves_in_anothers_turn_gets_none) {
    a.after = [&] { queue.leave(b); };
    queue.request(a, false);
    queue.request(b, false);
    queue.request(c, false);
    queue.run(milliseconds(1));
    EXPECT_EQ(log, "a-c-");
}

}  // namespace
}  // namespace sdg::keymgmt
