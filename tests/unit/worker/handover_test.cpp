// Several workers: every association is opened and sealed by its owner, every port's link business
// is done by the port's owner.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/hex.h"
#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

RigOptions two_workers(std::vector<uint16_t> queues, bool static_neighbour = true) {
    RigOptions options;
    options.workers = 2;
    options.queues = std::move(queues);
    options.static_neighbour = static_neighbour;
    return options;
}

// Packets of the peer, made by a rig of its own.
std::vector<Octets> sealed_by_peer(size_t count) {
    Rig peer;
    Flow flow;
    const auto id = peer.add(flow);
    peer.protect(id, 2, 1);
    for (size_t i = 0; i < count; ++i) {
        peer.send(flow, data_chunk(i), id);
    }
    peer.poll();
    std::vector<Octets> out;
    Flow inbound;
    inbound.local = ip("10.0.0.2");
    inbound.peer = ip("10.0.0.1");
    for (const Octets& one : peer.wires[0]->take()) {
        out.push_back(frame(inbound, Octets(one.begin() + 34, one.end())));
    }
    return out;
}

TEST(Handover, a_record_is_opened_by_the_owner_of_its_association) {
    Rig rig(two_workers({2}));
    const Flow flow = Flow{}.reversed();
    const auto id = rig.add(flow, 1);
    rig.protect(id, 1, 2);
    const auto frames = sealed_by_peer(6);
    for (size_t i = 0; i < frames.size(); ++i) {
        rig.wires[0]->send(frames[i], static_cast<uint16_t>(i % 2));
    }
    rig.poll();
    rig.poll();
    EXPECT_EQ(rig.workers[0]->counters().opened.load(), 0U);
    EXPECT_EQ(rig.workers[0]->counters().handed_over.load(), 3U);
    EXPECT_EQ(rig.workers[1]->counters().opened.load(), 6U);
    EXPECT_EQ(rig.received().size(), 6U);
    EXPECT_EQ(rig.all_drops(), 0U);
}

TEST(Handover, a_replay_on_the_other_queue_is_seen) {
    Rig rig(two_workers({2}));
    const auto id = rig.add(Flow{}.reversed(), 1);
    rig.protect(id, 1, 2);
    const auto frames = sealed_by_peer(1);
    rig.wires[0]->send(frames[0], 0);
    rig.wires[0]->send(frames[0], 1);
    rig.poll();
    rig.poll();
    EXPECT_EQ(rig.received().size(), 1U);
    EXPECT_EQ(rig.drops(DropReason::record_replayed), 1U);
}

TEST(Handover, a_packet_leaves_through_the_owner_of_a_port_without_a_queue_for_its_worker) {
    Rig rig(two_workers({1, 1}));
    Flow flow;
    const auto id = rig.add(flow, 1);
    rig.protect(id, 1, 2);
    for (size_t i = 0; i < 4; ++i) {
        rig.send(flow, data_chunk(i), id, 1);
    }
    rig.poll();
    rig.poll();
    EXPECT_EQ(rig.wires[0]->take().size(), 4U);
    EXPECT_EQ(rig.workers[1]->counters().sealed.load(), 4U);
    EXPECT_EQ(rig.workers[0]->counters().transmitted.load(), 4U);
    EXPECT_EQ(rig.workers[1]->counters().handed_over.load(), 4U);
}

TEST(Handover, a_packet_for_the_wrong_worker_is_sealed_by_the_owner) {
    Rig rig(two_workers({2}));
    Flow flow;
    const auto id = rig.add(flow, 1);
    rig.protect(id, 1, 2);
    rig.send(flow, data_chunk(4), id, 0);
    rig.poll();
    rig.poll();
    EXPECT_EQ(rig.workers[0]->counters().sealed.load(), 0U);
    EXPECT_EQ(rig.workers[1]->counters().sealed.load(), 1U);
    EXPECT_EQ(rig.wires[0]->take(1).size(), 1U);
}

TEST(Handover, more_than_a_batch_in_one_round_arrives_in_order) {
    Rig rig(two_workers({2}));
    Flow flow = Flow{}.reversed();  // the peer's end, at our address
    std::swap(flow.local, flow.peer);
    const auto id = rig.add(flow, 1);
    rig.protect(id, 1, 2);
    constexpr size_t kReceived = 30;
    constexpr size_t kSent = 60;
    const auto frames = sealed_by_peer(kReceived);
    for (const Octets& one : frames) {
        rig.wires[0]->send(one, 0);
    }
    for (size_t i = 0; i < kSent; ++i) {
        rig.send(flow, data_chunk(4 * i), id, 0);
    }
    for (int i = 0; i < 3; ++i) {
        rig.poll();
    }
    EXPECT_EQ(rig.workers[0]->counters().handed_over.load(), kReceived + kSent);
    const auto received = rig.received();
    ASSERT_EQ(received.size(), kReceived);
    for (size_t i = 0; i < kReceived; ++i) {
        EXPECT_EQ(received[i].chunks, data_chunk(i)) << i;
    }
    const auto sent = rig.wires[0]->take(1);
    ASSERT_EQ(sent.size(), kSent);
    EXPECT_TRUE(std::ranges::is_sorted(sent, {}, &Octets::size));
    EXPECT_EQ(rig.all_drops(), 0U);
}

TEST(Handover, the_owner_of_a_port_resolves_for_the_others) {
    Rig rig(two_workers({2}, false));
    Flow flow;
    for (size_t i = 0; i < 3; ++i) {
        rig.send(flow, data_chunk(i), {}, 1);
    }
    rig.poll();
    rig.poll();
    ASSERT_EQ(rig.wires[0]->take(0).size(), 1U) << "the question, on the owner's queue";
    EXPECT_EQ(rig.workers[0]->counters().neighbours_solicited.load(), 1U);
    // The answer arrives on the other worker's queue.
    rig.wires[0]->send(from_hex("02000000000a02000000000b0806000108000604000202000000000b0a00000202"
                                "000000000a0a000001"),
                       1);
    rig.poll();
    rig.poll();
    EXPECT_EQ(rig.wires[0]->take(0).size(), 3U) << "those that waited leave from there";
    rig.send(flow, data_chunk(9), {}, 1);
    rig.poll();
    EXPECT_EQ(rig.wires[0]->take(1).size(), 1U) << "now every worker sends on its own queue";
    EXPECT_EQ(rig.all_drops(), 0U);
}

TEST(Handover, settings_that_disagree_are_refused) {
    Rig rig(two_workers({2}));
    worker::WorkerSettings settings;
    settings.index = 2;
    EXPECT_FALSE(worker::Worker::create(settings, *rig.ports, *rig.protection, rig.rings->all()));
    settings.index = 0;
    settings.burst = 65;
    EXPECT_FALSE(worker::Worker::create(settings, *rig.ports, *rig.protection, rig.rings->all()));
    settings.burst = 64;
    EXPECT_FALSE(
        worker::Worker::create(settings, *rig.ports, *rig.protection, {rig.rings->all()[0]}));
}

}  // namespace
}  // namespace sdg::test
