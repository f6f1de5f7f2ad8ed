// Restart keys of method 192, and sessions that begin with a protected restart.
#include "tests/unit/keymgmt/restarts.h"
#include "tests/unit/keymgmt/tls13/sessions.h"

namespace sdg::keymgmt::tls13 {
namespace {

class TlsRestart : public keymgmt::test::Restarts<TlsSessions> {};

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
    sdg::test::CertificateRequest other;
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
