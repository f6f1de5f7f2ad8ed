#include <gtest/gtest.h>

#include <vector>

#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/result.h"

namespace sdg {
namespace {

TEST(SeededRandom, same_seed_same_stream) {
    SeededRandom a(7);
    SeededRandom b(7);
    SeededRandom c(8);
    std::vector<uint8_t> of_a(37);
    std::vector<uint8_t> of_b(37);
    std::vector<uint8_t> of_c(37);
    a.fill(of_a);
    b.fill(of_b);
    c.fill(of_c);
    EXPECT_EQ(of_a, of_b);
    EXPECT_NE(of_a, of_c);
    EXPECT_EQ(a.u64(), b.u64());
    EXPECT_EQ(a.u32(), b.u32());
}

TEST(SystemRandom, fills_everything_differently_each_time) {
    SystemRandom random;
    std::vector<uint8_t> first(64);
    std::vector<uint8_t> second(64);
    random.fill(first);
    random.fill(second);
    EXPECT_NE(first, second);
    EXPECT_NE(first, std::vector<uint8_t>(64));
    random.fill({});
}

TEST(Clock, manual_clock_moves_only_when_told) {
    ManualClock clock;
    const TimePoint start = clock.now();
    EXPECT_EQ(clock.now(), start);
    clock.advance(std::chrono::milliseconds(5));
    EXPECT_EQ(clock.now() - start, std::chrono::milliseconds(5));
}

TEST(Clock, steady_clock_never_goes_back) {
    const SteadyClock clock;
    const TimePoint first = clock.now();
    EXPECT_GE(clock.now(), first);
}

TEST(Result, fail_formats_one_line) {
    const auto divide = [](int a, int b) -> Result<int> {
        if (b == 0) {
            return fail(ErrorCode::invalid_argument, "{} divided by {}", a, b);
        }
        return a / b;
    };
    EXPECT_EQ(*divide(6, 3), 2);
    const auto failed = divide(6, 0);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(failed.error().message, "6 divided by 0");
}

}  // namespace
}  // namespace sdg
