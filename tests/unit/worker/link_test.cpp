// What the link itself sees of a gateway: ARP, echo, neighbour discovery (octets from scapy), and
// packets that wait for a link address.
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/hex.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

constexpr const char* kArpRequest =
    "ffffffffffff02000000000b0806000108000604000102000000000b0a0000020000000000000a000001";
constexpr const char* kArpReply =
    "02000000000b02000000000a0806000108000604000202000000000a0a00000102000000000b0a000002";
constexpr const char* kEchoRequest =
    "02000000000a02000000000b080045000026000700003f0167ce0a0000020a0000010800ceb112340005"
    "7369676e616c6c696e67";
constexpr const char* kEchoReply =
    "02000000000b02000000000a08004500002600004000400126d50a0000010a0000020000d6b112340005"
    "7369676e616c6c696e67";
constexpr const char* kEcho6Request =
    "02000000000a02000000000b86dd6000000000123a40fd000000000000000000000000000002fd0000000000"
    "0000000000000000000180005c60123400057369676e616c6c696e67";
constexpr const char* kEcho6Reply =
    "02000000000b02000000000a86dd6000000000123a40fd000000000000000000000000000001fd0000000000"
    "0000000000000000000281005b60123400057369676e616c6c696e67";
constexpr const char* kSolicitation =
    "3333ff00000102000000000b86dd6000000000203afffd000000000000000000000000000002ff0200000000"
    "000000000001ff00000187007d8e00000000fd000000000000000000000000000001010102000000000b";
constexpr const char* kAdvertisement =
    "02000000000b02000000000a86dd6000000000203afffd000000000000000000000000000001fd0000000000"
    "0000000000000000000288001c9360000000fd000000000000000000000000000001020102000000000a";
constexpr const char* kProbe =
    "3333ff00000102000000000b86dd6000000000183aff00000000000000000000000000000000ff0200000000"
    "000000000001ff00000187007da500000000fd000000000000000000000000000001";
constexpr const char* kProbeAnswer =
    "33330000000102000000000a86dd6000000000203afffd000000000000000000000000000001ff0200000000"
    "0000000000000000000188005a9220000000fd000000000000000000000000000001020102000000000a";
constexpr const char* kOurArp =
    "ffffffffffff02000000000a0806000108000604000102000000000a0a0000010000000000000a000002";
constexpr const char* kTheirArp =
    "02000000000a02000000000b0806000108000604000202000000000b0a00000202000000000a0a000001";
constexpr const char* kOurSolicitation =
    "3333ff00000202000000000a86dd6000000000203afffd000000000000000000000000000001ff0200000000"
    "000000000001ff00000287007d8e00000000fd000000000000000000000000000002010102000000000a";
constexpr const char* kTheirAdvertisement =
    "02000000000a02000000000b86dd6000000000203afffd000000000000000000000000000002fd0000000000"
    "0000000000000000000188001c9160000000fd000000000000000000000000000002020102000000000b";
constexpr const char* kGratuitousArp =
    "ffffffffffff02000000000a0806000108000604000102000000000a0a0000010000000000000a000001";

RigOptions unresolved() {
    RigOptions options;
    options.static_neighbour = false;
    return options;
}

std::vector<Octets> answers(Rig& rig, const Octets& question) {
    rig.wires[0]->send(question);
    rig.poll();
    return rig.wires[0]->take();
}

struct Exchange {
    const char* name;
    const char* question;
    const char* answer;
};

class Answers : public testing::TestWithParam<Exchange> {};

TEST_P(Answers, have_the_known_octets) {
    Rig rig(unresolved());
    const auto got = answers(rig, from_hex(GetParam().question));
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0], from_hex(GetParam().answer));
    EXPECT_EQ(rig.all_drops(), 0U);
    EXPECT_EQ(rig.ports->port(0).neighbours->size(), 0U) << "questions make no entries";
}

TEST_P(Answers, carry_the_vlan_tag) {
    RigOptions options = unresolved();
    options.vlan = 100;
    Rig rig(options);
    const auto tagged = [](const char* text) {
        Octets octets = from_hex(text);
        const Octets tag = {0x81, 0x00, 0x00, 100};
        octets.insert(octets.begin() + 12, tag.begin(), tag.end());
        return octets;
    };
    const auto got = answers(rig, tagged(GetParam().question));
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0], tagged(GetParam().answer));
    EXPECT_TRUE(answers(rig, from_hex(GetParam().question)).empty()) << "untagged";
    EXPECT_EQ(rig.drops(DropReason::vlan_mismatch), 1U);
}

TEST_P(Answers, ignore_padding_of_short_frames) {
    Rig rig(unresolved());
    Octets padded = from_hex(GetParam().question);
    padded.resize(padded.size() + 18);
    const auto got = answers(rig, padded);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0], from_hex(GetParam().answer));
}

