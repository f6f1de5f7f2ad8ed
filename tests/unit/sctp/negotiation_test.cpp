// 0x8006 in INIT and INIT ACK, end to end between two hosts: agreement, strict and loose refusal,
// and what an unprotected peer may still do to a protected association.
#include <algorithm>

#include "control/sctp/init_negotiation.h"
#include "tests/unit/sctp/two_hosts.h"

namespace sdg::test {
namespace {

using sctp::CloseReason;

class NegotiationTest : public ::testing::Test {
 protected:
    bool connect(const sctp::LegSettings& client_leg, const sctp::LegSettings& server_leg) {
        net.listen(net.b, 5000, server_leg);
        net.connect(client, 5000, client_leg);
        return net.run_until(5s, [&] {
            return client.reason || (client.saw("established") && server().saw("established"));
        });
    }
    Recorder& server() {
        static Recorder nobody;
        return net.b.accepted.empty() ? nobody : *net.b.accepted.back();
    }
    const Seen* first(uint8_t chunk) const {
        const auto found = std::find_if(net.seen.begin(), net.seen.end(), [chunk](const Seen& one) {
            return one.first_chunk() == chunk;
        });
        return found != net.seen.end() ? &*found : nullptr;
    }
    std::optional<uint16_t> abort_cause() const {
        const Seen* abort = first(packet::kChunkAbort);
        return abort != nullptr ? packet::first_error_cause(abort->octets) : std::nullopt;
    }

    TwoHosts net;
    Recorder client;
};

TEST_F(NegotiationTest, both_sides_come_to_the_mirrored_agreement) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    const auto& a = client.association->negotiated();
    const auto& b = server().association->negotiated();
    ASSERT_TRUE(a.agreement && b.agreement);
    EXPECT_NE(a.agreement->role, b.agreement->role);
    EXPECT_EQ(a.agreement->method, 0);
    EXPECT_EQ(a.local_parameter, b.peer_parameter);
    EXPECT_EQ(a.peer_parameter, b.local_parameter);
    EXPECT_EQ(a.local_tag, b.peer_tag);
    EXPECT_EQ(a.peer_tag, b.local_tag);
    const auto* entry_a = net.a.protection.find(client.association->id());
    const auto* entry_b = net.b.protection.find(server().association->id());
    ASSERT_TRUE(entry_a != nullptr && entry_b != nullptr);
    EXPECT_EQ(entry_a->agreement, a.agreement);
    EXPECT_EQ(entry_a->local_parameter, entry_b->peer_parameter);
    EXPECT_EQ(entry_a->peer_parameter, entry_b->local_parameter);
    EXPECT_EQ(entry_a->peer_tag, entry_b->key.local_tag);
    EXPECT_EQ(entry_b->peer_tag, entry_a->key.local_tag);
}

TEST_F(NegotiationTest, callbacks_come_in_the_order_of_method_0) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(100ms);
    const std::vector<std::string> initiator{"agreed", "established", "first opened"};
    const std::vector<std::string> responder{"agreed", "established", "first opened"};
    EXPECT_EQ(client.events, initiator);
    EXPECT_EQ(server().events, responder);
}

TEST_F(NegotiationTest, only_the_handshake_travels_in_clear) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    client.send({0, 1, false, std::vector<uint8_t>(3000, 1)});
    server().send({0, 1, false, std::vector<uint8_t>(3000, 1)});
    net.run(500ms);
    client.association->shutdown();
    ASSERT_TRUE(net.run_until(5s, [&] { return client.reason && server().reason; }));
    EXPECT_EQ(*client.reason, CloseReason::shutdown_complete);
    EXPECT_EQ(*server().reason, CloseReason::shutdown_complete);
    for (const Seen& one : net.seen) {
        const uint8_t type = one.first_chunk();
        const bool handshake = type == packet::kChunkInit || type == packet::kChunkInitAck ||
                               type == packet::kChunkCookieEcho || type == packet::kChunkCookieAck;
        EXPECT_NE(one.sealed, handshake) << int{type};
    }
}

