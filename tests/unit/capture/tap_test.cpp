// What workers give to a capture: the frames of an association as they are on the wire, or its
// packets in plain; nothing that was not asked for, nothing that was not sent.
#include "dataplane/capture/tap.h"

#include <gtest/gtest.h>

#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

using capture::Direction;
using capture::Tap;
using capture::TapRecord;
using capture::Target;

struct Taken {
    TapRecord record;
    Octets octets;
};

std::vector<Taken> taken(Tap& tap) {
    std::vector<Taken> out;
    while (!tap.ring().front().empty()) {
        const auto front = tap.ring().front();
        Taken one;
        std::memcpy(&one.record, front.data(), sizeof one.record);
        one.octets.assign(front.begin() + sizeof one.record, front.end());
        EXPECT_EQ(one.octets.size(), one.record.captured);
        out.push_back(std::move(one));
        tap.ring().pop();
    }
    return out;
}

Target target_of(const Flow& flow, uint16_t port = 0) {
    return {.port = port,
            .whole_port = false,
            .local = flow.local,
            .peer = flow.peer,
            .local_port = flow.local_port,
            .peer_port = flow.peer_port,
            .local_tag = flow.local_tag,
            .peer_tag = flow.peer_tag};
}

class CaptureTap : public testing::Test {
 protected:
    void begin(const Tap::Settings& settings) {
        tap = std::make_unique<Tap>(settings);
        rig.workers[0]->set_tap(tap.get());
    }
    Octets inbound(const Octets& chunks) const {
        return frame(flow.reversed(), sctp(flow.reversed(), chunks));
    }

    Flow flow;
    Rig rig;
    std::unique_ptr<Tap> tap;
};

TEST_F(CaptureTap, frames_of_both_directions_are_as_on_the_wire) {
    const auto id = rig.add(flow);
    rig.protect(id, 1, 2);
    begin({.targets = {target_of(flow)}});
    const Octets in = inbound(chunk(packet::kChunkDtls, Octets(40)));
    rig.wires[0]->send(in);
    rig.send(flow, data_chunk(100), id);
    rig.poll();
    const auto got = taken(*tap);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].octets, in) << "also what does not open";
    EXPECT_EQ(got[0].record.flags, 0);
    EXPECT_EQ(got[0].record.length, in.size());
    const auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(got[1].octets, sent[0]);
    EXPECT_EQ(got[1].record.flags, capture::kTapOut);
    EXPECT_EQ(got[1].octets[14 + 20 + 12], packet::kChunkDtls);
    EXPECT_EQ(tap->not_kept(), 0U);
}

TEST_F(CaptureTap, plain_packets_are_before_sealing_and_after_opening) {
    const auto id = rig.add(flow);
    rig.protect(id, 1, 1);  // what we send opens here, too
    begin({.targets = {target_of(flow)}, .plain = true});
    rig.send(flow, data_chunk(100, 0x77), id);
    rig.poll();
    const auto sent = rig.wires[0]->take();
    ASSERT_EQ(sent.size(), 1U);
    const auto out = taken(*tap);
    ASSERT_EQ(out.size(), 1U);
    EXPECT_EQ(out[0].record.flags, capture::kTapPlain | capture::kTapOut | capture::kTapProtected);
    EXPECT_EQ(Octets(out[0].octets.begin() + 12, out[0].octets.end()), data_chunk(100, 0x77));
    EXPECT_EQ(out[0].record.source, flow.local.octets);
    EXPECT_EQ(out[0].record.destination, flow.peer.octets);

    // The same record comes back, under the tags of this side.
    Octets back(sent[0].begin() + 34, sent[0].end());
    packet::write_common_header(back.data(), {flow.peer_port, flow.local_port, flow.local_tag});
    packet::set_checksum(back);
    rig.wires[0]->send(frame(flow.reversed(), back));
    rig.poll();
    ASSERT_EQ(rig.received().size(), 1U);
    const auto in = taken(*tap);
    ASSERT_EQ(in.size(), 1U);
    EXPECT_EQ(in[0].record.flags, capture::kTapPlain | capture::kTapProtected);
    EXPECT_EQ(in[0].record.epoch, 3);
    EXPECT_EQ(Octets(in[0].octets.begin() + 12, in[0].octets.end()), data_chunk(100, 0x77));
    EXPECT_EQ(in[0].record.source, flow.peer.octets);
}

TEST_F(CaptureTap, clear_packets_of_a_plain_capture_are_marked_and_dropped_ones_are_not_in_it) {
    const auto id = rig.add(flow);
    rig.protect(id, 1, 2);
    begin({.targets = {target_of(flow)}, .plain = true});
    rig.wires[0]->send(inbound(chunk(packet::kChunkInitAck, Octets(16))));
    rig.wires[0]->send(inbound(chunk(packet::kChunkDtls, Octets(40))));  // does not open
    rig.send(flow, chunk(packet::kChunkInit, Octets(16)), id);
    rig.send(flow, data_chunk(8), {.index = 9, .generation = 77});  // of no association
    rig.poll();
    const auto got = taken(*tap);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].record.flags, capture::kTapPlain);
    EXPECT_EQ(got[1].record.flags, capture::kTapPlain | capture::kTapOut);
}

