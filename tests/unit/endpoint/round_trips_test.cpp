#include "endpoint/round_trips.h"

#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

using std::chrono::microseconds;

TEST(RoundTrips, without_samples_everything_is_zero) {
    const RoundTripSummary summary = RoundTrips().summary();
    EXPECT_EQ(summary.count, 0U);
    EXPECT_EQ(summary.p99, 0);
}

TEST(RoundTrips, one_sample_is_every_percentile) {
    RoundTrips one;
    one.add(microseconds(42));
    EXPECT_EQ(one.summary().p50, 42);
    EXPECT_EQ(one.summary().max, 42);
}

TEST(RoundTrips, percentiles_by_nearest_rank_whatever_the_order) {
    RoundTrips odd;
    RoundTrips even;
    for (int i = 100; i >= 1; --i) {
        (i % 2 == 0 ? even : odd).add(microseconds(i));
    }
    odd.add(even);
    const RoundTripSummary summary = odd.summary();
    EXPECT_EQ(summary.count, 100U);
    EXPECT_EQ(summary.p50, 50);
    EXPECT_EQ(summary.p90, 90);
    EXPECT_EQ(summary.p99, 99);
    EXPECT_EQ(summary.max, 100);
}

}  // namespace
}  // namespace sdg::endpoint
