#include "dataplane/packet/crc32c.h"

#include <gtest/gtest.h>

#include <vector>

#include "dataplane/packet/sctp.h"
#include "foundation/random.h"
#include "tests/unit/packet/captured_packets.h"

namespace sdg::packet {
namespace {

using test::from_hex;

uint32_t bit_by_bit(std::span<const uint8_t> octets) {
    uint32_t crc = 0xffffffff;
    for (const uint8_t octet : octets) {
        crc ^= octet;
        for (int i = 0; i < 8; ++i) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
        }
    }
    return ~crc;
}

TEST(Crc32c, check_value_of_the_catalogue) {
    EXPECT_EQ(crc32c(from_hex("313233343536373839")), 0xe3069283U);
    EXPECT_EQ(crc32c({}), 0U);
}

// RFC 3720, B.4.
TEST(Crc32c, known_answers_of_iscsi) {
    EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0x00)), 0x8a9136aaU);
    EXPECT_EQ(crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43U);
    std::vector<uint8_t> rising(32);
    for (size_t i = 0; i < rising.size(); ++i) {
        rising[i] = static_cast<uint8_t>(i);
    }
    EXPECT_EQ(crc32c(rising), 0x46dd794eU);
}

TEST(Crc32c, every_length_and_alignment_agrees_with_the_definition) {
    SeededRandom random(1);
    std::vector<uint8_t> octets(1700);
    random.fill(octets);
    for (size_t length = 0; length <= 1600; ++length) {
        const std::span part = std::span(octets).subspan(length % 16, length);
        ASSERT_EQ(crc32c(part), bit_by_bit(part)) << length;
    }
    std::vector<uint8_t> jumbo(65535);
    random.fill(jumbo);
    EXPECT_EQ(crc32c(jumbo), bit_by_bit(jumbo));
}

TEST(Crc32c, extending_equals_one_pass) {
    SeededRandom random(2);
    std::vector<uint8_t> octets(900);
    random.fill(octets);
    const std::span all(octets);
    for (size_t cut = 0; cut <= all.size(); cut += 7) {
        EXPECT_EQ(crc32c_extend(crc32c(all.first(cut)), all.subspan(cut)), crc32c(all));
    }
}

// Both ways of computing it, whichever this processor would choose, at every length that takes
// another path in either, and at odd addresses.
TEST(Crc32c, wide_and_narrow_agree) {
    if (!has_wide_crc32c()) {
        GTEST_SKIP() << "this processor has no 512-bit carry-less multiplication";
    }
    SeededRandom random(3);
    std::vector<uint8_t> octets(5000);
    random.fill(octets);
    for (size_t offset : {0, 1, 7, 12, 63}) {
        for (size_t length = 0; length + offset < octets.size(); length += length < 1300 ? 1 : 61) {
            const std::span<const uint8_t> part = std::span(octets).subspan(offset, length);
            ASSERT_EQ(crc32c(part), crc32c_narrow(part)) << offset << " " << length;
        }
    }
}

TEST(Crc32c, captured_packets_carry_the_right_checksum) {
    for (auto packet : {test::captured_init(), test::captured_init_ack(),
                        test::captured_cookie_echo(), test::captured_cookie_ack()}) {
        EXPECT_TRUE(checksum_ok(packet));
        const std::vector<uint8_t> original = packet;
        store_be32(packet.data() + kChecksumOffset, 0x12345678);
        set_checksum(packet);
        EXPECT_EQ(packet, original);
    }
}

TEST(Crc32c, every_flipped_bit_is_seen) {
    std::vector<uint8_t> packet = test::captured_init();
    for (size_t bit = 0; bit < packet.size() * 8; ++bit) {
        packet[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(checksum_ok(packet)) << bit;
        packet[bit / 8] ^= static_cast<uint8_t>(1U << (bit % 8));
    }
    EXPECT_TRUE(checksum_ok(packet));
}

TEST(Crc32c, less_than_a_common_header_is_never_right) {
    const std::vector<uint8_t> packet = test::captured_cookie_ack();
    for (size_t length = 0; length < kCommonHeader; ++length) {
        EXPECT_FALSE(checksum_ok(
            std::vector<uint8_t>(packet.begin(), packet.begin() + static_cast<long>(length))));
    }
}

}  // namespace
}  // namespace sdg::packet
