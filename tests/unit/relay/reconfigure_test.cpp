// Listeners and backends that come, change and go while associations are up.
#include <gtest/gtest.h>

#include <deque>

#include "control/relay/pair.h"
#include "control/relay/relay.h"
#include "tests/support/eal.h"
#include "tests/unit/relay/fake_host.h"

namespace sdg::relay {
namespace {

using sctp::CloseReason;

BackendSettings backend(const std::string& name, uint16_t port = 38412) {
    BackendSettings out;
    out.name = name;
    out.endpoints.peer_port = port;
    return out;
}

ListenerSettings listener(const std::string& name, const std::string& to, uint16_t port,
                          uint16_t streams = 16) {
    ListenerSettings out;
    out.name = name;
    out.backend = to;
    out.address = *IpAddress::parse("10.1.0.1");
    out.sctp_port = port;
    out.leg.max_inbound_streams = streams;
    return out;
}

class Reconfigure : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(); }
    void SetUp() override {
        protection_ =
            std::move(*keys::ChunkProtection::create({.max_associations = 16, .workers = 1}));
        relay_ = std::make_unique<Relay>(host_, *protection_, clock_, 8);
        set({backend("amf")}, {listener("n2", "amf", 1)});
    }
    void set(std::vector<BackendSettings> backends, std::vector<ListenerSettings> listeners) {
        auto plan = relay_->prepare(std::move(backends), std::move(listeners));
        ASSERT_TRUE(plan) << plan.error().message;
        relay_->commit(std::move(*plan));
    }
    // Null: nobody takes INITs there.
    FakeDoor* door(uint16_t port) {
        for (FakeDoor& each : host_.doors) {
            if (each.is_active && each.port == port) {
                return &each;
            }
        }
        return nullptr;
    }
    // An association accepted at the port, both legs up. False: refused.
    bool connect(FakeAssociation& node, uint16_t port) {
        node.observer = door(port)->accept(node);
        if (node.observer == nullptr) {
            return false;
        }
        node.establish();
        host_.connected.back()->establish();
        relay_->run();
        return true;
    }
    [[nodiscard]] std::string listeners() const {
        std::string out;
        for (const auto& each : relay_->listeners()) {
            out += each->settings->name + (each->is_removed ? "(removed) " : " ");
        }
        return out;
    }
    [[nodiscard]] std::string backends() const {
        std::string out;
        for (const auto& each : relay_->backends()) {
            out += each->settings->name + (each->is_removed ? "(removed) " : " ");
        }
        return out;
    }

    FakeHost host_;
    ManualClock clock_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<Relay> relay_;
};

TEST_F(Reconfigure, a_new_listener_relays_to_its_backend) {
    set({backend("amf"), backend("ausf", 7)},
        {listener("n2", "amf", 1), listener("n12", "ausf", 2)});
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 2));
    EXPECT_EQ(host_.connected.back()->where.peer_port, 7);
    EXPECT_EQ(relay_->pairs().front()->listener_name(), "n12");
    EXPECT_EQ(listeners(), "n2 n12 ");
}

TEST_F(Reconfigure, a_removed_listener_takes_no_more_and_what_it_took_goes_on) {
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 1));
    set({backend("ausf")}, {listener("n12", "ausf", 2)});
    EXPECT_EQ(door(1), nullptr);
    EXPECT_EQ(listeners(), "n12 n2(removed) ");
    EXPECT_EQ(backends(), "ausf amf(removed) ");
    node.arrive({{.stream = 1, .ppid = 60, .end_of_message = true}, {1, 2, 3}});
    relay_->run();
    ASSERT_EQ(host_.connected.back()->outgoing.size(), 1U);
    EXPECT_EQ(node.aborted_with, "");
    // With its last association it is forgotten.
    host_.connected.back()->close(CloseReason::shutdown_complete);
    node.close(CloseReason::shutdown_complete);
    relay_->run();
    EXPECT_EQ(listeners(), "n12 ");
    EXPECT_EQ(backends(), "ausf ");
}

TEST_F(Reconfigure, a_change_is_for_new_associations) {
    FakeAssociation before;
    ASSERT_TRUE(connect(before, 1));
    auto changed = listener("n2", "amf", 1);
    changed.on_restart = OnRestart::reset;
    changed.max_associations = 5;
    set({backend("amf", 9)}, {changed});
    EXPECT_EQ(door(1)->max_associations, 5U);
    FakeAssociation after;
    ASSERT_TRUE(connect(after, 1));
    EXPECT_EQ(relay_->pairs().front()->backend_settings().endpoints.peer_port, 38412);
    EXPECT_EQ(relay_->pairs().back()->backend_settings().endpoints.peer_port, 9);
    EXPECT_EQ(relay_->listeners().front()->counters.associations, 2U);
    EXPECT_EQ(relay_->backends().front()->counters.connected, 2U);
}

