// Peers that have an association and misuse it: DATA far beyond the window that they were given,
// gaps that are never filled, fragments of messages that never end, streams that there are not.
// Memory stays within a bound, the association beside it goes on, and what the hostile one holds
// goes with it.
#include "control/sctp/receive_window.h"
#include "tests/support/raw_data.h"
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

constexpr size_t kLargest = 1400;
constexpr uint32_t kPackets = 6000;
// 256 KiB of window; usrsctp keeps 2 KiB and more for the smallest packet.
constexpr size_t kBound = 4 * 1024 * 1024;

using Data = RawData;

struct Attack {
    const char* name;
    // The how many-th packet.
    std::vector<Data> (*packet)(uint32_t);
    bool is_refused = false;    // in part, for being too far ahead
    bool ends = false;          // the association
    bool nobody_reads = false;  // at our end
};

// What usrsctp had let in: the last TSN that it takes first, and then all those before it.
uint32_t backwards(uint32_t n) {
    return 4090 - n % 4088;
}

constexpr Attack kAttacks[] = {
    {.name = "more_than_the_window_while_nobody_reads",
     .packet = [](uint32_t n) -> std::vector<Data> {
         return {{.ahead = n + 1, .sequence = static_cast<uint16_t>(n), .octets = kLargest}};
     },
     .is_refused = true,
     .nobody_reads = true},
    {.name = "all_but_the_first",
     .packet = [](uint32_t n) -> std::vector<Data> {
         return {{.ahead = n + 2, .sequence = static_cast<uint16_t>(n + 1), .octets = kLargest}};
     },
     .is_refused = true},
    {.name = "all_but_the_first_from_behind",
     .packet = [](uint32_t n) -> std::vector<Data> {
         const uint32_t ahead = backwards(n);
         return {{.ahead = ahead, .sequence = static_cast<uint16_t>(ahead), .octets = kLargest}};
     },
     .is_refused = true},
    {.name = "middles_of_messages",
     .packet =
         [](uint32_t n) {
             std::vector<Data> chunks;
             for (uint32_t i = 0; i < 69; ++i) {
                 chunks.push_back({.ahead = 2 + (n * 69 + i) % 4080, .sequence = 1, .flags = 0});
             }
             return chunks;
         },
     .is_refused = true},
    {.name = "single_octets_from_behind",
     .packet = [](uint32_t n) -> std::vector<Data> {
         return {{.ahead = backwards(n),
                  .stream = static_cast<uint16_t>(n % 16),
                  .sequence = static_cast<uint16_t>(n / 16 + 1)}};
     },
     .is_refused = true},
    {.name = "the_same_again",
     .packet =
         [](uint32_t) {
             return std::vector<Data>(40, Data{.ahead = 2, .sequence = 1, .octets = 10});
         }},
    {.name = "on_streams_that_there_are_not",
     .packet =
         [](uint32_t n) {
             std::vector<Data> chunks;
             for (uint32_t i = 0; i < 50; ++i) {
                 chunks.push_back({.ahead = n * 50 + i + 1,
                                   .stream = static_cast<uint16_t>(1000 + (n * 50 + i) % 60'000)});
             }
             return chunks;
         }},
    {.name = "beginnings_only",
     .packet = [](uint32_t n) -> std::vector<Data> {
         return {{.ahead = n + 1, .flags = Data::kBegin, .octets = 100}};
     },
     .ends = true},
};

class Hostile : public testing::TestWithParam<Attack> {
 protected:
    // From A to B under the name of the association that A has lost to the attacker.
    void send(const std::vector<Data>& chunks) {
        std::vector<uint8_t> packet(header);
        for (const Data& data : chunks) {
            append(packet, data, tsn);
        }
        net.inject(net.b, packet, net.a.address);
    }

    TwoHosts net;
    std::vector<uint8_t> header;
    uint32_t tsn = 0;
};

TEST_P(Hostile, peer_is_bounded_and_harms_nobody) {
    const Attack& attack = GetParam();
    net.listen(net.b, 5000);
    Recorder good;
    Recorder bad;
    net.connect(good, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return net.b.accepted.size() == 1; }));
    net.connect(bad, 5000, {}, 10s, 5555);
    ASSERT_TRUE(net.run_until(2s, [&] { return net.b.accepted.size() == 2; }));
    net.run(500ms);
    for (const Seen& one : net.seen) {
        const auto ports = packet::read_common_header(one.octets.data());
        if (!one.from_a || ports.source_port != 5555) {
            continue;
        }
        if (one.first_chunk() == packet::kChunkInit) {
            tsn = packet::load_be32(one.octets.data() + packet::kCommonHeader + 16) - 1;
        } else {
            header.assign(one.octets.begin(), one.octets.begin() + packet::kCommonHeader);
        }
    }
    ASSERT_FALSE(header.empty());
    // A's own end of it hears and says nothing any more.
    const auto is_bad = [](const Seen& one) {
        const auto ports = packet::read_common_header(one.octets.data());
        return ports.source_port == 5555 || ports.destination_port == 5555;
    };
    net.filter = [&](Seen& one) { return !is_bad(one); };
    net.seen.clear();
    net.keep_seen = false;
    Recorder& victim = *net.b.accepted[1];
    victim.stalled = attack.nobody_reads;

    const size_t before = allocated();
    for (uint32_t n = 0; n < kPackets && net.b.host->association_count() == 2; ++n) {
        send(attack.packet(n));
        if (n % 16 == 0) {
            net.run(1ms);
        }
        if (n % 600 == 0) {
            good.send({0, 1, false, std::vector<uint8_t>(100, static_cast<uint8_t>(n / 600))});
        }
    }
    const size_t now = allocated();
    const size_t grown = now > before ? now - before : 0;
    std::cout << "grown by " << grown / 1024 << " KiB, not taken "
              << net.b.host->counters().beyond_window << " packets\n";
    EXPECT_LT(grown, kBound);
    EXPECT_EQ(net.b.host->counters().beyond_window > 0, attack.is_refused);
    net.run(1s);
    EXPECT_EQ(net.b.host->association_count(), attack.ends ? 1U : 2U);
    if (!attack.ends) {
        victim.association->abort("enough");
        EXPECT_EQ(net.b.accepted[0]->received.size(), kPackets / 600);
    }
    net.run(5s);
    EXPECT_EQ(net.b.host->association_count(), 1U);
    good.send({0, 1, false, {1, 2, 3}});
    const size_t all = net.b.accepted[0]->received.size() + 1;
    EXPECT_TRUE(net.run_until(1s, [&] { return net.b.accepted[0]->received.size() == all; }));
    const size_t left = allocated();
    EXPECT_LT(left > before ? left - before : 0, 64U * 1024) << "what it held goes with it";
}

INSTANTIATE_TEST_SUITE_P(Sends, Hostile, testing::ValuesIn(kAttacks),
                         [](const auto& attack) { return attack.param.name; });

TEST(ReceiveWindow, is_counted_from_the_last_sack_over_the_wrap_of_tsns) {
    constexpr uint32_t kChunks = 16 * 1024 / 256 + 256;
    const auto packet_with = [](uint8_t type, uint32_t tsn) {
        std::vector<uint8_t> out(packet::kCommonHeader + 16);
        out[packet::kCommonHeader] = type;
        packet::store_be16(out.data() + packet::kCommonHeader + 2, 16);
        packet::store_be32(out.data() + packet::kCommonHeader + 4, tsn);
        return out;
    };
    sctp::ReceiveWindow window(16 * 1024);
    EXPECT_TRUE(window.admits(packet_with(packet::kChunkData, 7))) << "nothing is known yet";
    window.on_sent(packet_with(packet::kChunkSack, 0xffffffff));
    EXPECT_TRUE(window.admits(packet_with(packet::kChunkData, kChunks - 1)));
    EXPECT_FALSE(window.admits(packet_with(packet::kChunkData, kChunks)));
    EXPECT_TRUE(window.admits(packet_with(packet::kChunkData, 0xfffffff0))) << "a duplicate";
    EXPECT_TRUE(window.admits(packet_with(packet::kChunkHeartbeat, kChunks)));
    window.restart();
    EXPECT_TRUE(window.admits(packet_with(packet::kChunkData, kChunks)));
}

}  // namespace
}  // namespace sdg::test