TEST_F(NegotiationTest, usrsctp_never_sees_the_parameter_and_the_peer_always_does) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    const auto init = packet::InitView::parse(first(packet::kChunkInit)->octets);
    const auto ack = packet::InitView::parse(first(packet::kChunkInitAck)->octets);
    ASSERT_TRUE(init && ack);
    EXPECT_TRUE(init->key_management().has_value());
    EXPECT_TRUE(ack->key_management().has_value());
    // Had usrsctp seen 0x8006 it would still be silent; had it seen 0xc006 it would report it.
    EXPECT_EQ(ack->count(8), 0U);  // Unrecognized Parameter
}

TEST_F(NegotiationTest, a_strict_listener_refuses_a_plain_peer) {
    ASSERT_TRUE(connect({}, protected_leg()));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_NE(client.detail.find("100 (Missing DTLS Chunk Support)"), std::string::npos)
        << client.detail;
    EXPECT_EQ(abort_cause(), packet::kCauseMissingDtlsSupport);
    const Seen* abort = first(packet::kChunkAbort);
    const auto init = packet::InitView::parse(first(packet::kChunkInit)->octets);
    EXPECT_FALSE(abort->from_a);
    EXPECT_EQ(packet::read_common_header(abort->octets.data()).verification_tag,
              init->initiate_tag());
    EXPECT_EQ(abort->octets[packet::kCommonHeader + 1] & packet::kAbortFlagTagReflected, 0);
    EXPECT_EQ(net.b.host->counters().init_refused, 1U);
    EXPECT_TRUE(net.b.accepted.empty());
}

TEST_F(NegotiationTest, a_strict_initiator_refuses_a_plain_listener) {
    ASSERT_TRUE(connect(protected_leg(), {}));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_EQ(abort_cause(), packet::kCauseMissingDtlsSupport);
    const Seen* abort = first(packet::kChunkAbort);
    const auto ack = packet::InitView::parse(first(packet::kChunkInitAck)->octets);
    EXPECT_TRUE(abort->from_a);
    EXPECT_EQ(packet::read_common_header(abort->octets.data()).verification_tag,
              ack->initiate_tag());
    EXPECT_EQ(net.a.host->association_count(), 0U);
    EXPECT_EQ(net.a.protection.size(), 0U);
    EXPECT_EQ(first(packet::kChunkCookieEcho), nullptr);
}

TEST_F(NegotiationTest, no_common_method_is_cause_101) {
    sctp::LegSettings other = protected_leg();
    other.key_management->methods = {192};
    ASSERT_TRUE(connect(protected_leg(), other));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_EQ(abort_cause(), packet::kCauseNoCommonMethod);
}

TEST_F(NegotiationTest, roles_that_do_not_complement_are_cause_103) {
    sctp::LegSettings one = protected_leg();
    one.key_management->client = false;
    ASSERT_TRUE(connect(one, one));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_EQ(abort_cause(), packet::kCauseIncompatibleRoles);
    EXPECT_NE(client.detail.find("103"), std::string::npos);
}

TEST_F(NegotiationTest, a_tie_of_tie_breakers_in_init_ack_is_cause_102) {
    net.filter = [&](Seen& one) {
        if (one.first_chunk() != packet::kChunkInitAck) {
            return true;
        }
        const auto init = packet::InitView::parse(first(packet::kChunkInit)->octets);
        const auto parameter = init->key_management();
        packet::remove_parameters(one.octets, packet::kParameterKeyManagement);
        packet::append_parameter(one.octets, parameter->wire());
        return true;
    };
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_EQ(abort_cause(), packet::kCauseTieBreakerCollision);
}

TEST_F(NegotiationTest, loose_sides_go_on_without_protection) {
    ASSERT_TRUE(connect(protected_leg(false), {}));
    EXPECT_FALSE(client.reason.has_value());
    EXPECT_FALSE(client.association->negotiated().agreement.has_value());
    EXPECT_FALSE(client.saw("agreed"));
    client.send({0, 1, false, {1, 2, 3}});
    ASSERT_TRUE(net.run_until(2s, [&] { return server().received.size() == 1; }));

    Recorder plain;
    net.listen(net.b, 5001, protected_leg(false));
    net.connect(plain, 5001);
    ASSERT_TRUE(net.run_until(2s, [&] { return plain.saw("established"); }));
    EXPECT_FALSE(server().association->negotiated().agreement.has_value());
}

