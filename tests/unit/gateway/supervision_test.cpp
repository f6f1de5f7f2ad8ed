#include "gateway/supervision.h"

#include <gtest/gtest.h>

namespace sdg::gateway {
namespace {

using namespace std::chrono_literals;

TEST(Progress, a_counter_that_stands_still_for_the_patience_is_stuck) {
    Progress progress(5s);
    EXPECT_EQ(progress.first_stuck({7, 7}, 100s), std::nullopt);
    EXPECT_EQ(progress.first_stuck({8, 7}, 104900ms), std::nullopt);
    EXPECT_EQ(progress.first_stuck({9, 7}, 105s), 1U);
    EXPECT_EQ(progress.first_stuck({9, 8}, 106s), std::nullopt) << "it moves again";
    EXPECT_EQ(progress.first_stuck({9, 9}, 110s), 0U);
}

TEST(Progress, a_worker_that_never_made_a_round_is_stuck_too) {
    Progress progress(5s);
    EXPECT_EQ(progress.first_stuck({0}, 1s), std::nullopt);
    EXPECT_EQ(progress.first_stuck({0}, 6s), 0U);
}

}  // namespace
}  // namespace sdg::gateway
