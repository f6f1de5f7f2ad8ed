// Life of a plain association between two hosts: set-up, messages, shutdown, abort, failure.
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

using sctp::CloseReason;

class AssociationTest : public ::testing::Test {
 protected:
    bool establish(Recorder& recorder, uint16_t port = 5000) {
        if (net.b.listeners.empty()) {
            net.listen(net.b, port);
        }
        net.connect(recorder, port);
        return net.run_until(
            2s, [&] { return recorder.saw("established") && accepted().saw("established"); });
    }
    Recorder& accepted() {
        static Recorder nobody;
        return net.b.accepted.empty() ? nobody : *net.b.accepted.back();
    }

    TwoHosts net;
    Recorder client;
};

TEST_F(AssociationTest, is_set_up_in_both_directions) {
    ASSERT_TRUE(establish(client));
    EXPECT_TRUE(client.association->is_established());
    EXPECT_TRUE(client.association->negotiated().initiator);
    EXPECT_FALSE(accepted().association->negotiated().initiator);
    EXPECT_EQ(client.association->negotiated().local_tag,
              accepted().association->negotiated().peer_tag);
    EXPECT_EQ(client.association->negotiated().peer_tag,
              accepted().association->negotiated().local_tag);
    EXPECT_FALSE(client.association->negotiated().agreement.has_value());
    EXPECT_EQ(client.association->inbound_streams(), 16);
    EXPECT_EQ(accepted().association->outbound_streams(), 16);
    EXPECT_EQ(accepted().association->endpoints().peer_port,
              client.association->endpoints().local_port);
    EXPECT_EQ(net.a.host->association_count(), 1U);
    EXPECT_EQ(net.b.host->association_count(), 1U);
    EXPECT_EQ(net.a.host->counters().associations_connected, 1U);
    EXPECT_EQ(net.b.host->counters().associations_accepted, 1U);
    EXPECT_EQ(net.a.protection.size(), 1U);
    EXPECT_EQ(net.b.protection.size(), 1U);
}

TEST_F(AssociationTest, a_plain_leg_shows_no_key_management_parameter) {
    ASSERT_TRUE(establish(client));
    for (const Seen& one : net.seen) {
        EXPECT_FALSE(one.sealed);
        if (one.first_chunk() == packet::kChunkInit || one.first_chunk() == packet::kChunkInitAck) {
            const auto view = packet::InitView::parse(one.octets);
            ASSERT_TRUE(view.has_value());
            EXPECT_FALSE(view->key_management().has_value());
        }
    }
}

TEST_F(AssociationTest, only_real_ports_are_seen_on_the_path) {
    ASSERT_TRUE(establish(client));
    for (const Seen& one : net.seen) {
        const auto header = packet::read_common_header(one.octets.data());
        EXPECT_EQ(one.from_a ? header.destination_port : header.source_port, 5000);
        EXPECT_EQ(one.from_a ? header.source_port : header.destination_port,
                  client.association->endpoints().local_port);
    }
}

TEST_F(AssociationTest, carries_a_message_with_stream_ppid_and_order) {
    ASSERT_TRUE(establish(client));
    const Message there{7, 60, false, {1, 2, 3}};
    const Message back{3, 18, true, std::vector<uint8_t>(5000, 9)};
    client.send(there);
    accepted().send(back);
    ASSERT_TRUE(net.run_until(
        2s, [&] { return accepted().received.size() == 1 && client.received.size() == 1; }));
    EXPECT_EQ(accepted().received.front(), there);
    EXPECT_EQ(client.received.front(), back);
}