TEST_F(NegotiationTest, loose_sides_go_on_when_they_do_not_fit) {
    sctp::LegSettings other = protected_leg(false);
    other.key_management->methods = {192};
    ASSERT_TRUE(connect(protected_leg(false), other));
    EXPECT_FALSE(client.reason.has_value()) << client.detail;
    EXPECT_FALSE(client.association->negotiated().agreement.has_value());
    EXPECT_FALSE(server().association->negotiated().agreement.has_value());
}

TEST_F(NegotiationTest, two_loose_sides_that_fit_are_protected) {
    ASSERT_TRUE(connect(protected_leg(false), protected_leg(false)));
    EXPECT_TRUE(client.association->negotiated().agreement.has_value());
}

TEST_F(NegotiationTest, a_malformed_parameter_counts_as_missing) {
    net.filter = [](Seen& one) {
        if (one.first_chunk() == packet::kChunkInit) {
            const std::vector<uint8_t> no_method{0x80, 0x06, 0, 9, 1, 2, 3, 4, 3};
            packet::remove_parameters(one.octets, packet::kParameterKeyManagement);
            packet::append_parameter(one.octets, no_method);
        }
        return true;
    };
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    EXPECT_EQ(*client.reason, CloseReason::negotiation_failed);
    EXPECT_EQ(abort_cause(), packet::kCauseMissingDtlsSupport);
}

TEST_F(NegotiationTest, each_init_ack_has_a_fresh_tie_breaker) {
    int held = 2;
    net.filter = [&held](Seen& one) {
        return one.first_chunk() != packet::kChunkInitAck || held-- <= 0;
    };
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    std::vector<uint32_t> tie_breakers;
    for (const Seen& one : net.seen) {
        if (one.first_chunk() == packet::kChunkInitAck) {
            tie_breakers.push_back(
                packet::InitView::parse(one.octets)->key_management()->tie_breaker());
        }
    }
    ASSERT_EQ(tie_breakers.size(), 3U);
    EXPECT_NE(tie_breakers[0], tie_breakers[1]);
    EXPECT_NE(tie_breakers[1], tie_breakers[2]);
    EXPECT_EQ(client.association->negotiated().peer_parameter->tie_breaker(), tie_breakers[2]);
    EXPECT_EQ(server().association->negotiated().local_parameter->tie_breaker(), tie_breakers[2]);
}

TEST_F(NegotiationTest, a_second_different_init_ack_is_ignored) {
    net.filter = [](Seen& one) { return one.first_chunk() != packet::kChunkCookieEcho; };
    net.listen(net.b, 5000, protected_leg());
    net.connect(client, 5000, protected_leg());
    ASSERT_TRUE(net.run_until(1s, [&] { return client.saw("agreed"); }));
    std::vector<uint8_t> forged = first(packet::kChunkInitAck)->octets;
    packet::remove_parameters(forged, packet::kParameterKeyManagement);
    const auto other = packet::KeyManagementParameter::create(
        7, packet::kKmFlagClient | packet::kKmFlagServer, std::vector<uint8_t>{0});
    packet::append_parameter(forged, other->wire());
    const auto agreed = client.association->negotiated().peer_parameter;
    net.inject(net.a, forged, net.b.address);
    EXPECT_EQ(client.association->negotiated().peer_parameter, agreed);
    EXPECT_EQ(std::count(client.events.begin(), client.events.end(), "agreed"), 1);
    net.filter = nullptr;
    ASSERT_TRUE(net.run_until(5s, [&] { return server().saw("established"); }));
}

