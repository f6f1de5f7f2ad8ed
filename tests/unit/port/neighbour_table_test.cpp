#include "dataplane/port/neighbour_table.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <atomic>
#include <thread>
#include <vector>

#include "dataplane/port/packet_pool.h"
#include "tests/support/eal.h"

namespace sdg::port {
namespace {

constexpr uint64_t kHz = 1000;  // so that times below are milliseconds
constexpr MacAddress kMac = {2, 0, 0, 0, 0, 9};
constexpr MacAddress kOther = {2, 0, 0, 0, 0, 8};

IpAddress address(unsigned n) {
    const uint8_t octets[4] = {10, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8),
                               static_cast<uint8_t>(n)};
    return IpAddress::v4(octets);
}

class NeighbourTableTest : public testing::Test {
 protected:
    void SetUp() override {
        test::eal();
        pool_ = PacketPool::create("test", 2047, 256).value();
    }
    rte_mbuf* packet() { return rte_pktmbuf_alloc(pool_.get()); }
    size_t outstanding() { return rte_mempool_in_use_count(pool_.get()); }
    // A whole pass over the table.
    std::vector<IpAddress> pass(uint64_t now) {
        std::vector<IpAddress> asked;
        for (int i = 0; i < 16; ++i) {
            given_up_ += table_.tick(now, [&](const IpAddress& a) { asked.push_back(a); });
        }
        return asked;
    }
    bool knows(unsigned n, const MacAddress& expected = kMac) {
        MacAddress mac{};
        return table_.find(address(n), mac) && mac == expected;
    }
    size_t learn(unsigned n, uint64_t now, const MacAddress& mac = kMac, bool override = true) {
        const size_t count = table_.learn(address(n), mac, override, now, released_);
        for (size_t i = 0; i < count; ++i) {
            rte_pktmbuf_free(released_[i]);
        }
        return count;
    }

    PacketPool pool_;
    NeighbourTable table_{kHz, 42};
    std::array<rte_mbuf*, NeighbourTable::kHeldPerNeighbour> released_{};
    size_t given_up_ = 0;
};

TEST_F(NeighbourTableTest, unasked_messages_make_no_entry) {
    EXPECT_EQ(learn(1, 0), 0U);
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_FALSE(knows(1));
}

TEST_F(NeighbourTableTest, packets_wait_and_leave_in_order_when_the_answer_comes) {
    std::vector<rte_mbuf*> sent;
    for (int i = 0; i < 3; ++i) {
        sent.push_back(packet());
        const auto hold = table_.hold(address(1), sent.back(), 0);
        EXPECT_TRUE(hold.held);
        EXPECT_EQ(hold.solicit, i == 0) << "only the first packet asks";
    }
    EXPECT_FALSE(knows(1));
    EXPECT_EQ(table_.learn(address(1), kMac, true, 5, released_), 3U);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(released_[i], sent[i]);
        rte_pktmbuf_free(released_[i]);
    }
    EXPECT_TRUE(knows(1));
    EXPECT_EQ(table_.held(), 0U);
}

TEST_F(NeighbourTableTest, the_queue_of_a_neighbour_is_bounded) {
    for (size_t i = 0; i < NeighbourTable::kHeldPerNeighbour; ++i) {
        ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    }
    rte_mbuf* one_more = packet();
    EXPECT_FALSE(table_.hold(address(1), one_more, 0).held);
    rte_pktmbuf_free(one_more);
}

TEST_F(NeighbourTableTest, requests_are_repeated_each_second_and_then_given_up) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).solicit);
    EXPECT_TRUE(pass(999).empty());
    EXPECT_EQ(pass(1000), std::vector{address(1)});
    EXPECT_EQ(pass(2000), std::vector{address(1)});
    EXPECT_EQ(given_up_, 0U);
    EXPECT_TRUE(pass(3000).empty());
    EXPECT_EQ(given_up_, 1U);
    EXPECT_EQ(table_.size(), 0U);
    EXPECT_EQ(outstanding(), 0U) << "given up packets are freed";
}

