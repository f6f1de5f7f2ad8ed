// The thread that waits for the store in the control loop's place.
#include "control/restart/store_writer.h"

#include <gtest/gtest.h>

#include <future>

#include "control/restart/sqlite_store.h"
#include "tests/unit/restart/passing_store.h"
#include "tests/unit/restart/sample.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

// Notes the writes that reach the store, e.g. "remove 3".
class Watched final : public PassingStore {
 public:
    Watched(std::unique_ptr<RestartStore> store, std::vector<std::string>& writes, Random& random,
            const WallClock& wall_clock)
        : PassingStore(std::move(store), random, wall_clock), writes_(writes) {}

 private:
    Result<void> do_renew(const Lease& lease, WallTime expires) override {
        writes_.emplace_back(expires == WallTime(0) ? "release" : "renew");
        return PassingStore::do_renew(lease, expires);
    }
    Result<void> do_put(const Lease& lease, std::span<const StoredAssociation> what) override {
        writes_.push_back("put " + std::to_string(what.size()));
        return PassingStore::do_put(lease, what);
    }
    Result<void> do_drop_previous(const Lease& lease,
                                  std::span<const sctp::FourTuple> tuples) override {
        writes_.push_back("drop " + std::to_string(tuples.size()));
        return PassingStore::do_drop_previous(lease, tuples);
    }
    Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        writes_.push_back("remove " + std::to_string(tuples.size()));
        return PassingStore::do_remove(lease, tuples);
    }

    std::vector<std::string>& writes_;  // the writer's thread, until it is idle
};

class Writer : public testing::Test {
 protected:
    void SetUp() override {
        auto store = open();
        lease_ = *store->acquire("g", "gw-a", 10s);
        store_ = std::move(store);
    }
    std::unique_ptr<RestartStore> open() {
        auto store = open_sqlite_store({.path = folder_ / "store"}, ring(), random_, wall_clock_);
        EXPECT_TRUE(store) << store.error().message;
        return std::move(*store);
    }
    TempFolder folder_;
    SystemRandom random_;
    ManualWallClock wall_clock_;
    Lease lease_;
    std::unique_ptr<RestartStore> store_;
};

TEST_F(Writer, completions_run_on_the_control_thread_in_order) {
    StoreWriter writer(std::move(store_), 100);
    std::vector<int> order;
    const auto self = std::this_thread::get_id();
    const auto note = [&](int number) {
        return [&order, number, self](const Result<void>& result) {
            EXPECT_TRUE(result);
            EXPECT_EQ(std::this_thread::get_id(), self);
            order.push_back(number);
        };
    };
    const std::vector<sctp::FourTuple> which = {tuple(0)};
    ASSERT_TRUE(writer.put(lease_, one(0, 1), note(1)));
    ASSERT_TRUE(writer.put(lease_, one(0, 2), note(2)));
    ASSERT_TRUE(writer.drop_previous(lease_, which, note(3)));
    bool taken = false;
    ASSERT_TRUE(writer.take(lease_, which, [&](auto result) {
        ASSERT_TRUE(result);
        ASSERT_TRUE(result->at(0));
        ASSERT_EQ(result->at(0)->contexts.size(), 1U);
        EXPECT_TRUE(same(result->at(0)->contexts[0], context(2)));
        taken = true;
    }));
    ASSERT_TRUE(writer.remove(lease_, which, note(4)));
    EXPECT_TRUE(order.empty());
    EXPECT_EQ(writer.drain(), 5U);
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
    EXPECT_TRUE(taken);
    EXPECT_EQ(writer.waiting(), 0U);
}