TEST_F(NegotiationTest, a_lost_cookie_ack_is_repeated_under_the_key) {
    bool lost = false;
    net.filter = [&lost](Seen& one) {
        if (one.first_chunk() == packet::kChunkCookieAck && !lost) {
            lost = true;
            return false;
        }
        return true;
    };
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    EXPECT_TRUE(lost);
    EXPECT_FALSE(client.reason.has_value());
    EXPECT_EQ(net.b.host->association_count(), 1U);
    size_t sealed = 0;
    for (const Seen& one : net.seen) {
        sealed += one.first_chunk() == packet::kChunkCookieAck && one.sealed ? 1U : 0U;
    }
    EXPECT_EQ(sealed, 1U);
}

TEST_F(NegotiationTest, what_is_bundled_behind_a_clear_cookie_echo_is_cut_off) {
    net.filter = [](Seen& one) {
        if (one.first_chunk() == packet::kChunkCookieEcho && one.octets.size() % 4 == 0) {
            // An unprotected DATA chunk: TSN taken from nowhere, four octets of payload.
            const std::vector<uint8_t> data{0, 3, 0, 20, 0, 0, 0, 1, 0, 0,
                                            0, 0, 0, 0,  0, 9, 1, 2, 3, 4};
            one.octets.insert(one.octets.end(), data.begin(), data.end());
        }
        return true;
    };
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(100ms);
    EXPECT_TRUE(server().received.empty());
    EXPECT_FALSE(server().reason.has_value());
    EXPECT_EQ(first(packet::kChunkAbort), nullptr);
}

TEST_F(NegotiationTest, a_clear_init_does_not_disturb_a_live_protected_association) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(50ms);
    std::vector<uint8_t> init = first(packet::kChunkInit)->octets;
    packet::store_be32(init.data() + packet::kCommonHeader + packet::kChunkHeader, 0x01020304);
    const size_t before = net.seen.size();
    net.inject(net.b, init, net.a.address);
    ASSERT_GT(net.seen.size(), before);
    const Seen ack = net.seen.back();
    EXPECT_EQ(ack.first_chunk(), packet::kChunkInitAck);
    EXPECT_FALSE(ack.sealed);

    // Its cookie comes back in clear, as a restart would: refused, counted, the association lives.
    const auto view = packet::InitView::parse(ack.octets);
    const auto cookie = *view->state_cookie();
    std::vector<uint8_t> echo(packet::kCommonHeader + packet::kChunkHeader);
    packet::write_common_header(echo.data(),
                                {view->header().destination_port, 5000, view->initiate_tag()});
    echo[packet::kCommonHeader] = packet::kChunkCookieEcho;
    packet::store_be16(echo.data() + packet::kCommonHeader + 2,
                       static_cast<uint16_t>(packet::kChunkHeader + cookie.size()));
    echo.insert(echo.end(), cookie.begin(), cookie.end());
    echo.resize(packet::padded_to_4(echo.size()));
    net.inject(net.b, echo, net.a.address);
    EXPECT_EQ(net.b.host->counters().cookie_refused, 1U);
    client.send({0, 1, false, {1}});
    ASSERT_TRUE(net.run_until(2s, [&] { return server().received.size() == 1; }));
    EXPECT_FALSE(server().reason.has_value());
}

TEST_F(NegotiationTest, clear_packets_after_protection_are_dropped_and_counted) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(100ms);
    ASSERT_TRUE(server().saw("first opened"));
    const auto& negotiated = server().association->negotiated();
    const packet::CommonHeader header{client.association->endpoints().local_port, 5000,
                                      negotiated.local_tag};
    net.inject(net.b, packet::build_abort(header, false, std::nullopt).bytes(), net.a.address);
    net.run(100ms);
    EXPECT_FALSE(server().reason.has_value());
    EXPECT_EQ(net.b.host->counters().clear_not_expected, 1U);
}

