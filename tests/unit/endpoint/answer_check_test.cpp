#include "endpoint/answer_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

using std::chrono::nanoseconds;
using testing::HasSubstr;

std::shared_ptr<const PlannedMessage> planned(const std::string& name, const UserMessage& answer) {
    return std::make_shared<const PlannedMessage>(PlannedMessage{name, answer, answer});
}

const UserMessage kFirst{1, true, 60, {1, 1}};
const UserMessage kSecond{1, true, 60, {2, 2}};
const UserMessage kLoose{1, false, 60, {3, 3}};
const UserMessage kOtherLoose{1, false, 60, {4}};

TEST(AnswerCheck, expected_answers_give_back_their_send_times) {
    AnswerCheck check;
    check.expect(planned("first", kFirst), nanoseconds(10));
    check.expect(planned("second", kSecond), nanoseconds(20));
    EXPECT_EQ(check.outstanding(), 2U);
    EXPECT_EQ(check.outstanding_octets(), 4U);
    EXPECT_EQ(check.oldest(), "first");
    EXPECT_EQ(check.verify(kFirst).value(), nanoseconds(10));
    EXPECT_EQ(check.oldest(), "second");
    EXPECT_EQ(check.verify(kSecond).value(), nanoseconds(20));
    EXPECT_EQ(check.outstanding(), 0U);
    EXPECT_EQ(check.outstanding_octets(), 0U);
    EXPECT_EQ(check.oldest(), "");
}

TEST(AnswerCheck, ordered_answers_may_not_overtake) {
    AnswerCheck check;
    check.expect(planned("first", kFirst), {});
    check.expect(planned("second", kSecond), {});
    const auto result = check.verify(kSecond);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message,
              "order broken on stream 1: answer to second before that to first");
}

TEST(AnswerCheck, unordered_answers_and_other_streams_may_overtake) {
    AnswerCheck check;
    UserMessage elsewhere = kFirst;
    elsewhere.stream = 2;
    check.expect(planned("first", kFirst), {});
    check.expect(planned("loose", kLoose), {});
    check.expect(planned("other loose", kOtherLoose), {});
    check.expect(planned("elsewhere", elsewhere), {});
    EXPECT_TRUE(check.verify(elsewhere));
    EXPECT_TRUE(check.verify(kOtherLoose));
    EXPECT_TRUE(check.verify(kLoose));
    EXPECT_TRUE(check.verify(kFirst));
}

TEST(AnswerCheck, every_kind_of_difference_is_named) {
    const auto verdict = [](const UserMessage& received) {
        AnswerCheck check;
        check.expect(planned("first", kFirst), {});
        const auto result = check.verify(received);
        return result ? std::string("accepted") : result.error().message;
    };
    UserMessage wrong = kFirst;
    wrong.bytes[1] = 0xee;
    EXPECT_EQ(verdict(wrong),
              "answer to first on stream 1 differs: octet 1 of 2 is ee instead of 01");
    wrong = kFirst;
    wrong.bytes.push_back(0);
    EXPECT_THAT(verdict(wrong), HasSubstr("3 octets instead of 2"));
    wrong = kFirst;
    wrong.ppid = 61;
    EXPECT_THAT(verdict(wrong), HasSubstr("PPID 61 instead of 60"));
    wrong = kFirst;
    wrong.stream = 2;
    EXPECT_THAT(verdict(wrong), HasSubstr("on stream 2, where none is due"));
    wrong = kFirst;
    wrong.ordered = false;
    EXPECT_THAT(verdict(wrong), HasSubstr("unordered message of 2 octets on stream 1"));
}

TEST(AnswerCheck, an_answer_counts_once) {
    AnswerCheck check;
    check.expect(planned("first", kFirst), {});
    EXPECT_TRUE(check.verify(kFirst));
    EXPECT_FALSE(check.verify(kFirst));
}