TEST_F(Writer, is_bounded_until_completions_have_run) {
    StoreWriter writer(std::move(store_), 3);
    ASSERT_TRUE(writer.put(lease_, one(0, 1), {}));
    std::vector<StoredAssociation> two;
    two.push_back(stored(2, 2));
    two.push_back(stored(4, 4));
    ASSERT_TRUE(writer.put(lease_, std::move(two), {}));
    EXPECT_EQ(writer.waiting(), 3U);
    const auto refused = writer.list("g", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ(writer.drain(), 2U);
    size_t found = 0;
    ASSERT_TRUE(writer.list("g", [&](auto listing) { found = listing->associations.size(); }));
    EXPECT_EQ(writer.drain(), 1U);
    EXPECT_EQ(found, 3U);
}

TEST_F(Writer, a_thousand_puts_arrive_and_wake_the_loop) {
    std::promise<void> woken;
    std::atomic<bool> once{false};
    StoreWriter writer(std::move(store_), 1000, [&] {
        if (!once.exchange(true)) {
            woken.set_value();
        }
    });
    size_t good = 0;
    for (unsigned i = 0; i < 1000; ++i) {
        ASSERT_TRUE(writer.put(lease_, one(i, i), [&](auto result) { good += result ? 1 : 0; }));
    }
    woken.get_future().wait();
    EXPECT_GT(writer.run_completions(), 0U);
    writer.drain();
    EXPECT_EQ(good, 1000U);
    EXPECT_EQ(writer.counts().puts, 1000U);
}

TEST_F(Writer, one_bad_put_does_not_take_its_neighbours_along) {
    // Room for a batch to form behind a call that takes its time.
    std::promise<void> go;
    StoreWriter writer(std::move(store_), 100, [&] { go.get_future().wait(); });
    ASSERT_TRUE(writer.list("g", {}));
    auto bad = one(2, 2);
    bad[0].context.send.key = SecretBytes(1);
    std::string verdicts;
    const auto note = [&](const Result<void>& result) { verdicts += result ? '+' : '-'; };
    ASSERT_TRUE(writer.put(lease_, one(0, 1), note));
    ASSERT_TRUE(writer.put(lease_, std::move(bad), note));
    ASSERT_TRUE(writer.put(lease_, one(4, 4), note));
    go.set_value();
    writer.drain();
    EXPECT_EQ(verdicts, "+-+");
}

// However many associations end at once: few transactions, in the order asked, and the lease is
// renewed before them.
TEST_F(Writer, removals_that_wait_become_one_transaction_and_renewals_come_first) {
    std::vector<std::string> writes;
    // Everything queues up behind a call that takes its time.
    std::promise<void> go;
    StoreWriter writer(std::make_unique<Watched>(std::move(store_), writes, random_, wall_clock_),
                       6000, [&, waited = false]() mutable {
                           if (!std::exchange(waited, true)) {
                               go.get_future().wait();
                           }
                       });
    ASSERT_TRUE(writer.list("g", {}));
    std::string order;
    size_t removed = 0;
    ASSERT_TRUE(writer.put(lease_, one(0, 1), [&](auto result) { order += result ? 'p' : '-'; }));
    ASSERT_TRUE(writer.put(lease_, one(2, 2), {}));
    for (unsigned number = 0; number < 5000; ++number) {
        ASSERT_TRUE(writer.remove(lease_, {tuple(number)},
                                  [&](auto result) { removed += result ? 1 : 0; }));
    }
    for (unsigned number = 0; number < 3; ++number) {
        ASSERT_TRUE(writer.drop_previous(lease_, {tuple(number)},
                                         [&](auto result) { order += result ? 'd' : '-'; }));
    }
    ASSERT_TRUE(writer.put(lease_, one(4, 4), [&](auto result) { order += result ? 'q' : '-'; }));
    ASSERT_TRUE(writer.renew(lease_, 10s, [&](auto result) { order += result ? 'r' : '-'; }));
    go.set_value();
    writer.drain();
    EXPECT_EQ(writes, (std::vector<std::string>{"renew", "put 2", "remove 4096", "remove 904",
                                                "drop 3", "put 1"}));
    EXPECT_EQ(order, "rpdddq");
    EXPECT_EQ(removed, 5000U);
    EXPECT_EQ(writer.counts().removes, 5000U);
    EXPECT_EQ(open()->list("g")->associations.size(), 1U);
}

TEST_F(Writer, a_lease_is_renewed_when_there_is_no_room_for_anything_else) {
    std::promise<void> go;
    StoreWriter writer(std::move(store_), 2, [&] { go.get_future().wait(); });
    ASSERT_TRUE(writer.list("g", {}));
    ASSERT_TRUE(writer.put(lease_, one(0, 1), {}));
    ASSERT_FALSE(writer.remove(lease_, {tuple(0)}, {}));
    bool renewed = false;
    ASSERT_TRUE(writer.renew(lease_, 10s, [&](auto result) { renewed = result.has_value(); }));
    go.set_value();
    writer.drain();
    EXPECT_TRUE(renewed);
    EXPECT_EQ(writer.waiting(), 0U);
}

// Neither another lease nor another kind of write shares the transaction.
TEST_F(Writer, a_fenced_removal_takes_no_other_along) {
    std::promise<void> go;
    Lease other = *store_->acquire("h", "gw-a", 10s);
    other.epoch += 1;
    StoreWriter writer(std::move(store_), 100, [&] { go.get_future().wait(); });
    ASSERT_TRUE(writer.list("g", {}));
    std::string verdicts;
    const auto note = [&](const Result<void>& result) { verdicts += result ? '+' : '-'; };
    ASSERT_TRUE(writer.remove(lease_, {tuple(0)}, note));
    ASSERT_TRUE(writer.remove(other, {tuple(2)}, note));
    ASSERT_TRUE(writer.remove(lease_, {tuple(4)}, note));
    go.set_value();
    writer.drain();
    EXPECT_EQ(verdicts, "+-+");
}

TEST_F(Writer, failures_of_the_store_come_back_typed) {
    auto other = open();
    ASSERT_TRUE(other->acquire("g", "gw-b", 10s, AcquireMode::force));
    StoreWriter writer(std::move(store_), 10);
    std::vector<ErrorCode> codes;
    ASSERT_TRUE(
        writer.put(lease_, one(0, 1), [&](auto result) { codes.push_back(result.error().code); }));
    ASSERT_TRUE(
        writer.renew(lease_, 10s, [&](auto result) { codes.push_back(result.error().code); }));
    ASSERT_TRUE(writer.acquire("g", "gw-a", 10s, AcquireMode::if_free,
                               [&](auto result) { codes.push_back(result.error().code); }));
    writer.drain();
    EXPECT_EQ(codes, (std::vector<ErrorCode>{ErrorCode::fenced, ErrorCode::fenced,
                                             ErrorCode::already_exists}));
    EXPECT_EQ(writer.counts().fenced, 2U);
}

TEST_F(Writer, what_is_queued_is_stored_even_when_the_writer_goes) {
    bool told = false;
    {
        StoreWriter writer(std::move(store_), 100);
        for (unsigned i = 0; i < 20; ++i) {
            ASSERT_TRUE(writer.put(lease_, one(i, i), [&](auto) { told = true; }));
        }
    }
    EXPECT_FALSE(told);
    EXPECT_EQ(open()->list("g")->associations.size(), 20U);
}

TEST_F(Writer, rotates_and_releases_behind_what_was_queued) {
    StoreWriter writer(std::move(store_), 10);
    ASSERT_TRUE(writer.put(lease_, one(0, 1), {}));
    size_t rotated = 0;
    ASSERT_TRUE(writer.rotate(ring({1, 0}), [&](auto result) { rotated = *result; }));
    bool released = false;
    ASSERT_TRUE(writer.release(lease_, [&](auto result) { released = result.has_value(); }));
    bool fenced = false;
    ASSERT_TRUE(writer.put(lease_, one(0, 2), [&](auto result) {
        fenced = !result && result.error().code == ErrorCode::fenced;
    }));
    writer.drain();
    EXPECT_EQ(rotated, 1U);
    EXPECT_TRUE(released);
    EXPECT_TRUE(fenced);
}

TEST_F(Writer, completions_may_submit) {
    StoreWriter writer(std::move(store_), 10);
    bool done = false;
    ASSERT_TRUE(writer.put(lease_, one(0, 1), [&](auto) {
        EXPECT_TRUE(writer.drop_previous(lease_, {tuple(0)}, [&](auto) { done = true; }));
    }));
    writer.drain();
    writer.drain();
    EXPECT_TRUE(done);
}

}  // namespace
}  // namespace sdg::restart::test
