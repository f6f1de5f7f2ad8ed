// Two gateways back to back: what A's control plane sends is what B's control plane receives, and
// on the wire it is a DTLS chunk.
#include <gtest/gtest.h>

#include "dataplane/record/dtls_chunk.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

constexpr size_t kEthernet = 14;

struct LoopCase {
    const char* name;
    bool v6;
    std::optional<uint16_t> vlan;
    bool restart;
};

class Loop : public testing::TestWithParam<LoopCase> {};

TEST_P(Loop, what_is_sealed_arrives_octet_by_octet) {
    // A sends on its port 1, B receives on its port 0: the test carries the packets across and
    // gives them B's addresses, which no checksum of SCTP covers.
    const LoopCase& param = GetParam();
    RigOptions options;
    options.vlan = param.vlan;
    Rig b(options);
    options.queues = {1, 1};
    Rig a(options);
    Flow flow;
    flow.local = param.v6 ? ip("fd00:1::1") : ip("10.0.1.1");
    flow.peer = param.v6 ? ip("fd00:1::2") : ip("10.0.1.2");

    const auto role = param.restart ? keys::KeyRole::restart : keys::KeyRole::primary;
    const auto at_a = a.add(flow);
    a.protect(at_a, 1, 2, role);
    Flow at_b_flow = flow.reversed();
    const auto at_b = b.add(at_b_flow);
    ASSERT_TRUE(b.protection->establish_receive_key(at_b, role, 3, material(1)));
    ASSERT_TRUE(b.protection->set_restart_supported(at_b, true));

    std::vector<Octets> sent;
    for (const size_t length : {0U, 1U, 2U, 3U, 4U, 64U, 255U, 1024U, 1380U}) {
        sent.push_back(data_chunk(length));
        ASSERT_TRUE(a.send(flow, sent.back(), at_a, 0, 1));
    }
    a.poll();
    const std::vector<Octets> frames = a.wires[1]->take();
    ASSERT_EQ(frames.size(), sent.size());
    const size_t link = kEthernet + (param.vlan ? 4 : 0);
    const size_t l3 = param.v6 ? 40 : 20;
    for (size_t i = 0; i < frames.size(); ++i) {
        const Octets wire(frames[i].begin() + static_cast<ptrdiff_t>(link + l3), frames[i].end());
        ASSERT_TRUE(packet::checksum_ok(wire));
        EXPECT_EQ(wire[12], 0x41);
        EXPECT_EQ(wire[13], param.restart ? 1 : 0);
        EXPECT_EQ(packet::load_be16(wire.data() + 14), 5 + 3 + sent[i].size() + 17);
        EXPECT_EQ(wire[16], 0) << "pre-padding";
        EXPECT_EQ(wire[17], 0x28 | 3);
        EXPECT_EQ(wire.size(),
                  12 + record::dtls_chunk_length(static_cast<uint32_t>(sent[i].size())));
        EXPECT_EQ(frames[i], frame(flow, wire, {param.vlan, packet::kIpProtocolSctp, kMacB, kMacA}))
            << "headers as written independently";
        Flow onto_b = flow;
        onto_b.peer = param.v6 ? ip("fd00::1") : ip("10.0.0.1");
        onto_b.local = param.v6 ? ip("fd00::2") : ip("10.0.0.2");
        b.wires[0]->send(frame(onto_b, wire, {param.vlan}));
    }
    b.poll();
    const std::vector<Received> got = b.received();
    ASSERT_EQ(got.size(), sent.size());
    for (size_t i = 0; i < got.size(); ++i) {
        EXPECT_EQ(got[i].chunks, sent[i]);
        EXPECT_TRUE(got[i].opened);
        EXPECT_EQ(got[i].restart, param.restart);
        EXPECT_EQ(got[i].epoch, 3);
        EXPECT_EQ(got[i].association, at_b);
        EXPECT_EQ(got[i].peer, param.v6 ? ip("fd00::2") : ip("10.0.0.2"));
        EXPECT_EQ(got[i].local, param.v6 ? ip("fd00::1") : ip("10.0.0.1"));
    }
    EXPECT_EQ(a.workers[0]->counters().sealed.load(), sent.size());
    EXPECT_EQ(b.workers[0]->counters().opened.load(), sent.size());
    EXPECT_EQ(a.all_drops() + b.all_drops(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Loop,
                         testing::Values(LoopCase{"v4", false, {}, false},
                                         LoopCase{"v6", true, {}, false},
                                         LoopCase{"v4_vlan", false, 7, false},
                                         LoopCase{"v6_vlan_restart", true, 4094, true},
                                         LoopCase{"v4_restart", false, {}, true}),
                         [](const auto& one) { return one.param.name; });

// The rules of what may leave and arrive in clear.
class Clear : public testing::Test {
 protected:
    static uint8_t first_chunk(const Octets& sent) { return sent[14 + 20 + 12]; }
    Flow flow;
    Rig rig;
};

TEST_F(Clear, init_and_init_ack_always_leave_in_clear) {
    const auto id = rig.add(flow);
    rig.protect(id, 1, 2);
    rig.send(flow, chunk(packet::kChunkInit, Octets(16)), id);
    rig.send(flow, chunk(packet::kChunkInitAck, Octets(16)), id);
    rig.send(flow, chunk(packet::kChunkCookieEcho, Octets(16)), id);
    rig.send(flow, data_chunk(4), id, 0, 0, true);
    rig.send(flow, data_chunk(4), id);
    rig.poll();
    const auto frames = rig.wires[0]->take();
    ASSERT_EQ(frames.size(), 5U);
    EXPECT_EQ(first_chunk(frames[0]), packet::kChunkInit);
    EXPECT_EQ(first_chunk(frames[1]), packet::kChunkInitAck);
    EXPECT_EQ(first_chunk(frames[2]), packet::kChunkDtls);
    EXPECT_EQ(first_chunk(frames[3]), packet::kChunkData) << "kept clear on request";
    EXPECT_EQ(first_chunk(frames[4]), packet::kChunkDtls);
    for (const Octets& one : frames) {
        EXPECT_TRUE(packet::checksum_ok(std::span(one).subspan(34)));
    }
}

TEST_F(Clear, everything_leaves_in_clear_before_a_send_key_is_selected) {
    const auto id = rig.add(flow);
    ASSERT_TRUE(rig.protection->establish_send_key(id, keys::KeyRole::primary, 3, material(1)));
    rig.send(flow, data_chunk(4), id);
    rig.send(flow, data_chunk(4));
    rig.poll();
    const auto frames = rig.wires[0]->take();
    ASSERT_EQ(frames.size(), 2U);
    EXPECT_EQ(first_chunk(frames[0]), packet::kChunkData);
    EXPECT_EQ(rig.workers[0]->counters().clear_sent.load(), 2U);
}

TEST_F(Clear, the_policy_decides_what_arrives) {
    const auto id = rig.add(flow);
    const Flow inbound = flow.reversed();
    const struct {
        const char* what;
        Octets chunks;
        bool handshake;
        bool initiation;
    } cases[] = {
        {"INIT ACK", chunk(packet::kChunkInitAck, Octets(16)), true, true},
        {"COOKIE ECHO", chunk(packet::kChunkCookieEcho, Octets(16)), true, false},
        {"COOKIE ACK", chunk(packet::kChunkCookieAck, {}), true, false},
        {"DATA", data_chunk(4), false, false},
        {"ABORT", chunk(packet::kChunkAbort, {}), false, false},
        {"INIT with a tag", chunk(packet::kChunkInit, Octets(16)), false, false},
    };
    Octets bundled = chunk(packet::kChunkInitAck, Octets(16));
    const Octets data = data_chunk(4);
    bundled.insert(bundled.end(), data.begin(), data.end());
    for (const auto policy : {keys::ClearPolicy::everything, keys::ClearPolicy::handshake_only,
                              keys::ClearPolicy::initiation_only}) {
        ASSERT_TRUE(rig.protection->set_clear_policy(id, policy));
        for (const auto& one : cases) {
            rig.wires[0]->send(frame(inbound, sctp(inbound, one.chunks)));
            rig.poll();
            const bool passes = policy == keys::ClearPolicy::everything       ? true
                                : policy == keys::ClearPolicy::handshake_only ? one.handshake
                                                                              : one.initiation;
            const auto got = rig.received();
            ASSERT_EQ(got.size(), passes ? 1U : 0U)
                << one.what << " under " << static_cast<int>(policy);
            if (passes) {
                EXPECT_FALSE(got[0].opened);
                EXPECT_EQ(got[0].association, id);
                EXPECT_EQ(got[0].chunks, one.chunks);
            }
        }
        rig.wires[0]->send(frame(inbound, sctp(inbound, bundled)));
        rig.poll();
        EXPECT_EQ(rig.received().size(), policy == keys::ClearPolicy::everything ? 1U : 0U)
            << "nothing rides behind an INIT ACK";
    }
}

TEST_F(Clear, strangers_and_initial_packets_come_as_unknown) {
    const auto id = rig.add(flow);
    ASSERT_TRUE(rig.protection->require_protected_packets(id));
    const Flow inbound = flow.reversed();
    Flow stranger = inbound;
    stranger.peer_tag = 0x33333333;
    rig.wires[0]->send(frame(inbound, sctp(inbound, chunk(packet::kChunkInit, Octets(16)), true)));
    rig.wires[0]->send(frame(stranger, sctp(stranger, data_chunk(4))));
    rig.poll();
    const auto got = rig.received();
    ASSERT_EQ(got.size(), 2U);
    for (const Received& one : got) {
        EXPECT_FALSE(one.opened);
        EXPECT_FALSE(one.association.is_set());
    }
    EXPECT_EQ(rig.bridge->counters().received_unknown, 2U);
}

}  // namespace
}  // namespace sdg::test