TEST_F(CaptureTap, of_an_association_nothing_else_is_taken) {
    begin({.targets = {target_of(flow)}});
    Flow other = flow;
    other.peer_port = 1;
    rig.wires[0]->send(frame(other.reversed(), sctp(other.reversed(), data_chunk(4))));
    other = flow;  // same ports, but neither its address nor its tag
    other.peer = ip("10.0.0.9");
    other.local_tag = 5;
    rig.wires[0]->send(frame(other.reversed(), sctp(other.reversed(), data_chunk(4))));
    rig.wires[0]->send(Octets(60, 0xff));
    FrameOptions datagram;
    datagram.protocol = 17;
    rig.wires[0]->send(frame(flow.reversed(), Octets(30, 1), datagram));
    rig.wires[0]->send(Octets(10, 1));
    rig.poll();
    EXPECT_TRUE(taken(*tap).empty());
    // Its tag from another address, and another tag between its addresses (an INIT).
    other.local_tag = flow.local_tag;
    rig.wires[0]->send(frame(other.reversed(), sctp(other.reversed(), data_chunk(4))));
    rig.wires[0]->send(
        frame(flow.reversed(), sctp(flow.reversed(), chunk(packet::kChunkInit, Octets(16)), true)));
    rig.poll();
    EXPECT_EQ(taken(*tap).size(), 2U);
}

TEST_F(CaptureTap, of_a_port_everything_is_taken_and_long_frames_are_cut) {
    begin({.targets = {{.port = 0, .whole_port = true}}, .snap = 64});
    rig.wires[0]->send(Octets(60, 0xff));
    rig.wires[0]->send(inbound(data_chunk(500)));
    rig.poll();
    const auto got = taken(*tap);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].octets, Octets(60, 0xff));
    EXPECT_EQ(got[1].octets.size(), 64U);
    EXPECT_EQ(got[1].record.length, inbound(data_chunk(500)).size());
}

TEST_F(CaptureTap, another_port_is_not_taken) {
    RigOptions options;
    options.queues = {1, 1};
    Rig two(options);
    Tap one({.targets = {{.port = 1, .whole_port = true}}});
    two.workers[0]->set_tap(&one);
    two.wires[0]->send(Octets(60, 1));
    two.wires[1]->send(Octets(60, 2));
    two.poll();
    const auto got = taken(one);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].octets[0], 2);
    two.workers[0]->set_tap(nullptr);
}

TEST_F(CaptureTap, legs_are_told_apart) {
    Flow second = flow;
    second.peer_port = 77;
    begin({.targets = {target_of(flow), target_of(second)}});
    rig.wires[0]->send(frame(second.reversed(), sctp(second.reversed(), data_chunk(4))));
    rig.wires[0]->send(inbound(data_chunk(4)));
    rig.poll();
    const auto got = taken(*tap);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].record.target, 1);
    EXPECT_EQ(got[1].record.target, 0);
}

TEST_F(CaptureTap, what_the_port_does_not_take_is_not_in_it) {
    RigOptions options;
    options.wire_packets = 32;  // 31 fit
    Rig narrow(options);
    Tap one({.targets = {{.port = 0, .whole_port = true}}});
    narrow.workers[0]->set_tap(&one);
    for (int i = 0; i < 50; ++i) {
        narrow.send(flow, data_chunk(4));
    }
    narrow.poll();
    EXPECT_EQ(narrow.wires[0]->take().size(), 31U);
    EXPECT_EQ(narrow.drops(DropReason::transmit_full), 19U);
    EXPECT_EQ(taken(one).size(), 31U);
    narrow.workers[0]->set_tap(nullptr);
}

TEST_F(CaptureTap, without_room_packets_are_counted_and_traffic_goes_on) {
    rig.add(flow);  // strangers have a budget
    begin({.targets = {{.port = 0, .whole_port = true}}, .ring_octets = 4096});
    for (int i = 0; i < 20; ++i) {
        rig.wires[0]->send(inbound(data_chunk(500)));
    }
    rig.poll();
    EXPECT_EQ(rig.received().size(), 20U);
    const auto got = taken(*tap);
    EXPECT_LT(got.size(), 20U);
    EXPECT_GT(got.size(), 3U);
    EXPECT_EQ(got.size() + tap->not_kept(), 20U);
}

TEST_F(CaptureTap, nothing_is_taken_once_the_tap_has_been_taken_away) {
    begin({.targets = {{.port = 0, .whole_port = true}}});
    rig.workers[0]->set_tap(nullptr);
    rig.wires[0]->send(Octets(60, 1));
    rig.poll();
    EXPECT_TRUE(taken(*tap).empty());
}

TEST_F(CaptureTap, a_tag_that_the_driver_has_taken_out_is_noted) {
    begin({.targets = {{.port = 0, .whole_port = true}}});
    rte_mbuf* stripped = rig.wires[0]->make_frame(Octets(60, 1));
    stripped->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
    stripped->vlan_tci = 0x6007;
    rig.wires[0]->send(stripped);
    rig.poll();
    const auto got = taken(*tap);
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].record.flags, capture::kTapTag);
    EXPECT_EQ(got[0].record.tag_control, 0x6007);
}

}  // namespace
}  // namespace sdg::test