TEST_F(NeighbourTableTest, an_old_entry_in_use_is_asked_again_while_it_goes_on_working) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    EXPECT_EQ(learn(1, 0), 1U);
    EXPECT_TRUE(knows(1));
    EXPECT_TRUE(pass(29'999).empty());
    EXPECT_TRUE(knows(1));
    EXPECT_EQ(pass(30'000), std::vector{address(1)});
    EXPECT_TRUE(knows(1)) << "the old address serves until the answer";
    learn(1, 30'100, kOther);
    EXPECT_TRUE(knows(1, kOther));
    EXPECT_TRUE(pass(31'200).empty());
}

TEST_F(NeighbourTableTest, an_entry_that_stops_answering_is_dropped) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    learn(1, 0);
    EXPECT_TRUE(knows(1));
    EXPECT_EQ(pass(30'000).size(), 1U);
    EXPECT_EQ(pass(31'000).size(), 1U);
    EXPECT_EQ(pass(32'000).size(), 1U);
    EXPECT_TRUE(pass(33'000).empty());
    EXPECT_FALSE(knows(1));
    EXPECT_EQ(table_.size(), 0U);
}

TEST_F(NeighbourTableTest, an_unused_entry_is_left_alone_and_finally_forgotten) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    learn(1, 0);
    EXPECT_TRUE(pass(60'000).empty()) << "nobody uses it: nothing to ask for";
    EXPECT_EQ(table_.size(), 1U);
    pass(300'000);
    EXPECT_EQ(table_.size(), 0U);
}

TEST_F(NeighbourTableTest, an_advertisement_without_override_replaces_nothing) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    learn(1, 0, kMac, false);
    EXPECT_TRUE(knows(1)) << "an unresolved entry takes it";
    learn(1, 1, kOther, false);
    EXPECT_TRUE(knows(1));
    learn(1, 2, kOther, true);
    EXPECT_TRUE(knows(1, kOther));
}

TEST_F(NeighbourTableTest, fixed_entries_never_change) {
    ASSERT_TRUE(table_.add_fixed(address(1), kMac));
    EXPECT_FALSE(table_.add_fixed(address(1), kOther)) << "listed twice";
    learn(1, 0, kOther);
    pass(400'000);
    EXPECT_TRUE(knows(1));
}

// A flood from made-up on-link addresses makes us want to answer each: it fills the table with
// unanswered entries, and must not push out neighbours that are in use.
TEST_F(NeighbourTableTest, a_flood_of_made_up_addresses_leaves_neighbours_in_use_alone) {
    for (unsigned n = 0; n < 50; ++n) {
        ASSERT_TRUE(table_.hold(address(n), packet(), 0).held);
        ASSERT_EQ(learn(n, 0), 1U);
        ASSERT_TRUE(knows(n));
    }
    size_t dropped = 0;
    for (unsigned n = 1000; n < 21'000; ++n) {
        rte_mbuf* stray = packet();
        ASSERT_NE(stray, nullptr);
        const auto hold = table_.hold(address(n), stray, 1);
        dropped += hold.dropped;
        if (!hold.held) {
            rte_pktmbuf_free(stray);
        }
        ASSERT_LE(table_.held(), NeighbourTable::kHeldInAll);
    }
    EXPECT_GT(dropped, 0U);
    EXPECT_LE(table_.size(), NeighbourTable::kEntries);
    for (unsigned n = 0; n < 50; ++n) {
        EXPECT_TRUE(knows(n)) << n;
    }
}

// No room at all: every entry is a neighbour in use. Nothing makes way for a newcomer, and what
// arrives unasked changes nothing.
TEST_F(NeighbourTableTest, a_table_full_of_neighbours_in_use_takes_no_more_and_loses_none) {
    std::vector<unsigned> live;
    for (unsigned n = 0; table_.size() < NeighbourTable::kEntries; ++n) {
        rte_mbuf* one = packet();
        const auto hold = table_.hold(address(n), one, 0);
        EXPECT_EQ(hold.dropped, 0U);
        if (!hold.held) {
            rte_pktmbuf_free(one);  // its set of eight is full
            continue;
        }
        ASSERT_EQ(learn(n, 0), 1U);
        ASSERT_TRUE(knows(n));
        live.push_back(n);
    }
    for (unsigned n = 100'000; n < 110'000; ++n) {
        rte_mbuf* stray = packet();
        const auto hold = table_.hold(address(n), stray, 1);
        ASSERT_FALSE(hold.held || hold.solicit) << n;
        ASSERT_EQ(hold.dropped, 0U);
        rte_pktmbuf_free(stray);
        learn(n, 1, kOther);
    }
    EXPECT_EQ(table_.size(), NeighbourTable::kEntries);
    EXPECT_EQ(table_.held(), 0U);
    EXPECT_EQ(outstanding(), 0U);
    for (const unsigned n : live) {
        ASSERT_TRUE(knows(n)) << n;
    }
}

TEST_F(NeighbourTableTest, held_packets_go_with_the_table) {
    {
        NeighbourTable table(kHz, 1);
        ASSERT_TRUE(table.hold(address(1), packet(), 0).held);
        EXPECT_EQ(outstanding(), 1U);
    }
    EXPECT_EQ(outstanding(), 0U);
}

// The owner replaces link addresses while other workers read: they see one or the other, whole.
TEST_F(NeighbourTableTest, readers_on_other_threads_never_see_half_an_entry) {
    ASSERT_TRUE(table_.hold(address(1), packet(), 0).held);
    learn(1, 0);
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> seen{0};
    std::atomic<bool> torn{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) {
        readers.emplace_back([&] {
            while (!stop.load(std::memory_order_relaxed)) {
                MacAddress mac{};
                if (table_.find(address(1), mac)) {
                    seen.fetch_add(1, std::memory_order_relaxed);
                    if (mac != kMac && mac != kOther) {
                        torn.store(true);
                    }
                }
            }
        });
    }
    for (uint64_t i = 0; i < 200'000 || seen.load() < 1000; ++i) {
        learn(1, i, (i & 1) != 0 ? kMac : kOther);
    }
    stop.store(true);
    for (std::thread& reader : readers) {
        reader.join();
    }
    EXPECT_FALSE(torn.load());
}

}  // namespace
}  // namespace sdg::port
