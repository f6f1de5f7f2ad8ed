// What a gateway has a store keep, while the store works and while it does not.
#include "control/restart/keeper.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <optional>

#include "control/restart/sqlite_store.h"
#include "tests/unit/restart/passing_store.h"
#include "tests/unit/restart/sample.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {
namespace {

using namespace std::chrono_literals;

// A store that does not keep, remove or renew anything while it is told so.
struct Moods {
    std::atomic<std::optional<ErrorCode>> puts{std::nullopt};
    std::atomic<std::optional<ErrorCode>> removals{std::nullopt};
    std::atomic<std::optional<ErrorCode>> renewals{std::nullopt};
};
class Moody final : public PassingStore {
 public:
    Moody(std::unique_ptr<RestartStore> store, Moods& moods, std::atomic<size_t>& puts,
          Random& random, const WallClock& wall_clock)
        : PassingStore(std::move(store), random, wall_clock), moods_(moods), puts_(puts) {}

 private:
    Result<void> do_renew(const Lease& lease, WallTime expires) override {
        if (const auto mood = moods_.renewals.load()) {
            return fail(*mood, "not now");
        }
        return PassingStore::do_renew(lease, expires);
    }
    Result<void> do_put(const Lease& lease, std::span<const StoredAssociation> what) override {
        puts_ += what.size();
        if (const auto mood = moods_.puts.load()) {
            return fail(*mood, "not now");
        }
        return PassingStore::do_put(lease, what);
    }
    Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        if (const auto mood = moods_.removals.load()) {
            return fail(*mood, "not now");
        }
        return PassingStore::do_remove(lease, tuples);
    }

    Moods& moods_;
    std::atomic<size_t>& puts_;
};

class KeeperTest : public testing::Test {
 protected:
    void SetUp() override {
        auto store = open_sqlite_store({.path = folder_ / "store"}, ring(), random_, wall_clock_);
        ASSERT_TRUE(store) << store.error().message;
        auto made = Keeper::start(
            std::make_unique<Moody>(std::move(*store), moods, puts, random_, wall_clock_),
            {.group = "g", .owner = "gw-a", .lease = 1h, .capacity = kCapacity}, clock);
        ASSERT_TRUE(made) << made.error().message;
        keeper = std::move(*made);
    }
    void keep(unsigned number, uint64_t seed) {
        keeper->keep(description(number), context(seed),
                     [this, number](bool kept) { told[number].push_back(kept); });
    }
    // Lets time pass, and everything be done that is due then.
    void after(std::chrono::milliseconds time) {
        clock.advance(time);
        keeper->run();
        keeper->drain();
    }
    void forget(unsigned number) {
        keeper->forget(tuple(number), [this, number](bool gone) { gone_[number].push_back(gone); });
    }
    // What the store has of an association, current context first.
    std::vector<RestartContext> kept(unsigned number) {
        std::vector<RestartContext> out;
        keeper->take({tuple(number)}, [&](auto taken) {
            if (taken[0]) {
                out = std::move(taken[0]->contexts);
            }
        });
        keeper->drain();
        return out;
    }

    // That the store has this context of the association, and no other.
    void expect_only(unsigned number, uint64_t seed) {
        const auto contexts = kept(number);
        ASSERT_EQ(contexts.size(), 1U);
        EXPECT_TRUE(same(contexts[0], context(seed)));
    }

    TempFolder folder_;
    SystemRandom random_;
    ManualWallClock wall_clock_;
    ManualClock clock;
    static constexpr size_t kCapacity = 64;
    Moods moods;
    std::atomic<std::optional<ErrorCode>>& mood = moods.puts;
    std::atomic<size_t> puts{0};
    std::map<unsigned, std::vector<bool>> told;
    std::map<unsigned, std::vector<bool>> gone_;
    std::unique_ptr<Keeper> keeper;
};

using Told = std::vector<bool>;

TEST_F(KeeperTest, keeps_and_tells) {
    keep(0, 1);
    EXPECT_TRUE(told.empty()) << "not within the call";
    after(0ms);
    EXPECT_EQ(told[0], Told{true});
    EXPECT_EQ(keeper->counters().kept, 1U);
    EXPECT_EQ(keeper->unkept(), 0U);
    after(1h);
    EXPECT_EQ(puts, 1U);
    ASSERT_EQ(kept(0).size(), 1U);
}

