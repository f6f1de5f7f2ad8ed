// Messages of method 192 on the wire.
#include "control/keymgmt/tls13/message.h"

#include <gtest/gtest.h>

#include <array>

namespace sdg::keymgmt::tls13 {
namespace {

using Octets = std::vector<uint8_t>;

TEST(KeyMessage, records_keep_their_epoch) {
    const Octets hello = {22, 3, 1, 0, 2, 1, 0};
    const auto message = records_message(0x1234, hello);
    EXPECT_EQ(message[0], 0x34);
    const auto parsed = parse_message(message);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->kind, KeyMessage::Kind::records);
    EXPECT_EQ(parsed->epoch, 0x34);
    EXPECT_TRUE(parsed->begins_with_client_hello);
    EXPECT_EQ(Octets(parsed->records.begin(), parsed->records.end()), hello);
}

TEST(KeyMessage, protection_established_has_the_high_bit_and_no_body) {
    EXPECT_EQ(protection_established_message(3), (Octets{0x83, 0x01}));
    EXPECT_EQ(protection_established_message(0x183), (Octets{0x83, 0x01}));
    const auto parsed = parse_message(Octets{0x83, 0x01});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->kind, KeyMessage::Kind::protection_established);
    EXPECT_EQ(parsed->epoch, 3);
}

TEST(KeyMessage, several_records_in_one) {
    const auto parsed = parse_message(Octets{3, 23, 3, 3, 0, 1, 9, 21, 3, 3, 0, 2, 1, 0});
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->begins_with_client_hello);
    EXPECT_EQ(parsed->records.size(), 13U);
}

TEST(KeyMessage, anything_else_is_refused) {
    const std::vector<Octets> bad = {
        {},
        {3},
        {0x83},
        {0x83, 0x02},
        {0x83, 0x01, 0x00},
        {3, 22},
        {3, 22, 3, 3, 0},
        {3, 22, 3, 3, 0, 0},            // empty record
        {3, 22, 3, 3, 0, 2, 1},         // cut short
        {3, 22, 3, 3, 0x41, 1, 1},      // longer than a record may be
        {3, 19, 3, 3, 0, 1, 1},         // no content type
        {3, 24, 3, 3, 0, 1, 1},         // heartbeat
        {3, 22, 2, 0, 0, 1, 1},         // version
        {3, 22, 3, 3, 0, 1, 1, 22, 3},  // rest of another record
    };
    for (const Octets& one : bad) {
        const auto parsed = parse_message(one);
        ASSERT_FALSE(parsed) << testing::PrintToString(one);
        EXPECT_EQ(parsed.error().code, ErrorCode::protocol);
    }
}

}  // namespace
}  // namespace sdg::keymgmt::tls13