TEST_F(NegotiationTest, a_closed_protected_association_answers_a_repeated_shutdown_ack) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(100ms);
    bool lost = false;
    net.filter = [&lost](Seen& one) {
        if (one.first_chunk() == packet::kChunkShutdownComplete && !lost) {
            lost = true;
            return false;
        }
        return true;
    };
    client.association->shutdown();
    ASSERT_TRUE(net.run_until(10s, [&] { return client.reason && server().reason; }));
    EXPECT_EQ(*server().reason, CloseReason::shutdown_complete);
    const auto last = std::find_if(net.seen.rbegin(), net.seen.rend(), [](const Seen& one) {
        return one.first_chunk() == packet::kChunkShutdownComplete;
    });
    EXPECT_TRUE(last->sealed);
    EXPECT_EQ(net.a.protection.size(), 1U);  // its keys, for a while
    net.run(5s);
    EXPECT_EQ(net.a.protection.size(), 0U);
    EXPECT_EQ(net.b.protection.size(), 0U);
}

TEST_F(NegotiationTest, lingering_keys_make_room_when_the_table_is_full) {
    // A table of one: the next association needs the place of the one that has just closed.
    struct Full : TwoHosts {};
    FakeProtection small(1);
    SeededRandom random(9);
    std::vector<std::vector<uint8_t>> sent;
    auto host = sctp::Host::create(
        {}, {}, small,
        [&](const sctp::OutgoingPacket& packet) {
            sent.emplace_back(packet.sctp.begin(), packet.sctp.end());
            return true;
        },
        net.clock, random);
    ASSERT_TRUE(host.has_value());
    Recorder one;
    const auto first_association =
        (*host)->connect({net.a.address, net.b.address, 0, 5000, 0}, {}, 5s, one);
    ASSERT_TRUE(first_association.has_value());
    Recorder two;
    const auto refused = (*host)->connect({net.a.address, net.b.address, 0, 5000, 0}, {}, 5s, two);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code, ErrorCode::resource_exhausted);
    EXPECT_EQ((*host)->association_count(), 1U);
    (*first_association)->abort("make room");
    (*host)->run();
    EXPECT_TRUE((*host)->connect({net.a.address, net.b.address, 0, 5000, 0}, {}, 5s, two));
}

// RFC 9260, 5.2.1: both sides connect to each other, with the same ports, at the same time.
TEST_F(NegotiationTest, crossing_inits_make_one_association) {
    for (const bool is_protected : {false, true}) {
        for (uint64_t seed = 1; seed < 9; ++seed) {
            TwoHosts two(seed);
            const sctp::LegSettings leg = is_protected ? protected_leg() : sctp::LegSettings{};
            Recorder at_a;
            Recorder at_b;
            two.protect_like_method_0(at_b, two.b);
            two.connect(at_a, 5000, leg, 10s, 5000);
            const auto other =
                two.b.host->connect({two.b.address, two.a.address, 5000, 5000, 0}, leg, 10s, at_b);
            ASSERT_TRUE(other.has_value());
            at_b.association = *other;
            ASSERT_TRUE(two.run_until(
                5s, [&] { return at_a.saw("established") && at_b.saw("established"); }))
                << is_protected << seed << at_a.detail << at_b.detail;
            two.run(2s);
            EXPECT_FALSE(at_a.reason || at_b.reason) << at_a.detail << at_b.detail;
            const auto& a = at_a.association->negotiated();
            const auto& b = at_b.association->negotiated();
            EXPECT_EQ(a.local_tag, b.peer_tag);
            EXPECT_EQ(a.peer_tag, b.local_tag);
            EXPECT_EQ(a.local_parameter, b.peer_parameter);
            EXPECT_EQ(a.peer_parameter, b.local_parameter);
            EXPECT_EQ(a.agreement.has_value(), is_protected);
            if (is_protected) {
                EXPECT_NE(a.initiator, b.initiator);
                EXPECT_EQ(std::count(at_a.events.begin(), at_a.events.end(), "agreed"), 1);
                EXPECT_EQ(std::count(at_b.events.begin(), at_b.events.end(), "agreed"), 1);
            }
            at_a.send({0, 1, false, {1, 2}});
            at_b.send({0, 1, false, {3}});
            EXPECT_TRUE(two.run_until(
                2s, [&] { return at_a.received.size() == 1 && at_b.received.size() == 1; }));
        }
    }
}

