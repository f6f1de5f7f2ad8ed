#include "foundation/secret_bytes.h"

#include <gtest/gtest.h>
#include <openssl/crypto.h>

#include <array>
#include <type_traits>
#include <vector>

namespace sdg {
namespace {

static_assert(!std::is_copy_constructible_v<SecretBytes>);
static_assert(!std::is_copy_assignable_v<SecretBytes>);
static_assert(std::is_nothrow_move_constructible_v<SecretBytes>);

const std::array<uint8_t, 4> kOctets = {1, 2, 3, 4};

TEST(SecretBytes, starts_with_zeros) {
    const SecretBytes secret(3);
    EXPECT_EQ(std::vector<uint8_t>(secret.bytes().begin(), secret.bytes().end()),
              std::vector<uint8_t>(3, 0));
    EXPECT_TRUE(SecretBytes().empty());
    EXPECT_TRUE(SecretBytes(0).empty());
}

TEST(SecretBytes, copy_leaves_the_source_and_clone_is_separate) {
    SecretBytes secret = SecretBytes::copy_of(kOctets);
    const SecretBytes clone = secret.clone();
    EXPECT_TRUE(secret == clone);
    secret.mutable_bytes()[0] = 9;
    EXPECT_FALSE(secret == clone);
    EXPECT_EQ(kOctets[0], 1);
}

TEST(SecretBytes, moved_from_is_empty) {
    SecretBytes secret = SecretBytes::copy_of(kOctets);
    SecretBytes taken = std::move(secret);
    EXPECT_TRUE(secret.empty());  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_TRUE(secret.bytes().empty());
    EXPECT_EQ(taken.size(), 4U);
    SecretBytes other(7);
    other = std::move(taken);
    EXPECT_EQ(other.size(), 4U);
    EXPECT_TRUE(taken.empty());  // NOLINT(bugprone-use-after-move)
    SecretBytes& alias = other;
    other = std::move(alias);  // to itself: nothing happens
    EXPECT_EQ(other.size(), 4U);
}

TEST(SecretBytes, equality_looks_at_length_and_every_octet) {
    for (size_t i = 0; i < kOctets.size(); ++i) {
        SecretBytes other = SecretBytes::copy_of(kOctets);
        other.mutable_bytes()[i] ^= 0x80;
        EXPECT_FALSE(other == SecretBytes::copy_of(kOctets));
    }
    EXPECT_FALSE(equal_constant_time(kOctets, std::span(kOctets).first(3)));
    EXPECT_TRUE(equal_constant_time({}, {}));
}

TEST(SecretBytes, wipe_overwrites) {
    std::array<uint8_t, 4> octets = kOctets;
    wipe(octets.data(), octets.size());
    EXPECT_EQ(octets, (std::array<uint8_t, 4>{}));
    wipe(nullptr, 0);
}

TEST(SecretBytes, live_in_the_secure_heap_when_there_is_one_and_in_ordinary_memory_beyond) {
    const SecretBytes before = SecretBytes::copy_of(kOctets);
    ASSERT_NE(CRYPTO_secure_malloc_init(4096, 32), 0);
    std::vector<SecretBytes> many;
    many.push_back(SecretBytes::copy_of(kOctets));
    EXPECT_EQ(CRYPTO_secure_allocated(many[0].bytes().data()), 1);
    EXPECT_EQ(CRYPTO_secure_allocated(before.bytes().data()), 0);
    for (int i = 0; i < 200; ++i) {
        many.push_back(SecretBytes::copy_of(kOctets));
    }
    EXPECT_EQ(CRYPTO_secure_allocated(many.back().bytes().data()), 0);
    EXPECT_TRUE(many.front() == many.back());
    many.clear();
    EXPECT_EQ(CRYPTO_secure_used(), 0U);
    EXPECT_EQ(CRYPTO_secure_malloc_done(), 1);
}

}  // namespace
}  // namespace sdg
