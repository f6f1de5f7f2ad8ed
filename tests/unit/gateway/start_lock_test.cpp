// Whether a second process of one owner is noticed, and a former one is not.
#include "gateway/start_lock.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

#include "foundation/descriptor.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::gateway {
namespace {

using namespace std::chrono_literals;

class StartLockTest : public testing::TestWithParam<bool> {
 protected:
    StartLockTest() {
        if (GetParam()) {
            settings.sqlite_file = folder.path() / "restart.db";
        } else {
            settings.redis.emplace().place.socket = folder.path() / "redis.sock";
        }
    }
    // As a process of its own, which dies with the lock. Returns whether it got it.
    bool take_and_die() {
        const pid_t child = ::fork();
        if (child == 0) {
            const auto lock = StartLock::take(settings, 0ms);
            ::_exit(lock ? 0 : 1);
        }
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    restart::test::TempFolder folder;
    config::Restart settings;
};

INSTANTIATE_TEST_SUITE_P(Stores, StartLockTest, testing::Bool(),
                         [](const auto& of) { return of.param ? "sqlite" : "redis"; });

TEST_P(StartLockTest, a_second_process_is_told_which_one_is_there) {
    const auto first = StartLock::take(settings, 0ms);
    ASSERT_TRUE(first) << first.error().message;
    const auto second = StartLock::take(settings, 0ms);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::already_exists);
    EXPECT_NE(second.error().message.find("process " + std::to_string(::getpid()) + " "),
              std::string::npos)
        << second.error().message;
    EXPECT_FALSE(take_and_die());
}

TEST_P(StartLockTest, a_process_that_died_is_in_nobodys_way) {
    EXPECT_TRUE(take_and_die());
    EXPECT_TRUE(take_and_die());
    EXPECT_TRUE(StartLock::take(settings, 0ms));
}

TEST_P(StartLockTest, one_that_ends_is_waited_for) {
    std::array<int, 2> to_parent{};
    std::array<int, 2> to_child{};
    ASSERT_EQ(::pipe(to_parent.data()) + ::pipe(to_child.data()), 0);
    const Descriptor reads(to_parent[0]);
    const Descriptor tells(to_child[1]);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto lock = StartLock::take(settings, 0ms);
        char word = lock ? '+' : '-';
        static_cast<void>(!::write(to_parent[1], &word, 1));
        static_cast<void>(!::read(to_child[0], &word, 1));
        ::_exit(0);
    }
    char word = 0;
    ASSERT_EQ(::read(reads.get(), &word, 1), 1);
    EXPECT_EQ(word, '+');
    EXPECT_FALSE(StartLock::take(settings, 0ms));
    ASSERT_EQ(::write(tells.get(), "e", 1), 1);
    EXPECT_TRUE(StartLock::take(settings, 30s));
    ::waitpid(child, nullptr, 0);
}

TEST_P(StartLockTest, others_are_others) {
    const auto first = StartLock::take(settings, 0ms);
    ASSERT_TRUE(first);
    settings.owner = "two";
    EXPECT_TRUE(StartLock::take(settings, 0ms));
    settings.owner = "gateway";
    settings.group = "other";
    EXPECT_TRUE(StartLock::take(settings, 0ms));
}

// The store, opened next, says what is wrong with the place.
TEST(StartLockAlone, a_place_where_nothing_can_be_locked_is_no_error) {
    config::Restart settings;
    settings.sqlite_file = "/nonexistent/restart.db";
    EXPECT_TRUE(StartLock::take(settings, 0ms));
}

}  // namespace
}  // namespace sdg::gateway
