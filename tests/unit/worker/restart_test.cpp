// Protected restart on the wire: the COOKIE ECHO comes under the restart keys and a tag that no
// association has.
#include <gtest/gtest.h>

#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

RigOptions with_restart(unsigned workers = 1) {
    RigOptions options;
    options.restart = true;
    options.workers = workers;
    options.queues = {static_cast<uint16_t>(workers)};
    return options;
}

class WorkerRestart : public testing::Test {
 protected:
    void SetUp() override {
        set_up(rig, 0);
        // The peer as it comes back: it has the keys, and tags of its own.
        came_back = flow.reversed();
        came_back.local_tag = 0x77777777;
        came_back.peer_tag = 0x88888888;
        peer_id = peer.add(came_back);
        peer.protect(peer_id, 2, 1, keys::KeyRole::restart, 4);
        ASSERT_TRUE(peer.protection->set_restart_supported(peer_id, true));
    }
    // Key 2 receives, under the restart keys of epoch 4.
    void set_up(Rig& gateway, unsigned owner) {
        id = gateway.add(flow, owner);
        gateway.protect(id, 11, 12);
        ASSERT_TRUE(gateway.protection->set_restart_supported(id, true));
        ASSERT_TRUE(gateway.protection->set_restart_path(id, flow.local, flow.peer));
        ASSERT_TRUE(
            gateway.protection->establish_receive_key(id, keys::KeyRole::restart, 4, material(2)));
        ASSERT_TRUE(
            gateway.protection->establish_send_key(id, keys::KeyRole::restart, 4, material(1)));
    }
    // What the peer sends, as the frame that reaches us.
    [[nodiscard]] Octets from_peer(const Octets& chunks) {
        Flow out = came_back;
        out.peer = ip("10.0.0.2");  // the neighbour the peer's rig knows
        out.local = ip("10.0.0.1");
        EXPECT_TRUE(peer.send(out, chunks, peer_id));
        peer.poll();
        const auto frames = peer.wires[0]->take();
        EXPECT_EQ(frames.size(), 1U);
        const Octets packet(frames.at(0).begin() + 34, frames.at(0).end());
        return frame(came_back, packet);
    }

    Flow flow;
    Flow came_back;
    Rig rig{with_restart()};
    Rig peer;
    keys::AssociationId id;
    keys::AssociationId peer_id;
    const Octets cookie_echo = chunk(packet::kChunkCookieEcho, Octets(40, 0x33));
};

TEST_F(WorkerRestart, cookie_echo_reaches_the_association_of_its_path) {
    const Octets wire = from_peer(cookie_echo);
    rig.wires[0]->send(wire);
    rig.poll();
    const auto got = rig.received();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].association, id);
    EXPECT_TRUE(got[0].opened && got[0].restart);
    EXPECT_EQ(got[0].epoch, 4);
    EXPECT_EQ(got[0].chunks, cookie_echo);
    rig.wires[0]->send(wire);
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::record_replayed), 1U);
    EXPECT_TRUE(rig.received().empty());
}

TEST_F(WorkerRestart, goes_on_under_the_same_keys_with_the_new_tags) {
    rig.wires[0]->send(from_peer(cookie_echo));
    rig.poll();
    ASSERT_EQ(rig.received().size(), 1U);
    const auto fresh =
        expect(rig.protection->restart(id, came_back.peer_tag, came_back.local_tag, 4));
    Flow back = came_back.reversed();
    const Octets cookie_ack = chunk(packet::kChunkCookieAck, {});
    ASSERT_TRUE(rig.send(back, cookie_ack, fresh));
    rig.poll();
    const auto frames = rig.wires[0]->take();
    ASSERT_EQ(frames.size(), 1U);
    EXPECT_EQ(frames[0][34 + 12], 0x41);
    EXPECT_EQ(frames[0][34 + 13], 1) << "R";
    Flow to_peer = back;
    to_peer.local = ip("10.0.0.2");
    to_peer.peer = ip("10.0.0.1");
    peer.wires[0]->send(frame(to_peer, Octets(frames[0].begin() + 34, frames[0].end())));
    peer.poll();
    const auto got = peer.received();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].chunks, cookie_ack);
    // And on with data, found by its tag now.
    rig.wires[0]->send(from_peer(data_chunk(16)));
    rig.poll();
    const auto data = rig.received();
    ASSERT_EQ(data.size(), 1U);
    EXPECT_EQ(data[0].association, fresh);
}

TEST_F(WorkerRestart, from_elsewhere_or_under_primary_keys_is_no_restart) {
    Flow elsewhere = came_back;
    elsewhere.local = ip("10.0.0.3");
    const Octets wire = from_peer(cookie_echo);
    const Octets packet(wire.begin() + 34, wire.end());
    rig.wires[0]->send(frame(elsewhere, packet));
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::dtls_no_association), 1U);

    Octets without_r = packet;
    without_r[13] = 0;
    packet::set_checksum(without_r);
    rig.wires[0]->send(frame(came_back, without_r));
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::dtls_no_association), 2U);

    Octets other_epoch = packet;
    other_epoch[17] ^= 0x01;
    packet::set_checksum(other_epoch);
    rig.wires[0]->send(frame(came_back, other_epoch));
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::dtls_no_key), 1U);

    Octets forged = packet;
    forged[forged.size() - 8] ^= 1;  // of the tag; padding follows
    packet::set_checksum(forged);
    rig.wires[0]->send(frame(came_back, forged));
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::record_forged), 1U);
    EXPECT_TRUE(rig.received().empty());
}

TEST_F(WorkerRestart, without_agreement_is_dropped) {
    ASSERT_TRUE(rig.protection->set_restart_supported(id, false));
    rig.wires[0]->send(from_peer(cookie_echo));
    rig.poll();
    EXPECT_EQ(rig.drops(DropReason::dtls_restart_unsupported), 1U);
}

TEST_F(WorkerRestart, on_another_worker_is_handed_to_the_owner) {
    Rig two(with_restart(2));
    set_up(two, 1);
    two.wires[0]->send(from_peer(cookie_echo));
    two.poll();
    two.poll();
    const auto got = two.received();
    ASSERT_EQ(got.size(), 1U);
    EXPECT_EQ(got[0].association, id);
    EXPECT_EQ(two.workers[0]->counters().handed_over.load(), 1U);
}

}  // namespace
}  // namespace sdg::test
