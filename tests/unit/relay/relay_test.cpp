// What one leg's fate means for the other, and how messages cross.
#include "control/relay/relay.h"

#include <gtest/gtest.h>

#include "control/relay/pair.h"
#include "dataplane/packet/code_points.h"
#include "tests/support/eal.h"
#include "tests/unit/relay/fake_host.h"

namespace sdg::relay {
namespace {

using sctp::CloseReason;

FakePiece piece(std::vector<uint8_t> octets, uint16_t stream = 1, bool end = true,
                uint32_t ppid = 60, bool unordered = false) {
    return {{.stream = stream, .ppid = ppid, .unordered = unordered, .end_of_message = end},
            std::move(octets)};
}

class RelayTest : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(); }
    void SetUp() override {
        protection_ =
            std::move(*keys::ChunkProtection::create({.max_associations = 16, .workers = 1}));
        relay_ = std::make_unique<Relay>(host_, *protection_, clock_, 8);
        set({backend_settings("amf")}, {listener_settings("n2", "amf", 1)});
    }
    static BackendSettings backend_settings(const std::string& name) {
        BackendSettings out;
        out.name = name;
        return out;
    }
    static ListenerSettings listener_settings(const std::string& name, const std::string& backend,
                                              uint16_t port) {
        ListenerSettings out;
        out.name = name;
        out.backend = backend;
        out.address = *IpAddress::parse("10.1.0.1");
        out.sctp_port = port;
        return out;
    }
    void set(std::vector<BackendSettings> backends, std::vector<ListenerSettings> listeners) {
        auto plan = relay_->prepare(std::move(backends), std::move(listeners));
        ASSERT_TRUE(plan) << plan.error().message;
        relay_->commit(std::move(*plan));
    }
    FakeAssociation& accept() {
        accepted_.observer = host_.accept(accepted_);
        return accepted_;
    }
    // Both legs up.
    void bring_up() {
        accept().establish();
        backend().establish();
        relay_->run();
    }
    FakeAssociation& backend() { return *host_.connected.at(0); }
    void rounds(int n = 5) {
        for (int i = 0; i < n; ++i) {
            relay_->run();
        }
    }

    FakeHost host_;
    ManualClock clock_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<Relay> relay_;
    FakeAssociation accepted_;
};

TEST_F(RelayTest, nothing_is_read_before_the_backend_is_up) {
    accept().establish();
    accepted_.arrive(piece({1, 2, 3}));
    rounds();
    EXPECT_EQ(accepted_.incoming.size(), 1U);
    backend().establish();
    rounds();
    ASSERT_EQ(backend().outgoing.size(), 1U);
    EXPECT_EQ(backend().outgoing[0].octets, (std::vector<uint8_t>{1, 2, 3}));
}

TEST_F(RelayTest, stream_ppid_order_and_boundaries_are_kept_both_ways) {
    bring_up();
    accepted_.arrive(piece({1}, 7, true, 61, true));
    accepted_.arrive(piece({2, 3}, 0, false, 62));
    accepted_.arrive(piece({4}, 0, true, 62));
    backend().arrive(piece({9, 9}, 15, true, 63));
    rounds();
    ASSERT_EQ(backend().outgoing.size(), 3U);
    EXPECT_EQ(backend().outgoing[0].info.stream, 7);
    EXPECT_EQ(backend().outgoing[0].info.ppid, 61U);
    EXPECT_TRUE(backend().outgoing[0].info.unordered);
    EXPECT_TRUE(backend().outgoing[0].info.end_of_message);
    EXPECT_FALSE(backend().outgoing[1].info.end_of_message);
    EXPECT_TRUE(backend().outgoing[2].info.end_of_message);
    ASSERT_EQ(accepted_.outgoing.size(), 1U);
    EXPECT_EQ(accepted_.outgoing[0].info.stream, 15);
    EXPECT_EQ(relay_->counters().to_backend.messages, 2U);
    EXPECT_EQ(relay_->counters().to_backend.octets, 4U);
    EXPECT_EQ(relay_->counters().from_backend.messages, 1U);
}