TEST_F(KeeperTest, puts_again_what_a_full_store_has_not_taken) {
    mood = ErrorCode::resource_exhausted;
    for (unsigned number = 0; number < 20; ++number) {
        keep(number, number);
    }
    after(0ms);
    EXPECT_EQ(told[7], Told{false});
    EXPECT_EQ(keeper->unkept(), 20U);
    EXPECT_EQ(keeper->counters().not_kept, 20U);
    puts = 0;
    for (int i = 0; i < 5; ++i) {
        after(2s);
    }
    EXPECT_EQ(puts, 5U) << "one at a time while it fails";
    EXPECT_EQ(told[7], Told{false}) << "no news";
    EXPECT_EQ(keeper->counters().not_kept, 20U) << "each counts once";
    mood = std::nullopt;
    after(2s);
    EXPECT_EQ(keeper->unkept(), 19U);
    after(2s);
    EXPECT_EQ(keeper->unkept(), 0U);
    EXPECT_EQ(keeper->counters().kept, 20U);
    for (unsigned number = 0; number < 20; ++number) {
        EXPECT_EQ(told[number], (Told{false, true})) << number;
    }
    expect_only(7, 7);
}

TEST_F(KeeperTest, newer_keys_take_the_place_of_those_that_wait) {
    mood = ErrorCode::unavailable;
    keep(0, 1);
    after(0ms);
    keep(0, 2);
    after(0ms);
    EXPECT_EQ(keeper->unkept(), 1U);
    mood = std::nullopt;
    after(2s);
    after(2s);
    EXPECT_EQ(keeper->counters().kept, 1U);
    expect_only(0, 2);
}

// Keys that are about to be used must not come back into the store.
TEST_F(KeeperTest, forgotten_keys_are_never_put_again) {
    mood = ErrorCode::resource_exhausted;
    keep(0, 1);
    keep(2, 2);
    after(0ms);
    std::optional<bool> gone;
    keeper->forget(tuple(0), [&](bool is_gone) { gone = is_gone; });
    after(0ms);
    EXPECT_EQ(gone, true);
    EXPECT_EQ(keeper->unkept(), 1U);
    // Under way when it is forgotten.
    mood = std::nullopt;
    clock.advance(2s);
    keeper->run();
    keeper->forget(tuple(2));
    after(0ms);
    after(2s);
    after(2s);
    EXPECT_EQ(keeper->unkept(), 0U);
    EXPECT_TRUE(kept(0).empty());
    EXPECT_TRUE(kept(2).empty());
}

TEST_F(KeeperTest, removes_again_what_a_store_that_failed_has_kept) {
    for (unsigned number = 0; number < 20; ++number) {
        keep(number, number);
    }
    after(0ms);
    moods.removals = ErrorCode::unavailable;
    for (unsigned number = 0; number < 10; ++number) {
        forget(number);
        EXPECT_TRUE(gone_[number].empty()) << "not within the call";
    }
    after(0ms);
    EXPECT_EQ(gone_[3], Told{false});
    EXPECT_EQ(keeper->unremoved(), 10U);
    after(2s);
    EXPECT_EQ(keeper->unremoved(), 10U);
    moods.removals = std::nullopt;
    after(1900ms);
    EXPECT_EQ(keeper->unremoved(), 10U) << "every two seconds";
    after(100ms);
    EXPECT_EQ(keeper->unremoved(), 0U);
    EXPECT_EQ(gone_[3], Told{false}) << "told once";
    for (unsigned number = 0; number < 20; ++number) {
        EXPECT_EQ(kept(number).size(), number < 10 ? 0U : 1U) << number;
    }
}

TEST_F(KeeperTest, a_removal_asked_for_again_is_carried_out_and_told_again) {
    keep(0, 1);
    after(0ms);
    moods.removals = ErrorCode::timed_out;
    forget(0);
    after(0ms);
    moods.removals = std::nullopt;
    forget(0);
    after(0ms);
    EXPECT_EQ(gone_[0], (Told{false, true}));
    EXPECT_EQ(keeper->unremoved(), 0U);
}

