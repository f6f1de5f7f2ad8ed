#include "endpoint/answer_book.h"

#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

TEST(AnswerBook, transformation_keeps_everything_but_the_octets) {
    const UserMessage request{7, false, 46, {0x00, 0x00, 0xff}};
    const UserMessage answer = transformed(request);
    EXPECT_EQ(answer.stream, 7);
    EXPECT_FALSE(answer.ordered);
    EXPECT_EQ(answer.ppid, 46U);
    EXPECT_EQ(answer.bytes, (Bytes{7, 138, static_cast<uint8_t>(0xff ^ ((2 * 131 + 7) & 0xff))}));
}

TEST(AnswerBook, transformation_differs_between_blocks_and_undoes_itself) {
    const UserMessage request{0, true, 0, Bytes(1000, 0x5a)};
    const UserMessage answer = transformed(request);
    EXPECT_NE(answer.bytes[0], answer.bytes[256]);
    EXPECT_EQ(transformed(answer), request);
}

Exchange paired() {
    Exchange exchange;
    exchange.steps.push_back({"a", {1, true, 60, {1, 2}}, UserMessage{1, true, 60, {9}}});
    exchange.steps.push_back({"b", {1, true, 60, {3}}, std::nullopt});
    return exchange;
}

TEST(AnswerBook, paired_request_gets_its_answer_on_any_stream) {
    const AnswerBook book(paired());
    EXPECT_EQ(book.answer_to({1, true, 60, {1, 2}}).bytes, Bytes{9});
    EXPECT_EQ(book.answer_to({5, false, 60, {1, 2}}), (UserMessage{1, true, 60, {9}}));
}

TEST(AnswerBook, one_octet_or_the_ppid_off_is_transformed) {
    const AnswerBook book(paired());
    for (const UserMessage& other :
         {UserMessage{1, true, 61, {1, 2}}, UserMessage{1, true, 60, {1, 2, 3}},
          UserMessage{1, true, 60, {1}}, UserMessage{1, true, 60, {3}}}) {
        EXPECT_EQ(book.answer_to(other), transformed(other));
    }
}

}  // namespace
}  // namespace sdg::endpoint