TEST(AnswerCheck, what_was_given_up_may_come_late_or_never) {
    AnswerCheck check(true);
    check.expect(planned("first", kFirst), nanoseconds(10));
    check.expect(planned("loose", kLoose), nanoseconds(20));
    check.expect(planned("second", kSecond), nanoseconds(30));
    check.give_up(nanoseconds(30));
    EXPECT_EQ(check.outstanding(), 1U);
    EXPECT_EQ(check.outstanding_octets(), 2U);
    EXPECT_EQ(check.lost(), 2U);
    EXPECT_EQ(check.verify(kFirst).value(), std::nullopt) << "late";
    EXPECT_EQ(check.lost(), 1U);
    EXPECT_EQ(check.verify(kSecond).value(), nanoseconds(30));
    EXPECT_EQ(check.lost(), 1U);
}

TEST(AnswerCheck, a_late_answer_is_that_to_the_last_of_several_requests) {
    AnswerCheck check(true);
    check.expect(planned("first", kFirst), nanoseconds(10));
    check.expect(planned("first", kFirst), nanoseconds(20));
    check.give_up(nanoseconds(30));
    static_cast<void>(check.take_deviations());
    ASSERT_TRUE(check.verify(kFirst));
    ASSERT_TRUE(check.verify(kFirst));
    ASSERT_TRUE(check.verify(kFirst));
    const auto told = check.take_deviations();
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0].sent_at, nanoseconds(20));
    EXPECT_EQ(told[1].sent_at, nanoseconds(10));
    EXPECT_EQ(told[1].kind, Deviation::Kind::late);
    EXPECT_EQ(told[2].kind, Deviation::Kind::repeated);
}

TEST(AnswerCheck, a_later_answer_gives_up_those_before_it) {
    AnswerCheck check(true);
    check.expect(planned("first", kFirst), nanoseconds(10));
    check.expect(planned("loose", kLoose), nanoseconds(15));
    check.expect(planned("second", kSecond), nanoseconds(20));
    EXPECT_EQ(check.verify(kSecond).value(), nanoseconds(20));
    EXPECT_EQ(check.lost(), 1U);
    EXPECT_EQ(check.outstanding(), 1U) << "the unordered one may still come";
}

TEST(AnswerCheck, a_repeated_answer_is_tolerated_and_an_altered_one_is_not) {
    AnswerCheck check(true);
    check.expect(planned("first", kFirst), nanoseconds(10));
    EXPECT_EQ(check.verify(kFirst).value(), nanoseconds(10));
    EXPECT_EQ(check.verify(kFirst).value(), std::nullopt);
    EXPECT_EQ(check.lost(), 0U);
    UserMessage wrong = kFirst;
    wrong.bytes[0] ^= 1;
    EXPECT_FALSE(check.verify(wrong));
    EXPECT_FALSE(check.verify(kSecond)) << "was never due";
}

TEST(AnswerCheck, tells_what_it_tolerated) {
    AnswerCheck check(true);
    check.expect(planned("first", kFirst), nanoseconds(10));
    check.expect(planned("second", kSecond), nanoseconds(20));
    EXPECT_TRUE(check.take_deviations().empty());
    ASSERT_TRUE(check.verify(kSecond));
    ASSERT_TRUE(check.verify(kFirst));
    ASSERT_TRUE(check.verify(kSecond));
    const auto told = check.take_deviations();
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0].kind, Deviation::Kind::lost);
    EXPECT_EQ(told[0].planned->name, "first");
    EXPECT_EQ(told[0].sent_at, nanoseconds(10));
    EXPECT_EQ(told[1].kind, Deviation::Kind::late);
    EXPECT_EQ(told[1].sent_at, nanoseconds(10));
    EXPECT_EQ(told[2].kind, Deviation::Kind::repeated);
    EXPECT_EQ(told[2].sent_at, nanoseconds(20));
    EXPECT_TRUE(check.take_deviations().empty());
}

TEST(AnswerCheck, remembers_a_bounded_number) {
    AnswerCheck check(true);
    for (int i = 0; i < 1000; ++i) {
        UserMessage one = kFirst;
        one.bytes = {static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i), 7};
        check.expect(planned("one", one), {});
        ASSERT_TRUE(check.verify(one));
    }
    UserMessage first = kFirst;
    first.bytes = {0, 0, 7};
    EXPECT_FALSE(check.verify(first));
}

}  // namespace
}  // namespace sdg::endpoint