TEST_F(KeeperTest, a_removal_that_failed_leaves_newer_keys_alone) {
    keep(0, 1);
    keep(2, 2);
    after(0ms);
    moods.removals = ErrorCode::unavailable;
    forget(0);
    after(0ms);
    keep(0, 3);  // after the failure
    forget(2);
    keep(2, 4);  // before anybody knows of it
    after(0ms);
    moods.removals = std::nullopt;
    after(2s);
    after(2s);
    EXPECT_EQ(keeper->unremoved(), 0U);
    ASSERT_FALSE(kept(0).empty());
    const auto contexts = kept(2);
    ASSERT_FALSE(contexts.empty());
    EXPECT_TRUE(same(contexts[0], context(4)));
}

TEST_F(KeeperTest, a_removal_for_which_there_is_no_room_is_told_and_made_good) {
    keep(0, 1);
    after(0ms);
    for (unsigned number = 1; number <= kCapacity; ++number) {
        keep(number, number);
    }
    forget(0);
    EXPECT_TRUE(gone_[0].empty()) << "not within the call";
    keeper->run();
    EXPECT_EQ(gone_[0], Told{false});
    after(0ms);
    EXPECT_EQ(keeper->unremoved(), 1U);
    after(2s);
    EXPECT_EQ(keeper->unremoved(), 0U);
    EXPECT_TRUE(kept(0).empty());
}

TEST_F(KeeperTest, removals_that_wait_are_bounded) {
    moods.removals = ErrorCode::unavailable;
    for (unsigned number = 0; number < 2 * kCapacity; ++number) {
        forget(number);
        after(0ms);
        EXPECT_EQ(gone_[number], Told{false});
    }
    EXPECT_EQ(keeper->unremoved(), kCapacity);
}

// It goes on, for the store may be gone for everybody; but nobody can be sure of that.
TEST_F(KeeperTest, a_lease_that_ends_without_a_renewal_is_told) {
    after(20min);
    moods.renewals = ErrorCode::unavailable;
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(keeper->is_lease_over()) << i;
        after(12min - 1s);
    }
    after(6s);
    EXPECT_TRUE(keeper->is_lease_over());
    EXPECT_FALSE(keeper->is_fenced());
    EXPECT_GT(keeper->counters().lease_renewals_failed, 0U);
    keep(0, 1);
    after(0ms);
    EXPECT_EQ(told[0], Told{true}) << "nobody has taken it over";
    moods.renewals = std::nullopt;
    after(20min);
    keeper->run();
    EXPECT_FALSE(keeper->is_lease_over());
}

TEST_F(KeeperTest, what_cannot_be_removed_any_more_is_told) {
    moods.removals = ErrorCode::fenced;
    forget(0);
    after(0ms);
    EXPECT_TRUE(keeper->is_fenced());
    forget(2);
    after(0ms);
    EXPECT_EQ(gone_[0], Told{false});
    EXPECT_EQ(gone_[2], Told{false});
    EXPECT_EQ(keeper->unremoved(), 0U);
}

TEST_F(KeeperTest, what_no_store_would_take_is_not_put_again) {
    mood = ErrorCode::invalid_argument;
    keep(0, 1);
    after(0ms);
    EXPECT_EQ(told[0], Told{false});
    EXPECT_EQ(keeper->counters().not_kept, 1U);
    EXPECT_EQ(keeper->unkept(), 0U);
}

TEST_F(KeeperTest, nothing_is_put_again_once_the_group_is_anothers) {
    mood = ErrorCode::resource_exhausted;
    keep(0, 1);
    after(0ms);
    mood = ErrorCode::fenced;
    after(2s);
    EXPECT_TRUE(keeper->is_fenced());
    mood = std::nullopt;
    puts = 0;
    after(2s);
    after(2s);
    EXPECT_EQ(puts, 0U);
    EXPECT_EQ(keeper->unkept(), 0U);
}

}  // namespace
}  // namespace sdg::restart::test