INSTANTIATE_TEST_SUITE_P(Kinds, Answers,
                         testing::Values(Exchange{"arp", kArpRequest, kArpReply},
                                         Exchange{"echo", kEchoRequest, kEchoReply},
                                         Exchange{"echo6", kEcho6Request, kEcho6Reply},
                                         Exchange{"solicitation", kSolicitation, kAdvertisement},
                                         Exchange{"address_probe", kProbe, kProbeAnswer}),
                         [](const auto& one) { return one.param.name; });

TEST(Link, a_stripped_vlan_tag_counts) {
    RigOptions options = unresolved();
    options.vlan = 100;
    Rig rig(options);
    rte_mbuf* frame = rig.wires[0]->make_frame(from_hex(kArpRequest));
    frame->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    frame->vlan_tci = 0x6064;  // priority 3, id 100
    rig.wires[0]->send(frame);
    rig.poll();
    EXPECT_EQ(rig.wires[0]->take().size(), 1U);
}

TEST(Link, questions_for_others_and_damaged_ones_are_ignored) {
    Rig rig(unresolved());
    for (const char* text : {kArpRequest, kSolicitation}) {
        Octets other = from_hex(text);
        other[other.size() - (text == kArpRequest ? 1 : 9)] ^= 0x10;
        EXPECT_TRUE(answers(rig, other).empty());
    }
    for (const char* text : {kEchoRequest, kEcho6Request}) {
        Octets damaged = from_hex(text);
        damaged.back() ^= 0x10;
        EXPECT_TRUE(answers(rig, damaged).empty());
    }
    Octets hop_limit = from_hex(kSolicitation);
    hop_limit[14 + 7] = 254;
    EXPECT_TRUE(answers(rig, hop_limit).empty()) << "came from beyond a router";
    EXPECT_EQ(rig.all_drops(), 5U);
}

TEST(Link, addresses_are_announced_at_start) {
    RigOptions options = unresolved();
    options.announce = true;
    Rig rig(options);
    rig.poll();
    const auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[0], from_hex(kGratuitousArp));
    EXPECT_EQ(sent[1], from_hex(kProbeAnswer)) << "an unsolicited advertisement";
    rig.poll();
    EXPECT_TRUE(rig.wires[0]->take().empty()) << "once";
}

class Resolution : public testing::TestWithParam<bool> {
 protected:
    Resolution() {
        if (GetParam()) {
            flow.local = ip("fd00::1");
            flow.peer = ip("fd00::2");
        }
    }
    [[nodiscard]] Octets question() const {
        return from_hex(GetParam() ? kOurSolicitation : kOurArp);
    }
    [[nodiscard]] Octets answer() const {
        return from_hex(GetParam() ? kTheirAdvertisement : kTheirArp);
    }
    Flow flow;
    Rig rig{unresolved()};
};

TEST_P(Resolution, packets_wait_and_leave_in_order) {
    for (size_t i = 0; i < 5; ++i) {
        rig.send(flow, data_chunk(i));
    }
    rig.poll();
    auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 1U) << "one question for all of them";
    EXPECT_EQ(sent[0], question());
    sent = answers(rig, answer());
    ASSERT_EQ(sent.size(), 5U);
    for (size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(sent[i], frame(flow, sctp(flow, data_chunk(i)),
                                 {{}, packet::kIpProtocolSctp, kMacB, kMacA}));
    }
    rig.send(flow, data_chunk(4));
    rig.poll();
    EXPECT_EQ(rig.wires[0]->take().size(), 1U) << "resolved: leaves at once";
    EXPECT_EQ(rig.all_drops(), 0U);
    EXPECT_EQ(rig.workers[0]->counters().neighbours_solicited.load(), 1U);
}