TEST_F(RelayTest, a_full_destination_stops_the_reading) {
    bring_up();
    backend().room = 5;
    for (int i = 0; i < 10; ++i) {
        accepted_.arrive(piece({1, 2, 3}));
    }
    rounds();
    EXPECT_EQ(accepted_.incoming.size(), 8U) << "one sent, one held, the rest unread";
    backend().room = SIZE_MAX;
    backend().observer->on_writable(backend());
    rounds();
    EXPECT_TRUE(accepted_.incoming.empty());
    EXPECT_EQ(relay_->counters().to_backend.messages, 10U);
    EXPECT_EQ(relay_->counters().to_backend.octets, 30U);
}

TEST_F(RelayTest, a_busy_pair_gets_a_bounded_share_of_a_round) {
    bring_up();
    for (int i = 0; i < 500; ++i) {
        accepted_.incoming.push_back(piece({1}));
    }
    accepted_.observer->on_readable(accepted_);
    relay_->run();
    EXPECT_GT(accepted_.incoming.size(), 400U);
    rounds(40);
    EXPECT_TRUE(accepted_.incoming.empty());
}

TEST_F(RelayTest, shutdown_passes_on_what_came_before_then_shuts_the_other_down) {
    bring_up();
    backend().room = 0;
    accepted_.arrive(piece({1, 2, 3}));
    rounds();
    accepted_.observer->on_peer_shutdown(accepted_);
    accepted_.close(CloseReason::shutdown_complete);
    rounds();
    EXPECT_FALSE(backend().shut_down);
    backend().room = SIZE_MAX;
    backend().observer->on_writable(backend());
    rounds();
    EXPECT_EQ(relay_->counters().to_backend.messages, 1U);
    EXPECT_TRUE(backend().shut_down);
    EXPECT_EQ(backend().aborted_with, "");
    backend().close(CloseReason::shutdown_complete);
    rounds();
    EXPECT_EQ(relay_->pair_count(), 0U);
    EXPECT_EQ(relay_->counters().closed_gracefully, 1U);
}

TEST_F(RelayTest, abort_reaches_the_other_leg) {
    bring_up();
    backend().close(CloseReason::peer_aborted);
    EXPECT_NE(accepted_.aborted_with, "");
    accepted_.close(CloseReason::locally_aborted);
    rounds();
    EXPECT_EQ(relay_->pair_count(), 0U);
    EXPECT_EQ(relay_->counters().closed_by_abort, 1U);
}

TEST_F(RelayTest, a_backend_that_cannot_be_reached_aborts_the_accepted_leg) {
    accept().establish();
    backend().close(CloseReason::peer_unreachable);
    EXPECT_NE(accepted_.aborted_with, "");
    EXPECT_EQ(relay_->counters().backend_failures, 1U);
}

TEST_F(RelayTest, a_backend_that_cannot_even_be_tried_aborts_the_accepted_leg) {
    host_.refuse_connect = true;
    accept().establish();
    EXPECT_NE(accepted_.aborted_with, "");
    accepted_.close(CloseReason::locally_aborted);
    rounds();
    EXPECT_EQ(relay_->pair_count(), 0U);
}

TEST_F(RelayTest, a_stream_that_the_other_leg_does_not_have_aborts_both) {
    bring_up();
    backend().streams = 4;
    accepted_.arrive(piece({1}, 4));
    rounds();
    EXPECT_NE(accepted_.aborted_with, "");
    EXPECT_NE(backend().aborted_with, "");
    EXPECT_EQ(relay_->counters().messages_refused, 1U);
    EXPECT_TRUE(backend().outgoing.empty());
}

TEST_F(RelayTest, half_a_message_is_never_passed_off_as_a_whole_one) {
    bring_up();
    accepted_.arrive(piece({1, 2}, 1, false));
    rounds();
    accepted_.close(CloseReason::peer_aborted);
    EXPECT_NE(backend().aborted_with, "");
    EXPECT_EQ(relay_->counters().messages_cut, 1U);
}

TEST_F(RelayTest, a_message_after_the_others_end_aborts_its_sender) {
    bring_up();
    backend().close(CloseReason::shutdown_complete);
    rounds();
    EXPECT_TRUE(accepted_.shut_down);
    accepted_.arrive(piece({1}));
    rounds();
    EXPECT_NE(accepted_.aborted_with, "");
    EXPECT_EQ(relay_->counters().messages_late, 1U);
}

TEST_F(RelayTest, a_message_held_when_the_other_ends_aborts_its_sender) {
    bring_up();
    backend().room = 0;
    accepted_.arrive(piece({1}));
    rounds();
    EXPECT_TRUE(accepted_.incoming.empty()) << "read, and held";
    backend().close(CloseReason::shutdown_complete);
    rounds();
    EXPECT_NE(accepted_.aborted_with, "");
    EXPECT_EQ(relay_->counters().messages_late, 1U);
}

