// Restart keys of method 192, and sessions that begin with a protected restart.
#include "tests/unit/keymgmt/tls13/sessions.h"

namespace sdg::keymgmt::tls13 {
namespace {

constexpr uint32_t kRestart = Side::kRestart;

class TlsRestart : public TlsSessions {
 protected:
    TlsRestart() { restart = true; }

    void rekey(Side& starter) {
        starter.take(starter.session->on_rekey_requested());
        run();
    }
    // Time passes until nothing of the epoch before is under way.
    void drain() {
        EpochStatistics current;
        current.role = client->selected >= kRestart ? KeyRole::restart : KeyRole::primary;
        current.epoch = static_cast<uint16_t>(client->selected);
        current.has_receive_key = true;
        current.opened = 1;
        for (Side* side : {&*client, &*server}) {
            tick(*side, {current});  // the server learns that the client uses the new keys
        }
        clock.advance(options.drain);
        for (Side* side : {&*client, &*server}) {
            tick(*side, {current});
        }
    }
    void expect_restart_keys(uint32_t epoch) {
        for (const Side* side : {&*client, &*server}) {
            EXPECT_TRUE(side->receive.contains(kRestart + epoch)) << side->events;
        }
        EXPECT_EQ(client->send[kRestart + epoch], server->receive[kRestart + epoch]);
        EXPECT_EQ(server->send[kRestart + epoch], client->receive[kRestart + epoch]);
        EXPECT_NE(client->send[kRestart + epoch], client->send[epoch]);
        EXPECT_NE(client->send[kRestart + epoch], server->send[kRestart + epoch]);
    }
    // What is left after the data plane and the host have done their part of a restart: the restart
    // keys of one epoch, selected. The roles may have changed.
    void begin_restart(uint16_t epoch, bool roles_change = false) {
        if (roles_change) {
            std::swap(client, server);
            client->role = KmRole::client;
            server->role = KmRole::server;
        }
        for (Side* side : {&*client, &*server}) {
            SessionContext context = side->context;
            context.role = side->role;
            context.initiator = side == &*client;
            context.client_parameter = {0x80, 0x06, 0, 10, 5, 5, 5, 5, 5, 192};
            context.server_parameter = {0x80, 0x06, 0, 10, 6, 6, 6, 6, 6, 192};
            context.restarted = epoch;
            context.peer_identity = side->kept.back().peer_identity;
            const uint32_t place = kRestart + epoch;
            std::erase_if(side->send, [&](const auto& key) { return key.first != place; });
            std::erase_if(side->receive, [&](const auto& key) { return key.first != place; });
            side->selected = place;
            side->outgoing.clear();
            side->events.clear();
            side->kept.clear();
            side->opened = true;
            side->wants_turn = false;
            side->begin(context);
            side->take(side->session->on_parameters_agreed());
        }
        server->take(server->session->on_established());
        client->take(client->session->on_established());
    }
};

TEST_F(TlsRestart, come_with_the_first_keys_after_the_primary_ones) {
    make();
    client->take(client->session->on_parameters_agreed());
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    run();
    EXPECT_NE(client->events.find("receive 3, receive R3, send R3, message; "), std::string::npos)
        << client->events;
    EXPECT_NE(client->events.find("send 3, select 3, end, require, "), std::string::npos);
    EXPECT_NE(client->events.find("up, keep 3"), std::string::npos) << client->events;
    EXPECT_NE(server->events.find("receive 3, receive R3, send R3, send 3, select 3"),
              std::string::npos)
        << server->events;
    expect_restart_keys(3);
    EXPECT_EQ(client->kept.back().peer_identity.find(" dns:b.example"), 64U)
        << client->kept.back().peer_identity;
}

TEST_F(TlsRestart, without_agreement_there_are_none) {
    restart = false;
    bring_up();
    EXPECT_TRUE(client->kept.empty());
    EXPECT_FALSE(client->receive.contains(kRestart + 3));
}

TEST_F(TlsRestart, of_the_epoch_before_stay_until_it_has_drained) {
    bring_up();
    rekey(*client);
    expect_epoch(4);
    expect_restart_keys(3);
    expect_restart_keys(4);
    EXPECT_NE(client->events.find("send 4, keep-and-wait 4, select 4"), std::string::npos)
        << client->events;
    EXPECT_NE(server->events.find("send 4, keep-and-wait 4, select 4"), std::string::npos)
        << "kept before Protection Established leaves: " << server->events;
    drain();
    for (const Side* side : {&*client, &*server}) {
        EXPECT_FALSE(side->receive.contains(kRestart + 3));
        EXPECT_EQ(side->dropped_previous, 1U);
    }
    expect_restart_keys(4);
}

TEST_F(TlsRestart, that_could_not_be_kept_do_not_displace_the_ones_before) {
    bring_up();
    client->store_works = false;
    rekey(*server);
    drain();
    EXPECT_TRUE(client->receive.contains(kRestart + 3));
    EXPECT_EQ(client->dropped_previous, 0U);
    EXPECT_FALSE(server->receive.contains(kRestart + 3));
    client->store_works = true;
    rekey(*client);
    expect_epoch(5);
    drain();
    expect_restart_keys(5);
    EXPECT_EQ(client->receive.size(), 2U) << "one primary, one restart";
}

TEST_F(TlsRestart, makes_the_first_epoch_anew_for_either_old_epoch) {
    for (const uint16_t epoch : {uint16_t{3}, uint16_t{4}}) {
        for (const bool roles_change : {false, true}) {
            bring_up();
            if (epoch == 4) {
                rekey(*client);
                drain();
            }
            begin_restart(epoch, roles_change);
            const std::string first =
                fmt::format("info: restarted under the restart keys of epoch {}, up", epoch);
            EXPECT_EQ(server->events, first + "; ");
            EXPECT_EQ(client->events, first + ", info: rekey to epoch 3: restart, turn; ");
            run();
            expect_epoch(3);
            // Keys of epoch 4 do not hold the place of epoch 3's.
            EXPECT_EQ(client->receive.contains(kRestart + 3), true);
            EXPECT_EQ(client->kept.size(), epoch == 4 ? 1U : 0U);
            drain();
            expect_restart_keys(3);
            for (const Side* side : {&*client, &*server}) {
                EXPECT_EQ(side->receive.size(), 2U) << side->events;
                EXPECT_EQ(side->send.size(), 2U) << side->events;
                ASSERT_EQ(side->kept.size(), 1U);
                EXPECT_EQ(side->kept.back().epoch, 3U);
            }
            // And can be restarted again.
            begin_restart(3);
            run();
            expect_epoch(3);
        }
    }
}

TEST_F(TlsRestart, of_which_the_client_role_does_not_rekey_is_rekeyed_by_the_other) {
    bring_up();
    begin_restart(3);
    client->outgoing.clear();
    client->wants_turn = false;  // never
    clock.advance(options.handshake_timeout);
    EXPECT_EQ(tick(*server), "info: rekey to epoch 3: age, turn");
}

TEST_F(TlsRestart, handshake_that_fails_is_tried_again) {
    bring_up();
    begin_restart(3);
    pki().issue("b", "other.example");
    ASSERT_TRUE(stores["b"]->reload());
    run();
    EXPECT_EQ(client->failure, "");
    EXPECT_EQ(server->failure, "");
    EXPECT_EQ(client->receive.size(), 1U);
    pki().issue("b", "b.example");
    ASSERT_TRUE(stores["b"]->reload());
    clock.advance(seconds(10));
    tick(*client);
    run();
    expect_epoch(3);
}

TEST_F(TlsRestart, by_somebody_else_with_good_certificates_ends) {
    test::CertificateRequest other;
    other.subject_alternative_names = "DNS:b.example,URI:sip:c.example";
    pki().write("c", pki().make(other, &pki().root()));
    bring_up();
    begin_restart(3);
    client->kept.clear();
    server->environment = environment("c", "a");
    server->begin(server->context);
    server->take(server->session->on_established());
    run();
    EXPECT_NE(client->failure.find("the peer of the restarted association is"), std::string::npos)
        << client->failure << client->events;
}

TEST_F(TlsRestart, keys_past_their_limits_end_the_association) {
    bring_up();
    begin_restart(3);
    EpochStatistics used;
    used.role = KeyRole::restart;
    used.epoch = 3;
    used.selected = true;
    used.has_send_key = true;
    used.seal_limit = 100;
    used.sealed = 100;
    tick(*client, {used});
    EXPECT_NE(client->failure.find("used up"), std::string::npos) << client->failure;
    clock.advance(options.key_lifetime);
    tick(*server);
    EXPECT_EQ(server->failure, "keys of epoch 3 are older than 14400 s and could not be renewed");
}

}  // namespace
}  // namespace sdg::keymgmt::tls13
