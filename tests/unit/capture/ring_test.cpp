// Records of any length from one thread to another, in order, whole, and never waiting.
#include "dataplane/capture/ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>

namespace sdg::capture {
namespace {

bool put(CaptureRing& ring, uint8_t fill, size_t length, bool publish = true) {
    uint8_t* at = ring.reserve(length);
    if (at == nullptr) {
        return false;
    }
    std::fill_n(at, length, fill);
    if (publish) {
        ring.publish(ring.position());
    }
    return true;
}

std::optional<std::pair<uint8_t, size_t>> get(CaptureRing& ring) {
    const auto front = ring.front();
    if (front.empty()) {
        return std::nullopt;
    }
    const std::pair out{front[0], front.size()};
    EXPECT_EQ(std::ranges::count(front, front[0]), static_cast<ptrdiff_t>(front.size()));
    ring.pop();
    return out;
}

using Entry = std::pair<uint8_t, size_t>;

TEST(CaptureRing, records_come_out_in_order_across_the_end_of_memory) {
    CaptureRing ring(4096);
    unsigned in = 0;
    unsigned out = 0;
    for (unsigned i = 0; i < 2000; ++i) {
        while (put(ring, static_cast<uint8_t>(in), 1 + in * 37 % 900)) {
            ++in;
        }
        for (unsigned k = 0; k < 1 + i % 5; ++k) {
            const auto entry = get(ring);
            if (entry) {
                ASSERT_EQ(*entry, Entry(static_cast<uint8_t>(out), 1 + out * 37 % 900));
                ++out;
            }
        }
    }
    EXPECT_GT(in, 2000U);
    EXPECT_LE(in - out, 4096U / 9);
}

TEST(CaptureRing, what_has_no_room_is_refused_and_what_is_there_stays) {
    CaptureRing ring(4096);
    ASSERT_TRUE(put(ring, 1, 4000));
    EXPECT_FALSE(put(ring, 2, 200));
    EXPECT_FALSE(put(ring, 2, 1 << 20));
    EXPECT_EQ(get(ring), Entry(1, 4000));
    EXPECT_EQ(get(ring), std::nullopt);
    EXPECT_TRUE(put(ring, 2, 200));
    EXPECT_EQ(get(ring), Entry(2, 200));
}

TEST(CaptureRing, nothing_is_seen_before_it_is_published_and_the_rest_is_taken_back) {
    CaptureRing ring(4096);
    ASSERT_TRUE(put(ring, 1, 100, false));
    const uint64_t behind_one = ring.position();
    ASSERT_TRUE(put(ring, 2, 100, false));
    EXPECT_EQ(get(ring), std::nullopt);
    ring.publish(behind_one);
    EXPECT_EQ(get(ring), Entry(1, 100));
    EXPECT_EQ(get(ring), std::nullopt);
    ASSERT_TRUE(put(ring, 3, 50));
    EXPECT_EQ(get(ring), Entry(3, 50));
}

TEST(CaptureRing, a_thread_that_writes_and_one_that_reads_lose_and_change_nothing) {
    constexpr unsigned kRecords = 200'000;
    CaptureRing ring(8192);
    std::atomic<unsigned> kept{0};
    std::atomic<bool> done{false};
    std::thread writer([&] {
        unsigned in = 0;
        for (unsigned i = 0; i < kRecords; ++i) {
            in += put(ring, static_cast<uint8_t>(1 + in % 255), 1 + i % 300) ? 1U : 0U;
        }
        kept = in;
        done.store(true, std::memory_order_release);
    });
    unsigned read = 0;
    while (true) {
        const bool last = done.load(std::memory_order_acquire);
        const auto entry = get(ring);
        if (entry) {
            EXPECT_EQ(entry->first, static_cast<uint8_t>(1 + read % 255));
            ++read;
        } else if (last) {
            break;
        }
    }
    writer.join();
    EXPECT_EQ(read, kept.load());
    EXPECT_GT(read, 0U);
}

}  // namespace
}  // namespace sdg::capture