TEST_F(RelayTest, late_messages_of_a_stopping_gateway_are_counted_only) {
    bring_up();
    relay_->drain(std::chrono::seconds(4));
    backend().close(CloseReason::shutdown_complete);
    rounds();
    accepted_.arrive(piece({1, 2}, 1, false));
    accepted_.arrive(piece({3}, 1, true));
    accepted_.arrive(piece({4}, 1, true));
    rounds();
    EXPECT_EQ(accepted_.aborted_with, "");
    EXPECT_EQ(relay_->counters().messages_late, 2U);
}

TEST_F(RelayTest, late_messages_are_all_counted_however_many_come_at_once) {
    bring_up();
    relay_->drain(std::chrono::seconds(4));
    backend().close(CloseReason::shutdown_complete);
    rounds();
    for (uint8_t i = 0; i < 40; ++i) {
        accepted_.arrive(piece({i}));
    }
    rounds();
    EXPECT_EQ(relay_->counters().messages_late, 40U);
}

TEST_F(RelayTest, drain_waits_for_what_is_under_way_and_then_for_half_the_time) {
    bring_up();
    accepted_.unsent = 100;
    relay_->drain(std::chrono::seconds(4));
    EXPECT_EQ(host_.accept(accepted_), nullptr) << "nothing new";
    rounds();
    EXPECT_FALSE(accepted_.shut_down);
    clock_.advance(std::chrono::seconds(2));
    rounds();
    EXPECT_TRUE(accepted_.shut_down);
    EXPECT_TRUE(backend().shut_down);
    EXPECT_EQ(accepted_.aborted_with, "");
    clock_.advance(std::chrono::seconds(2));
    rounds();
    EXPECT_NE(accepted_.aborted_with, "");
}

TEST_F(RelayTest, drain_shuts_a_quiet_pair_down_at_once) {
    bring_up();
    relay_->drain(std::chrono::seconds(4));
    rounds();
    EXPECT_TRUE(accepted_.shut_down);
    EXPECT_TRUE(backend().shut_down);
}

TEST_F(RelayTest, a_closed_pair_waits_for_what_is_under_way_and_is_aborted_in_the_end) {
    bring_up();
    const auto pair_id = relay_->pairs().front()->id();
    EXPECT_EQ(pair_id, 1U);
    EXPECT_EQ(relay_->find(2), nullptr);
    accepted_.unsent = 100;
    relay_->find(pair_id)->close(std::chrono::seconds(4));
    rounds();
    EXPECT_FALSE(accepted_.shut_down);
    clock_.advance(std::chrono::seconds(2));
    rounds();
    EXPECT_TRUE(accepted_.shut_down);
    EXPECT_TRUE(backend().shut_down);
    EXPECT_EQ(accepted_.aborted_with, "");
    backend().close(sctp::CloseReason::shutdown_complete);
    accepted_.arrive(piece({1}));
    rounds();
    EXPECT_EQ(relay_->counters().messages_late, 1U);
    EXPECT_EQ(accepted_.aborted_with, "") << "as when the gateway is being stopped";
    clock_.advance(std::chrono::seconds(2));
    rounds();
    EXPECT_NE(accepted_.aborted_with, "");
}

TEST_F(RelayTest, listeners_and_backends_are_counted) {
    bring_up();
    EXPECT_EQ(relay_->listeners().front()->counters.associations, 1U);
    EXPECT_EQ(relay_->backends()[0]->counters.associations, 1U);
    EXPECT_EQ(relay_->backends()[0]->counters.last_connected, true);
    backend().close(sctp::CloseReason::peer_unreachable);
    accepted_.close(sctp::CloseReason::locally_aborted);
    rounds();
    EXPECT_EQ(relay_->pair_count(), 0U);
    EXPECT_EQ(relay_->listeners().front()->counters.associations, 0U);
    EXPECT_EQ(relay_->listeners().front()->counters.accepted, 1U);
    EXPECT_EQ(relay_->backends()[0]->counters.associations, 0U);
    EXPECT_EQ(relay_->backends()[0]->counters.failures, 1U);
    EXPECT_EQ(relay_->backends()[0]->counters.last_connected, false);
}

}  // namespace
}  // namespace sdg::relay
