#include "dataplane/record/record_number.h"

#include <gtest/gtest.h>

#include "foundation/random.h"

namespace sdg::record {
namespace {

uint64_t rebuild(uint64_t sequence, uint64_t next_expected) {
    return reconstruct_record_number(static_cast<uint16_t>(sequence), next_expected);
}

TEST(RecordNumber, the_expected_one_comes_back) {
    for (const uint64_t sequence : {uint64_t{0}, uint64_t{1}, uint64_t{65535}, uint64_t{65536},
                                    uint64_t{1} << 32, kMaxSequence}) {
        EXPECT_EQ(rebuild(sequence, sequence), sequence);
    }
}

TEST(RecordNumber, the_closest_wins_on_either_side) {
    const uint64_t next = 10'000'000;
    for (int64_t distance = -32767; distance <= 32768; ++distance) {
        const uint64_t sequence = next + static_cast<uint64_t>(distance);
        ASSERT_EQ(rebuild(sequence, next), sequence) << distance;
    }
    EXPECT_EQ(rebuild(next - 32768, next), next + 32768);
    EXPECT_EQ(rebuild(next + 32769, next), next - 32767);
}

TEST(RecordNumber, never_falls_below_zero) {
    EXPECT_EQ(rebuild(0xffff, 0), 0xffffU);
    EXPECT_EQ(rebuild(0x8001, 0), 0x8001U);
    EXPECT_EQ(rebuild(0x8000, 0), 0x8000U);
    EXPECT_EQ(rebuild(0xffff, 100), 0xffffU);
    EXPECT_EQ(rebuild(99, 100), 99U);
    EXPECT_EQ(rebuild(0xffff, 0x8000), 0xffffU);
    EXPECT_EQ(rebuild(0, 0x7fff), 0U);
    EXPECT_EQ(rebuild(0, 0x8000), 0x10000U);
}

TEST(RecordNumber, never_passes_the_last_number) {
    EXPECT_EQ(reconstruct_record_number(0, kMaxSequence), kMaxSequence - 0xffff);
    EXPECT_EQ(reconstruct_record_number(0x7fff, kMaxSequence), kMaxSequence - 0x8000);
    EXPECT_EQ(reconstruct_record_number(0xfffe, kMaxSequence), kMaxSequence - 1);
    // All numbers used up.
    EXPECT_EQ(reconstruct_record_number(0xffff, kMaxSequence + 1), kMaxSequence);
    EXPECT_EQ(reconstruct_record_number(0, kMaxSequence + 1), kMaxSequence - 0xffff);
}

TEST(RecordNumber, always_ends_in_the_bits_given_and_stays_in_range) {
    SeededRandom random{11};
    for (int i = 0; i < 200'000; ++i) {
        const auto low = static_cast<uint16_t>(random.u32());
        uint64_t next = random.u64() & kMaxSequence;
        if (i % 3 == 0) {
            next &= 0x1ffff;
        } else if (i % 3 == 1) {
            next = kMaxSequence - (next & 0x1ffff);
        }
        const uint64_t sequence = reconstruct_record_number(low, next);
        ASSERT_EQ(static_cast<uint16_t>(sequence), low);
        ASSERT_LE(sequence, kMaxSequence);
        const uint64_t distance = sequence > next ? sequence - next : next - sequence;
        if (next >= 0x10000 && next <= kMaxSequence - 0x10000) {
            ASSERT_LE(distance, 0x8000U);
        }
        ASSERT_LE(distance, 0x10000U);
    }
}

}  // namespace
}  // namespace sdg::record
