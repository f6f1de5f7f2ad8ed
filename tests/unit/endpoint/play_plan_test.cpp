#include "endpoint/play_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace sdg::endpoint {
namespace {

TEST(PlayPlan, sweep_goes_from_one_octet_to_the_largest_on_every_stream_in_both_orders) {
    const Phase sweep = sweep_phase(4, 300000, 60, 16);
    std::set<std::tuple<size_t, uint16_t, bool>> seen;
    for (const auto& message : sweep.messages) {
        EXPECT_EQ(message->request.ppid, 60U);
        EXPECT_EQ(message->answer, transformed(message->request));
        seen.emplace(message->request.bytes.size(), message->request.stream,
                     message->request.ordered);
    }
    EXPECT_EQ(seen.size(), sweep.messages.size());
    for (uint16_t stream = 0; stream < 4; ++stream) {
        for (const bool ordered : {true, false}) {
            EXPECT_TRUE(seen.contains({1, stream, ordered}));
            EXPECT_TRUE(seen.contains({300000, stream, ordered}));
        }
    }
}

TEST(PlayPlan, sweep_never_exceeds_the_largest) {
    for (const size_t largest : {size_t{1}, size_t{2}, size_t{1500}, size_t{300000}}) {
        for (const auto& message : sweep_phase(1, largest, 0, 1).messages) {
            EXPECT_LE(message->request.bytes.size(), largest);
        }
    }
}

TEST(PlayPlan, fillers_of_different_serials_differ_from_four_octets_on) {
    std::set<Bytes> seen;
    for (uint64_t serial = 0; serial < 1000; ++serial) {
        EXPECT_TRUE(seen.insert(filler(4, serial)).second);
    }
    EXPECT_EQ(filler(100, 7), filler(100, 7));
    EXPECT_EQ(filler(1, 7).size(), 1U);
}

TEST(PlayPlan, streams_needed_cover_requests_and_answers) {
    Exchange exchange;
    exchange.steps.push_back({"a", {3, true, 0, {1}}, UserMessage{9, true, 0, {2}}});
    const Plan plan = {exchange_phase(exchange, AnswerBook(exchange))};
    EXPECT_EQ(streams_needed(plan), 10);
    EXPECT_EQ(streams_needed({}), 1);
}

TEST(PlayPlan, bulk_spreads_over_the_streams) {
    const Phase bulk = bulk_phase(5, 10, 2, 60, 1);
    ASSERT_EQ(bulk.messages.size(), 5U);
    EXPECT_EQ(bulk.messages[0]->request.stream, 0);
    EXPECT_EQ(bulk.messages[3]->request.stream, 1);
}

TEST(PlayPlan, mixed_messages_are_those_of_the_seed_and_no_two_equal) {
    const Phase mixed = mixed_phase(400, 5000, 3, 60, 1, 7);
    const Phase again = mixed_phase(400, 5000, 3, 60, 1, 7);
    const Phase other = mixed_phase(400, 5000, 3, 60, 1, 8);
    ASSERT_EQ(mixed.messages.size(), 400U);
    std::set<Bytes> seen;
    std::set<uint16_t> streams;
    size_t unordered = 0;
    size_t large = 0;
    for (size_t i = 0; i < mixed.messages.size(); ++i) {
        const UserMessage& request = mixed.messages[i]->request;
        EXPECT_EQ(request, again.messages[i]->request);
        EXPECT_TRUE(seen.insert(request.bytes).second);
        EXPECT_GE(request.bytes.size(), 8U);
        EXPECT_LE(request.bytes.size(), 5000U);
        streams.insert(request.stream);
        unordered += request.ordered ? 0 : 1;
        large += request.bytes.size() > 1500 ? 1 : 0;
    }
    EXPECT_NE(mixed.messages[0]->request, other.messages[0]->request);
    EXPECT_EQ(streams, (std::set<uint16_t>{0, 1, 2}));
    EXPECT_GT(unordered, 50U);
    EXPECT_LT(unordered, 150U);
    EXPECT_GT(large, 20U);
}

}  // namespace
}  // namespace sdg::endpoint