TEST_F(Reconfigure, handshakes_under_way_find_the_same_door_when_sctp_stays_the_same) {
    ASSERT_EQ(host_.prepared, 1U);
    set({backend("ausf")}, {listener("n2", "ausf", 1)});
    set({backend("ausf")}, {listener("renamed", "ausf", 1)});
    EXPECT_EQ(host_.prepared, 1U);
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 1));
    EXPECT_EQ(relay_->pairs().front()->listener_name(), "renamed");
    set({backend("ausf")}, {listener("renamed", "ausf", 1, 99)});
    EXPECT_EQ(host_.prepared, 2U) << "other streams";
    EXPECT_EQ(host_.doors.size(), 1U);
}

TEST_F(Reconfigure, listeners_may_change_places) {
    set({backend("amf"), backend("ausf")}, {listener("a", "amf", 1), listener("b", "ausf", 2, 99)});
    set({backend("amf"), backend("ausf")}, {listener("a", "amf", 2), listener("b", "ausf", 1, 99)});
    EXPECT_EQ(host_.doors.size(), 2U);
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 1));
    EXPECT_EQ(relay_->pairs().front()->listener_name(), "b");
    // And by their names alone, each at the door of the other.
    set({backend("amf"), backend("ausf")}, {listener("b", "ausf", 2), listener("a", "amf", 1, 99)});
    EXPECT_EQ(host_.doors.size(), 2U);
    FakeAssociation other;
    ASSERT_TRUE(connect(other, 2));
    EXPECT_EQ(relay_->pairs().back()->listener_name(), "b");
}

// Whichever of the new ones cannot be made: everything is as it was.
TEST_F(Reconfigure, a_step_that_fails_undoes_those_before_it) {
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 1));
    std::deque<FakeAssociation> nodes;
    for (size_t step = 0; step < 3; ++step) {
        host_.refuse_listener = host_.prepared + step;
        const auto plan = relay_->prepare(
            {backend("x")},
            {listener("n2", "x", 1, 7), listener("b", "x", 2), listener("c", "x", 3)});
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().listener, step == 0 ? "n2" : step == 1 ? "b" : "c");
        EXPECT_EQ(host_.doors.size(), 1U);
        EXPECT_EQ(listeners(), "n2 ");
        EXPECT_EQ(backends(), "amf ");
        ASSERT_TRUE(connect(nodes.emplace_back(), 1));
        EXPECT_EQ(relay_->pairs().back()->backend_settings().name, "amf");
    }
}

TEST_F(Reconfigure, a_plan_that_is_dropped_leaves_no_trace) {
    {
        const auto plan = relay_->prepare({backend("x")}, {listener("b", "x", 2)});
        ASSERT_TRUE(plan);
        EXPECT_EQ(host_.doors.size(), 2U);
        EXPECT_EQ(door(2), nullptr) << "nobody is let in before it is carried out";
    }
    EXPECT_EQ(host_.doors.size(), 1U);
    FakeAssociation node;
    EXPECT_TRUE(connect(node, 1));
}

TEST_F(Reconfigure, what_makes_no_sense_is_refused) {
    const auto refused = [&](std::vector<BackendSettings> to, std::vector<ListenerSettings> from) {
        const auto plan = relay_->prepare(std::move(to), std::move(from));
        return plan ? std::string("no error") : plan.error().message;
    };
    EXPECT_EQ(refused({backend("x")}, {listener("a", "y", 1)}), "there is no backend y");
    EXPECT_EQ(refused({backend("x"), backend("x")}, {}), "there are two backends x");
    EXPECT_EQ(refused({backend("x")}, {listener("a", "x", 1), listener("a", "x", 2)}),
              "there are two of this name");
    EXPECT_EQ(refused({backend("x")}, {listener("a", "x", 1), listener("b", "x", 1)}),
              "10.1.0.1 port 1 is that of listener a");
    relay_->drain(std::chrono::seconds(1));
    EXPECT_EQ(refused({backend("x")}, {listener("a", "x", 1)}), "the gateway is being stopped");
}

TEST_F(Reconfigure, names_that_come_and_go_leave_nothing_behind) {
    FakeAssociation node;
    ASSERT_TRUE(connect(node, 1));
    for (int i = 0; i < 200; ++i) {
        const std::string name = "x" + std::to_string(i);
        set({backend(name)}, {listener(name, name, static_cast<uint16_t>(10 + i))});
        ASSERT_EQ(relay_->listeners().size(), 2U);
        ASSERT_EQ(relay_->backends().size(), 2U);
        ASSERT_EQ(host_.doors.size(), 1U);
    }
    // One that comes back counts on.
    set({backend("amf")}, {listener("n2", "amf", 1)});
    EXPECT_EQ(listeners(), "n2 ");
    EXPECT_EQ(relay_->listeners().front()->counters.accepted, 1U);
    EXPECT_EQ(relay_->listeners().front()->counters.associations, 1U);
}

}  // namespace
}  // namespace sdg::relay
