// What strangers may ask of the control thread: by source, by class, over time.
#include <gtest/gtest.h>

#include <map>

#include "dataplane/packet/code_points.h"
#include "dataplane/worker/stranger_budget.h"

namespace sdg::worker {
namespace {

using packet::DropReason;
using packet::kChunkCookieEcho;
using packet::kChunkHeartbeat;
using packet::kChunkInit;

constexpr uint64_t kHz = 1'000'000;
constexpr std::array<uint64_t, 2> kKey = {0x0123456789abcdef, 0xfedcba9876543210};

using Source = std::array<uint8_t, 16>;

Source v4(uint32_t address) {
    Source out{};
    for (size_t i = 0; i < 4; ++i) {
        out[i] = static_cast<uint8_t>(address >> (24 - 8 * i));
    }
    return out;
}

size_t admitted(StrangerBudget& budget, const Source& source, IpAddress::Family family,
                uint8_t type, uint64_t now, size_t packets) {
    size_t out = 0;
    for (size_t i = 0; i < packets; ++i) {
        out += budget.admit(source, family, type, now) == DropReason::none ? 1 : 0;
    }
    return out;
}

TEST(StrangerBudget, a_source_gets_its_rate_and_a_second_of_it_at_once) {
    StrangerBudget budget({.source = 100}, kHz, kKey);
    const Source source = v4(0x0a000001);
    const auto family = IpAddress::Family::v4;
    uint64_t now = 5 * kHz;
    EXPECT_EQ(admitted(budget, source, family, kChunkInit, now, 1000), 100U);
    EXPECT_EQ(admitted(budget, source, family, kChunkCookieEcho, now, 1000), 0U) << "of any class";
    for (int tenth = 0; tenth < 20; ++tenth) {
        now += kHz / 10;
        EXPECT_EQ(admitted(budget, source, family, kChunkInit, now, 1000), 10U);
    }
    now += 3600 * kHz;
    EXPECT_EQ(admitted(budget, source, family, kChunkInit, now, 1000), 100U) << "no more is kept";
}

TEST(StrangerBudget, a_flooding_source_does_not_hold_others_back) {
    StrangerBudget budget({.source = 10, .strays = 1'000'000}, kHz, kKey);
    const auto family = IpAddress::Family::v4;
    // 64 sources that never stop, 4,000 that send now and then.
    size_t held_back = 0;
    for (uint32_t other = 0; other < 4000; ++other) {
        const uint64_t now = kHz + other * 100;
        for (uint32_t flood = 0; flood < 64; ++flood) {
            (void)admitted(budget, v4(0xc0000000 + flood), family, kChunkHeartbeat, now, 2);
        }
        held_back +=
            admitted(budget, v4(0x0a000000 + other), family, kChunkHeartbeat, now, 1) == 0 ? 1 : 0;
    }
    // Both its buckets belong to floods: (64 / 4096)^2 of all, one at the very most here.
    EXPECT_LE(held_back, 3U);
}

TEST(StrangerBudget, a_network_of_ipv6_is_one_source) {
    StrangerBudget budget({.source = 10}, kHz, kKey);
    size_t taken = 0;
    for (uint8_t host = 0; host < 100; ++host) {
        Source source = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1};
        source[15] = host;
        taken += admitted(budget, source, IpAddress::Family::v6, kChunkInit, kHz, 1);
    }
    EXPECT_EQ(taken, 10U);
    Source next = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 2};
    EXPECT_EQ(admitted(budget, next, IpAddress::Family::v6, kChunkInit, kHz, 1), 1U);
}

TEST(StrangerBudget, inits_with_invented_sources_leave_cookies_their_budget) {
    StrangerBudget budget({.source = 10, .inits = 500, .cookies = 50, .strays = 20}, kHz, kKey);
    const auto family = IpAddress::Family::v4;
    size_t inits = 0;
    std::map<DropReason, size_t> reasons;
    for (uint32_t i = 0; i < 3000; ++i) {
        ++reasons[budget.admit(v4(0x01000000 + i * 977), family, kChunkInit, kHz)];
    }
    inits = reasons[DropReason::none];
    EXPECT_EQ(inits, 500U);
    EXPECT_GT(reasons[DropReason::init_rate_limited], 2000U);
    EXPECT_EQ(admitted(budget, v4(0x0a000001), family, kChunkCookieEcho, kHz, 10), 10U);
    EXPECT_EQ(budget.admit(v4(0x0a000001), family, kChunkCookieEcho, kHz),
              DropReason::source_rate_limited);
}

}  // namespace
}  // namespace sdg::worker