TEST_F(AssociationTest, sender_dry_follows_the_last_acknowledgement) {
    ASSERT_TRUE(establish(client));
    client.send({0, 0, false, std::vector<uint8_t>(50'000, 1)});
    EXPECT_GT(client.association->unsent_octets(), 0U);
    EXPECT_EQ(client.dry, 0U);
    ASSERT_TRUE(net.run_until(5s, [&] { return client.dry > 0; }));
    EXPECT_EQ(client.association->unsent_octets(), 0U);
}

TEST_F(AssociationTest, a_stream_that_was_not_granted_is_an_error) {
    ASSERT_TRUE(establish(client));
    const uint8_t octet[] = {1};
    const auto sent = client.association->send({16, 0, false, true}, octet);
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code, ErrorCode::invalid_argument);
    EXPECT_FALSE(client.association->send({0, 0, false, true}, {}).has_value());
}

TEST_F(AssociationTest, shutdown_delivers_what_was_sent_and_closes_both_sides) {
    ASSERT_TRUE(establish(client));
    client.send({1, 2, false, std::vector<uint8_t>(100'000, 7)});
    client.association->shutdown();
    ASSERT_TRUE(net.run_until(10s, [&] { return client.reason && accepted().reason; }));
    EXPECT_EQ(*client.reason, CloseReason::shutdown_complete);
    EXPECT_EQ(*accepted().reason, CloseReason::shutdown_complete);
    EXPECT_TRUE(accepted().saw("peer shutdown"));
    ASSERT_EQ(accepted().received.size(), 1U);
    EXPECT_EQ(accepted().received.front().octets.size(), 100'000U);
    EXPECT_EQ(net.a.host->association_count(), 0U);
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_EQ(net.a.protection.size(), 0U);
    EXPECT_EQ(net.b.protection.size(), 0U);
}

TEST_F(AssociationTest, unread_messages_are_still_there_after_the_peers_shutdown) {
    ASSERT_TRUE(establish(client));
    accepted().stalled = true;
    client.send({1, 2, false, std::vector<uint8_t>(10'000, 7)});
    client.association->shutdown();
    net.run(3s);
    EXPECT_FALSE(accepted().reason.has_value());
    accepted().stalled = false;
    accepted().on_readable(*accepted().association);
    ASSERT_TRUE(net.run_until(5s, [&] { return accepted().reason && client.reason; }));
    EXPECT_EQ(accepted().received.size(), 1U);
    EXPECT_EQ(*accepted().reason, CloseReason::shutdown_complete);
}

TEST_F(AssociationTest, abort_carries_its_text_and_reaches_the_peer) {
    ASSERT_TRUE(establish(client));
    client.association->abort("backend gone");
    EXPECT_FALSE(client.reason.has_value());  // not from within the call
    ASSERT_TRUE(net.run_until(1s, [&] { return client.reason && accepted().reason; }));
    EXPECT_EQ(*client.reason, CloseReason::locally_aborted);
    EXPECT_EQ(client.detail, "backend gone");
    EXPECT_EQ(*accepted().reason, CloseReason::peer_aborted);
    EXPECT_NE(accepted().detail.find("User-Initiated"), std::string::npos) << accepted().detail;
    const auto abort = std::find_if(net.seen.begin(), net.seen.end(), [](const Seen& one) {
        return one.first_chunk() == packet::kChunkAbort;
    });
    ASSERT_NE(abort, net.seen.end());
    const std::string octets(abort->octets.begin(), abort->octets.end());
    EXPECT_NE(octets.find("backend gone"), std::string::npos);
}

TEST_F(AssociationTest, abort_reaches_a_peer_that_does_not_read) {
    ASSERT_TRUE(establish(client));
    accepted().stalled = true;
    client.send({1, 2, false, std::vector<uint8_t>(10'000, 7)});
    net.run(500ms);
    client.association->abort("enough");
    ASSERT_TRUE(net.run_until(1s, [&] { return accepted().reason.has_value(); }));
    EXPECT_EQ(*accepted().reason, CloseReason::peer_aborted);
}

TEST_F(AssociationTest, abort_with_a_full_send_buffer_still_leaves) {
    ASSERT_TRUE(establish(client));
    accepted().stalled = true;
    client.send({1, 2, false, std::vector<uint8_t>(1'000'000, 7)});
    net.run(2s);
    client.association->abort("enough");
    ASSERT_TRUE(net.run_until(1s, [&] { return client.reason && accepted().reason; }));
    EXPECT_EQ(*accepted().reason, CloseReason::peer_aborted);
}

TEST_F(AssociationTest, abort_from_within_a_callback_is_safe) {
    client.when_established = [](sctp::Association& association) { association.abort("at once"); };
    net.listen(net.b, 5000);
    net.connect(client, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.reason && accepted().reason; }));
    EXPECT_EQ(*client.reason, CloseReason::locally_aborted);
}

TEST_F(AssociationTest, a_connect_from_within_on_closed_is_safe) {
    struct Again : Recorder {
        void on_closed(sctp::Association& which, CloseReason why,
                       const std::string& text) override {
            Recorder::on_closed(which, why, text);
            if (next != nullptr) {
                net->connect(*next, 5000, {}, 10s, which.endpoints().local_port);
            }
        }
        TwoHosts* net = nullptr;
        Recorder* next = nullptr;
    };
    Again first;
    Recorder second;
    first.net = &net;
    first.next = &second;
    ASSERT_TRUE(establish(first));
    first.association->shutdown();
    ASSERT_TRUE(net.run_until(5s, [&] { return second.saw("established"); }));
    EXPECT_EQ(net.a.host->association_count(), 1U);
}

TEST_F(AssociationTest, connect_to_a_port_nobody_listens_on_is_refused) {
    net.connect(client, 6000);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.reason.has_value(); }));
    EXPECT_EQ(*client.reason, CloseReason::peer_aborted);
    EXPECT_EQ(net.b.host->counters().init_refused, 1U);
    EXPECT_EQ(net.a.host->counters().associations_failed, 1U);
    EXPECT_EQ(net.a.protection.size(), 0U);
}

TEST_F(AssociationTest, connect_to_a_silent_peer_ends_at_the_timeout) {
    net.filter = [](Seen&) { return false; };
    net.connect(client, 5000, {}, 4s);
    net.run(3900ms);
    EXPECT_FALSE(client.reason.has_value());
    net.run(300ms);
    ASSERT_TRUE(client.reason.has_value());
    EXPECT_EQ(*client.reason, CloseReason::peer_unreachable);
}

TEST_F(AssociationTest, unanswered_inits_end_before_a_long_timeout) {
    TwoHosts other(3, {}, [] {
        sctp::ProtocolParameters parameters;
        parameters.init_max_retransmissions = 2;
        return parameters;
    }());
    other.filter = [](Seen&) { return false; };
    other.connect(client, 5000, {}, 600s);
    ASSERT_TRUE(other.run_until(60s, [&] { return client.reason.has_value(); }));
    EXPECT_EQ(*client.reason, CloseReason::peer_unreachable);
    EXPECT_NE(client.detail.find("INIT"), std::string::npos);
}

TEST_F(AssociationTest, a_vanished_peer_is_noticed_by_retransmissions) {
    TwoHosts other(3, {}, [] {
        sctp::ProtocolParameters parameters;
        parameters.association_max_retransmissions = 3;
        return parameters;
    }());
    other.listen(other.b, 5000);
    other.connect(client, 5000);
    ASSERT_TRUE(other.run_until(2s, [&] { return client.saw("established"); }));
    other.filter = [](Seen&) { return false; };
    client.send({0, 0, false, {1}});
    ASSERT_TRUE(other.run_until(120s, [&] { return client.reason.has_value(); }));
    EXPECT_EQ(*client.reason, CloseReason::peer_unreachable) << client.detail;
}

TEST_F(AssociationTest, a_listener_at_its_limit_refuses_and_recovers) {
    net.listen(net.b, 5000, {}, 1);
    net.connect(client, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
    Recorder second;
    net.connect(second, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return second.reason.has_value(); }));
    EXPECT_EQ(*second.reason, CloseReason::peer_aborted);
    EXPECT_NE(second.detail.find("Out of Resource"), std::string::npos);
    client.association->shutdown();
    ASSERT_TRUE(net.run_until(2s, [&] { return net.b.host->association_count() == 0; }));
    Recorder third;
    net.connect(third, 5000);
    EXPECT_TRUE(net.run_until(2s, [&] { return third.saw("established"); }));
}

TEST_F(AssociationTest, an_association_outlives_its_listener) {
    ASSERT_TRUE(establish(client));
    net.b.listeners.clear();
    client.send({0, 5, false, {1, 2, 3}});
    ASSERT_TRUE(net.run_until(2s, [&] { return accepted().received.size() == 1; }));
    Recorder second;
    net.connect(second, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return second.reason.has_value(); }));
    EXPECT_EQ(*second.reason, CloseReason::peer_aborted);
    net.listen(net.b, 5000);
    Recorder third;
    net.connect(third, 5000);
    EXPECT_TRUE(net.run_until(2s, [&] { return third.saw("established"); }));
    client.association->shutdown();
    EXPECT_TRUE(net.run_until(2s, [&] { return client.reason.has_value(); }));
}

TEST_F(AssociationTest, a_prepared_listener_takes_the_place_of_another_when_it_is_activated) {
    ASSERT_TRUE(establish(client));
    Recorder taken;
    sctp::LegSettings narrow;
    narrow.outbound_streams = narrow.max_inbound_streams = 3;
    auto prepared = net.b.host->prepare_listener(net.b.address, 5000, 0, narrow, 2,
                                                 [&taken](sctp::Association&) { return &taken; });
    ASSERT_TRUE(prepared) << prepared.error().message;
    Recorder second;
    net.connect(second, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return second.saw("established"); }));
    EXPECT_FALSE(taken.saw("established")) << "not active yet";
    second.association->shutdown();
    ASSERT_TRUE(net.run_until(2s, [&] { return net.b.host->association_count() == 1; }));

    (*prepared)->activate();
    net.b.listeners.clear();  // the one before
    Recorder third;
    net.connect(third, 5000);
    ASSERT_TRUE(
        net.run_until(2s, [&] { return taken.saw("established") && third.saw("established"); }));
    EXPECT_EQ(third.association->outbound_streams(), 3);
    // The first one counts, whoever accepted it.
    Recorder fourth;
    net.connect(fourth, 5000);
    ASSERT_TRUE(net.run_until(2s, [&] { return fourth.reason.has_value(); }));
    EXPECT_NE(fourth.detail.find("Out of Resource"), std::string::npos) << fourth.detail;
    (*prepared)->set_max_associations(3);
    Recorder fifth;
    net.connect(fifth, 5000);
    EXPECT_TRUE(net.run_until(2s, [&] { return fifth.saw("established"); }));
    // And goes on.
    client.send({0, 5, false, {1, 2, 3}});
    EXPECT_TRUE(net.run_until(2s, [&] { return net.b.accepted[0]->received.size() == 1; }));
}

TEST_F(AssociationTest, a_listener_that_was_only_prepared_leaves_nothing_behind) {
    for (int i = 0; i < 300; ++i) {  // more than there are virtual ports for listeners at once
        auto prepared = net.b.host->prepare_listener(net.b.address, 5000, 0, {}, 1,
                                                     [](sctp::Association&) { return nullptr; });
        ASSERT_TRUE(prepared) << prepared.error().message;
    }
    ASSERT_TRUE(establish(client));
}

TEST_F(AssociationTest, a_lost_shutdown_complete_is_made_up_for) {
    ASSERT_TRUE(establish(client));
    bool lost = false;
    net.filter = [&](Seen& one) {
        if (one.first_chunk() == packet::kChunkShutdownComplete && !lost) {
            lost = true;
            return false;
        }
        return true;
    };
    client.association->shutdown();
    ASSERT_TRUE(net.run_until(10s, [&] { return client.reason && accepted().reason; }));
    EXPECT_TRUE(lost);
    EXPECT_EQ(*accepted().reason, CloseReason::shutdown_complete);
    EXPECT_EQ(net.a.host->counters().out_of_the_blue, 1U);
}

TEST_F(AssociationTest, a_peer_that_restarts_ends_the_association) {
    net.listen(net.b, 5000);
    net.connect(client, 5000, {}, 10s, 40'000);
    ASSERT_TRUE(net.run_until(2s, [&] { return client.saw("established"); }));
    // The peer's machine forgets everything: a new host with the same address and port.
    Recorder reborn;
    net.filter = [](Seen&) { return false; };
    client.association->abort("power failure");
    net.run(10ms);
    net.filter = nullptr;
    net.connect(reborn, 5000, {}, 10s, 40'000);
    ASSERT_TRUE(net.run_until(5s, [&] { return accepted().reason.has_value(); }));
    EXPECT_EQ(*accepted().reason, CloseReason::restarted);
    ASSERT_TRUE(net.run_until(5s, [&] { return reborn.reason.has_value(); }));
    EXPECT_EQ(*reborn.reason, CloseReason::peer_aborted);
}

TEST_F(AssociationTest, back_pressure_bounds_the_senders_buffer) {
    ASSERT_TRUE(establish(client));
    accepted().stalled = true;
    client.send({0, 0, false, std::vector<uint8_t>(2'000'000, 3)});
    net.run(3s);
    EXPECT_LE(client.association->unsent_octets(), 300'000U);
    EXPECT_TRUE(accepted().received.empty());
    accepted().stalled = false;
    accepted().on_readable(*accepted().association);
    ASSERT_TRUE(net.run_until(60s, [&] { return accepted().received.size() == 1; }));
    EXPECT_EQ(accepted().received.front().octets.size(), 2'000'000U);
}

// Two gateways in one process have a clock each, and one of them may not be looked at.
TEST_F(AssociationTest, timers_run_with_another_clock_in_the_process) {
    ManualClock idle_clock;
    SeededRandom random(1);
    FakeProtection protection;
    auto idle = sctp::Host::create(
        {}, {}, protection, [](const sctp::OutgoingPacket&) { return true; }, idle_clock, random);
    ASSERT_TRUE(idle.has_value());
    int held = 2;
    net.filter = [&held](Seen&) { return held-- <= 0; };
    net.listen(net.b, 5000);
    net.connect(client, 5000);
    EXPECT_TRUE(net.run_until(20s, [&] {
        idle->get()->run();
        return client.saw("established");
    }));
}

// A four-tuple that is held for an association of a former run is not given to a new one.
TEST_F(AssociationTest, a_connect_takes_a_port_that_is_not_held) {
    constexpr uint16_t kFree = 50'000;
    for (uint32_t port = 49'152; port < 0x10000; ++port) {
        if (port != kFree) {
            net.a.host->hold({net.a.address, net.b.address, static_cast<uint16_t>(port), 5000});
        }
    }
    ASSERT_TRUE(establish(client));
    EXPECT_EQ(client.association->endpoints().local_port, kFree);
    Recorder other;
    const auto none =
        net.a.host->connect({net.a.address, net.b.address, 0, 5000, 0}, {}, 1s, other);
    ASSERT_FALSE(none.has_value());
    EXPECT_EQ(none.error().code, ErrorCode::resource_exhausted);
}

TEST_F(AssociationTest, invalid_requests_are_refused_at_once) {
    Recorder other;
    const sctp::Endpoints no_port{net.a.address, net.b.address, 0, 0, 0};
    EXPECT_FALSE(net.a.host->connect(no_port, {}, 1s, other).has_value());
    const sctp::Endpoints mixed{net.a.address, *IpAddress::parse("2001:db8::1"), 0, 5, 0};
    EXPECT_FALSE(net.a.host->connect(mixed, {}, 1s, other).has_value());
    ASSERT_TRUE(establish(client));
    sctp::Endpoints taken = client.association->endpoints();
    const auto again = net.a.host->connect(taken, {}, 1s, other);
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, ErrorCode::already_exists);
    const auto twice = net.b.host->listen(net.b.address, 5000, 0, {}, 1, nullptr);
    ASSERT_FALSE(twice.has_value());
    EXPECT_EQ(twice.error().code, ErrorCode::already_exists);
    sctp::LegSettings small;
    small.mtu = 300;
    const auto tiny = net.b.host->listen(net.b.address, 5001, 0, small, 1, nullptr);
    ASSERT_FALSE(tiny.has_value());
    EXPECT_NE(tiny.error().message.find("MTU"), std::string::npos);
}

}  // namespace
}  // namespace sdg::test