TEST_P(Resolution, is_given_up_after_three_questions_and_starts_anew) {
    const uint64_t second = rte_get_tsc_hz();
    uint64_t now = rte_rdtsc();
    rig.poll_at(now);
    rig.send(flow, data_chunk(4));
    rig.poll_at(now);
    size_t questions = 0;
    for (int tick = 0; tick < 400; ++tick) {
        now += second / 90;
        rig.poll_at(now);
        for (const Octets& one : rig.wires[0]->take()) {
            EXPECT_EQ(one, question());
            ++questions;
        }
    }
    EXPECT_EQ(questions, 3U);
    EXPECT_EQ(rig.drops(DropReason::neighbour_unresolved), 1U);
    rig.send(flow, data_chunk(4));
    rig.poll_at(now);
    EXPECT_EQ(rig.wires[0]->take().size(), 1U);
    EXPECT_EQ(answers(rig, answer()).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Families, Resolution, testing::Bool(),
                         [](const auto& one) { return one.param ? "v6" : "v4"; });

// Somebody on the link with as many names as he likes.
class LinkFlood : public testing::TestWithParam<bool> {
 protected:
    static constexpr unsigned kNames = 20'000;
    static constexpr unsigned kBurst = 32;  // what a worker takes at a time

    // A question, or an answer that nobody has asked for, in the n-th name: like the known one, and
    // with its ICMPv6 checksum, of which the name's two last words are made to be no part.
    [[nodiscard]] Octets in_another_name(const char* known, unsigned n, size_t name_at) const {
        Octets out = from_hex(known);
        const auto high = static_cast<uint16_t>(1000 + n);
        if (GetParam()) {
            packet::store_be16(out.data() + name_at + 12, high);
            packet::store_be16(out.data() + name_at + 14, static_cast<uint16_t>(0x10001 - high));
        } else {
            packet::store_be16(out.data() + name_at + 1, high);
        }
        return out;
    }
    // Bursts of them, all at one moment; how many frames come back.
    size_t flood(const std::function<Octets(unsigned)>& make) {
        size_t back = 0;
        for (unsigned n = 0; n < kNames; ++n) {
            rig.wires[0]->send(make(n));
            if (n % kBurst == kBurst - 1) {
                rig.poll_at(now);
                back += rig.wires[0]->take().size();
            }
        }
        return back;
    }
    [[nodiscard]] size_t entries() const { return rig.ports->port(0).neighbours->size(); }

    Rig rig;  // with its neighbours at kMacB: two entries
    uint64_t now = rte_rdtsc();
};

TEST_P(LinkFlood, of_questions_is_answered_within_a_budget_that_is_not_the_neighbours) {
    const char* const question = GetParam() ? kSolicitation : kArpRequest;
    const size_t before = entries();
    const size_t answered =
        flood([&](unsigned n) { return in_another_name(question, n, GetParam() ? 22 : 28); });
    EXPECT_GT(answered, 100U);
    EXPECT_LE(answered, 1000U);
    EXPECT_EQ(rig.drops(DropReason::neighbour_rate_limited), kNames - answered);
    EXPECT_EQ(entries(), before) << "questions make no entries";
    rig.wires[0]->send(from_hex(question));
    rig.poll_at(now);
    const auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 1U) << "a neighbour in use has its own budget";
    EXPECT_EQ(sent[0], from_hex(GetParam() ? kAdvertisement : kArpReply));
}

TEST_P(LinkFlood, of_answers_that_nobody_has_asked_for_leaves_nothing) {
    const size_t before = entries();
    EXPECT_EQ(flood([&](unsigned n) {
                  return GetParam() ? in_another_name(kTheirAdvertisement, n, 62)
                                    : in_another_name(kTheirArp, n, 28);
              }),
              0U);
    EXPECT_EQ(entries(), before);
}

// Packets of ours for hosts that are not there, as answers to invented sources are.
TEST_P(LinkFlood, that_makes_us_ask_for_everybody_fills_the_table_and_keeps_nobody_out) {
    Flow flow;
    if (GetParam()) {
        flow.local = ip("fd00::1");
        flow.peer = ip("fd00::2");
    }
    for (unsigned n = 0; n < kNames; ++n) {
        Flow invented = flow;
        uint8_t* end = invented.peer.octets.data() + invented.peer.size();
        if (GetParam()) {
            packet::store_be16(end - 2, static_cast<uint16_t>(1000 + n));
        } else {
            end[-1] = static_cast<uint8_t>(3 + n % 250);  // all that there are
        }
        rig.send(invented, data_chunk(4));
        if (n % kBurst == kBurst - 1) {
            rig.poll_at(now);
            (void)rig.wires[0]->take();
        }
    }
    EXPECT_LE(entries(), port::NeighbourTable::kEntries);
    EXPECT_LE(rig.ports->port(0).neighbours->held(), port::NeighbourTable::kHeldInAll);
    EXPECT_GT(rig.drops(DropReason::neighbour_unresolved), kNames / 2);
    rig.send(flow, data_chunk(4));
    rig.poll_at(now);
    EXPECT_EQ(rig.wires[0]->take().size(), 1U) << "a neighbour in use is sent to as before";
}

INSTANTIATE_TEST_SUITE_P(Families, LinkFlood, testing::Bool(),
                         [](const auto& one) { return one.param ? "v6" : "v4"; });

TEST(Link, a_packet_for_a_route_asks_for_its_gateway) {
    Rig rig(unresolved());
    Flow flow;
    flow.peer = ip("192.0.2.77");
    rig.send(flow, data_chunk(4));
    rig.poll();
    const auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(Octets(sent[0].end() - 4, sent[0].end()), (Octets{10, 0, 0, 254}));
}

}  // namespace
}  // namespace sdg::test
