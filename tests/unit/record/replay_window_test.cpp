#include "dataplane/record/replay_window.h"

#include <gtest/gtest.h>

#include <set>

#include "dataplane/record/suite.h"
#include "foundation/random.h"

namespace sdg::record {
namespace {

TEST(ReplayWindow, sizes_are_powers_of_two_from_64_to_65536) {
    for (const uint32_t size : {64U, 128U, 1024U, 32768U, 65536U}) {
        EXPECT_TRUE(ReplayWindow::is_valid_size(size)) << size;
    }
    for (const uint32_t size : {0U, 1U, 32U, 63U, 65U, 96U, 1000U, 65535U, 131072U, UINT32_MAX}) {
        EXPECT_FALSE(ReplayWindow::is_valid_size(size)) << size;
    }
}

TEST(ReplayWindow, accepts_every_number_once) {
    ReplayWindow window{64};
    for (uint64_t sequence = 0; sequence < 500; ++sequence) {
        EXPECT_TRUE(window.check(sequence));
        window.commit(sequence);
        EXPECT_FALSE(window.check(sequence));
        EXPECT_EQ(window.next_expected(), sequence + 1);
    }
}

TEST(ReplayWindow, check_moves_nothing) {
    ReplayWindow window{64};
    window.commit(10);
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(window.check(1'000'000));
        EXPECT_TRUE(window.check(9));
        EXPECT_FALSE(window.check(10));
    }
    EXPECT_EQ(window.next_expected(), 11U);
}

TEST(ReplayWindow, reaches_back_exactly_its_size) {
    for (const uint32_t size : {64U, 256U, 65536U}) {
        ReplayWindow window{size};
        const uint64_t highest = 1'000'000;
        window.commit(highest);
        EXPECT_TRUE(window.check(highest - size + 1)) << size;
        EXPECT_FALSE(window.check(highest - size)) << size;
        EXPECT_FALSE(window.check(0)) << size;
        window.commit(highest - size + 1);
        EXPECT_FALSE(window.check(highest - size + 1)) << size;
    }
}

TEST(ReplayWindow, a_late_number_fills_its_gap_without_sliding) {
    ReplayWindow window{64};
    window.commit(0);
    window.commit(5);
    window.commit(3);
    EXPECT_EQ(window.next_expected(), 6U);
    EXPECT_TRUE(window.check(4));
    EXPECT_FALSE(window.check(3));
    EXPECT_FALSE(window.check(5));
}

TEST(ReplayWindow, a_jump_forgets_what_it_slides_over) {
    // Jumps around the word and the window size, from every bit of a word.
    for (uint64_t start = 0; start < 130; ++start) {
        for (const uint64_t jump :
             {1ULL, 2ULL, 63ULL, 64ULL, 65ULL, 127ULL, 128ULL, 129ULL, 1000ULL, 1ULL << 40}) {
            ReplayWindow window{128};
            for (uint64_t sequence = 0; sequence <= start; ++sequence) {
                window.commit(sequence);
            }
            const uint64_t highest = start + jump;
            window.commit(highest);
            for (uint64_t sequence = highest < 128 ? 0 : highest - 127; sequence <= highest;
                 ++sequence) {
                EXPECT_EQ(window.check(sequence), sequence > start && sequence != highest)
                    << start << " " << jump << " " << sequence;
            }
        }
    }
}

TEST(ReplayWindow, works_up_to_the_last_number) {
    ReplayWindow window{64, kMaxSequence - 100};
    window.commit(kMaxSequence);
    EXPECT_FALSE(window.check(kMaxSequence));
    EXPECT_TRUE(window.check(kMaxSequence - 1));
    EXPECT_TRUE(window.check(kMaxSequence - 63));
    EXPECT_FALSE(window.check(kMaxSequence - 64));
    EXPECT_EQ(window.next_expected(), kMaxSequence + 1);
}

TEST(ReplayWindow, agrees_with_a_set_of_numbers_on_random_traffic) {
    SeededRandom random{3};
    for (const uint32_t size : {64U, 1024U}) {
        ReplayWindow window{size};
        std::set<uint64_t> seen;
        uint64_t highest = 0;
        for (int i = 0; i < 50'000; ++i) {
            const uint32_t choice = random.u32() % 100;
            const uint64_t reach = choice < 90 ? 8 : choice < 99 ? size : 20 * size;
            const uint64_t around = highest + random.u64() % (2 * reach);
            const uint64_t sequence = around < reach ? 0 : around - reach;
            const bool fresh = seen.count(sequence) == 0;
            const bool inside = seen.empty() || sequence > highest || highest - sequence < size;
            ASSERT_EQ(window.check(sequence), fresh && inside) << sequence << " of " << highest;
            if (fresh && inside) {
                window.commit(sequence);
                seen.insert(sequence);
                highest = *seen.rbegin();
            }
        }
    }
}

}  // namespace
}  // namespace sdg::record
