// A row opens under its key, in its place, unchanged, and in no other way.
#include "control/restart/sealed_row.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/hex.h"
#include "tests/unit/restart/sample.h"

namespace sdg::restart::test {
namespace {

class SealedRow : public testing::Test {
 protected:
    std::vector<uint8_t> seal(const KeyRing& keys, unsigned number = 3, uint64_t seed = 5) {
        return *seal_row(keys.active(), {"g", tuple(number)},
                         {.generation = 7, .lease_epoch = 2, .key_id = {}, .mark = {}},
                         description(number), context(seed), random_);
    }
    SystemRandom random_;
};

TEST_F(SealedRow, opens_to_what_was_sealed) {
    const KeyRing keys = ring();
    const auto opened = open_row(keys, {"g", tuple(3)}, seal(keys));
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->header.generation, 7U);
    EXPECT_EQ(opened->header.lease_epoch, 2U);
    EXPECT_EQ(opened->header.key_id, keys.active().id());
    EXPECT_EQ(opened->record.description, description(3));
    EXPECT_TRUE(same(opened->record.context, context(5)));
}

TEST_F(SealedRow, never_uses_a_nonce_twice) {
    const KeyRing keys = ring();
    std::set<std::vector<uint8_t>> nonces;
    for (int i = 0; i < 1000; ++i) {
        const auto row = seal(keys);
        nonces.emplace(row.begin() + kRowHeaderLength, row.begin() + kRowHeaderLength + 12);
    }
    EXPECT_EQ(nonces.size(), 1000U);
}

TEST_F(SealedRow, with_any_bit_changed_does_not_open) {
    const KeyRing keys = ring();
    const auto good = seal(keys);
    for (size_t at = 0; at < good.size(); ++at) {
        for (const int bit : {0x01, 0x80}) {
            auto changed = good;
            changed[at] = static_cast<uint8_t>(changed[at] ^ bit);
            ASSERT_FALSE(open_row(keys, {"g", tuple(3)}, changed)) << at;
        }
    }
    for (size_t length = 0; length < good.size(); ++length) {
        ASSERT_FALSE(open_row(keys, {"g", tuple(3)}, std::span(good).first(length)));
    }
    auto longer = good;
    longer.resize(kMaxRowLength + 1);
    EXPECT_FALSE(open_row(keys, {"g", tuple(3)}, longer));
}

TEST_F(SealedRow, in_another_place_does_not_open) {
    const KeyRing keys = ring();
    const auto row = seal(keys);
    EXPECT_EQ(open_row(keys, {"g", tuple(5)}, row).error().code, ErrorCode::corrupt);
    EXPECT_EQ(open_row(keys, {"h", tuple(3)}, row).error().code, ErrorCode::corrupt);
    EXPECT_EQ(open_row(keys, {"", tuple(3)}, row).error().code, ErrorCode::corrupt);
}

TEST_F(SealedRow, under_another_key_says_which_key_it_wants) {
    const KeyRing keys = ring();
    const auto opened = open_row(ring({1, 2}), {"g", tuple(3)}, seal(keys));
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, ErrorCode::permission_denied);
    EXPECT_NE(opened.error().message.find(to_string(keys.active().id())), std::string::npos);
}

TEST_F(SealedRow, is_sealed_anew_under_the_active_key) {
    const KeyRing both = ring({1, 0});
    const auto old_row = seal(ring({0}));
    const auto anew = reseal_row(both, {"g", tuple(3)}, old_row, random_);
    ASSERT_TRUE(anew);
    const auto opened = open_row(ring({1}), {"g", tuple(3)}, *anew);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->header.generation, 7U);
    EXPECT_EQ(opened->header.lease_epoch, 2U);
    EXPECT_TRUE(same(opened->record.context, context(5)));
    EXPECT_FALSE(reseal_row(ring({1}), {"g", tuple(3)}, old_row, random_));
}

TEST_F(SealedRow, marks_tell_contexts_apart_and_nothing_else) {
    const KeyRing keys = ring();
    EXPECT_EQ(keys.active().mark(context(1)), keys.active().mark(context(1)));
    EXPECT_NE(keys.active().mark(context(1)), keys.active().mark(context(2)));
    EXPECT_NE(keys.active().mark(context(1)), ring({1}).active().mark(context(1)));
}

// From an implementation of HKDF-Expand that shares nothing with ours (python3, hmac module).
TEST(SealingKey, is_derived_as_documented) {
    SecretBytes key(kKeyEncryptionKeyLength);
    for (size_t i = 0; i < key.size(); ++i) {
        key.mutable_bytes()[i] = static_cast<uint8_t>(i);
    }
    const auto derived = SealingKey::derive(key);
    ASSERT_TRUE(derived);
    EXPECT_EQ(to_string(derived->id()), "06f3ac2a8257178a");
    const auto sealing = derived->sealing_key().bytes();
    EXPECT_EQ(
        std::vector<uint8_t>(sealing.begin(), sealing.end()),
        sdg::test::from_hex("20b0b94db4c3f16466f5596f7a558878b0b9803f08e61d2a44146e68bb1e81cb"));
}

TEST(SealingKey, refuses_wrong_lengths_and_zeros) {
    EXPECT_FALSE(SealingKey::derive(SecretBytes(31)));
    EXPECT_FALSE(SealingKey::derive(SecretBytes(32)));
    EXPECT_FALSE(SealingKey::derive(SecretBytes()));
}

}  // namespace
}  // namespace sdg::restart::test