TEST_F(NegotiationTest, key_management_may_end_the_association_before_it_is_up) {
    net.listen(net.b, 5000, protected_leg());
    net.connect(client, 5000, protected_leg());
    client.when_agreed = [](sctp::Association& association) { association.abort("no such key"); };
    ASSERT_TRUE(net.run_until(5s, [&] { return client.reason.has_value(); }));
    EXPECT_EQ(*client.reason, CloseReason::locally_aborted);
    EXPECT_EQ(client.detail, "no such key");
    EXPECT_TRUE(net.b.accepted.empty());
}

TEST_F(NegotiationTest, a_refusing_acceptor_leaves_nothing_behind) {
    auto listener = net.b.host->listen(net.b.address, 5000, 0, protected_leg(), 10,
                                       [](sctp::Association&) { return nullptr; });
    ASSERT_TRUE(listener.has_value());
    net.connect(client, 5000, protected_leg());
    ASSERT_TRUE(net.run_until(5s, [&] {
        return !net.b.protection.size() && net.b.host->counters().cookie_refused == 1;
    }));
    EXPECT_EQ(net.b.host->association_count(), 0U);
    EXPECT_NE(first(packet::kChunkAbort), nullptr);
}

TEST_F(NegotiationTest, an_acceptor_may_close_its_listener) {
    std::unique_ptr<sctp::Listener> listener;
    Recorder accepted;
    auto made = net.b.host->listen(net.b.address, 5000, 0, {}, 10,
                                   [&](sctp::Association&) -> sctp::AssociationObserver* {
                                       listener.reset();
                                       return &accepted;
                                   });
    ASSERT_TRUE(made.has_value());
    listener = std::move(*made);
    net.connect(client, 5000);
    ASSERT_TRUE(net.run_until(5s, [&] { return accepted.reason && client.reason; }));
    EXPECT_EQ(*accepted.reason, CloseReason::internal);
    EXPECT_EQ(*client.reason, CloseReason::peer_aborted);
    EXPECT_EQ(net.b.host->association_count(), 0U);
}

// The draft looks associations up by ports and tag only: what authenticates is the peer's.
TEST_F(NegotiationTest, an_authentic_packet_from_another_address_is_the_peers) {
    ASSERT_TRUE(connect(protected_leg(), protected_leg()));
    net.run(100ms);
    std::vector<uint8_t> data;
    net.filter = [&data](Seen& one) {
        if (one.first_chunk() == packet::kChunkData && data.empty()) {
            data = one.octets;
            return false;
        }
        return true;
    };
    client.send({0, 1, false, {1, 2, 3}});
    ASSERT_FALSE(data.empty());
    sctp::ReceivedPacket packet;
    packet.local = net.b.address;
    packet.peer = *IpAddress::parse("192.0.2.77");
    packet.association = server().association->id();
    packet.opened = true;
    packet.sctp = data;
    net.b.host->on_packet(packet);
    net.b.host->run();
    EXPECT_EQ(server().received.size(), 1U);
}

TEST_F(NegotiationTest, workers_take_turns) {
    sctp::Host::Settings settings;
    settings.workers = 3;
    TwoHosts three(5, settings);
    three.listen(three.b, 5000);
    std::vector<std::unique_ptr<Recorder>> clients;
    std::vector<unsigned> per_worker(3);
    for (int i = 0; i < 6; ++i) {
        clients.push_back(std::make_unique<Recorder>());
        const auto* association = three.connect(*clients.back(), 5000);
        ++per_worker[association->owner_worker()];
        EXPECT_EQ(three.a.protection.find(association->id())->worker, association->owner_worker());
    }
    EXPECT_EQ(per_worker, (std::vector<unsigned>{2, 2, 2}));
}

TEST(Causes, have_names) {
    EXPECT_EQ(sctp::cause_text(100), "100 (Missing DTLS Chunk Support)");
    EXPECT_EQ(sctp::cause_text(103), "103 (Incompatible Roles)");
    EXPECT_EQ(sctp::cause_text(3), "3 (Stale Cookie)");
    EXPECT_EQ(sctp::cause_text(0), "0 (unknown)");
    EXPECT_EQ(sctp::cause_text(999), "999 (unknown)");
}

}  // namespace
}  // namespace sdg::test
