// The state machine of method 1: in order, crossed, attacked, late. The data plane's side of it is
// checked by Side: keys go in once, what is selected is there, and both ends have the same.
#include "tests/unit/keymgmt/dtls13/sessions.h"

#include "control/keymgmt/dtls13/chunk_keys.h"

namespace sdg::keymgmt::dtls13 {
namespace {

TEST_F(DtlsSessions, first_keys_in_the_order_of_the_draft) {
    start();
    run();
    EXPECT_EQ(client->events,
              "turn; message; turn; receive 3, message; turn; "
              "send 3, select 3, end, info: protected by DTLS 1.3, TLS_AES_128_GCM_SHA256, x25519, "
              "peer dns:b.example, require, up; ");
    EXPECT_EQ(server->events,
              "turn with slot; message; turn; receive 3, send 3, select 3, end, info: protected by "
              "DTLS 1.3, TLS_AES_128_GCM_SHA256, x25519, peer dns:a.example, message; ")
        << "protection is not required yet";
    expect_epoch(3);
    EXPECT_EQ(server->take(server->session->on_first_opened()), "require, up");
    EXPECT_EQ(server->take(server->session->on_sender_dry()), "") << "once";
    EXPECT_NE(client->send[3], server->send[3]);
}

TEST_F(DtlsSessions, the_server_requires_protection_when_its_sender_is_dry) {
    start();
    EXPECT_EQ(server->take(server->session->on_sender_dry()), "") << "there are no keys yet";
    run();
    EXPECT_EQ(server->take(server->session->on_sender_dry()), "require, up");
    EXPECT_EQ(server->take(server->session->on_first_opened()), "") << "once";
    EXPECT_EQ(server->up, 1U);
    // Nothing has opened yet, so it is not taken for granted.
    clock.advance(options.handshake_timeout);
    EpochStatistics opened;
    opened.epoch = 3;
    opened.opened = 1;
    tick(*server, {opened});
    EXPECT_EQ(server->failure, "");
}

TEST_F(DtlsSessions, either_side_updates_in_the_order_of_the_draft) {
    bring_up();
    update(*client);
    EXPECT_EQ(client->events,
              "turn; info: key update to epoch 4: asked for, message; turn; receive 4, message; "
              "turn; send 4, select 4, drop-send 3, info: epoch 4: DTLS 1.3, "
              "TLS_AES_128_GCM_SHA256, x25519; ");
    EXPECT_EQ(server->events,
              "turn; message; turn; receive 4, send 4, select 4, drop-send 3, info: epoch 4: DTLS "
              "1.3, TLS_AES_128_GCM_SHA256, x25519, message; ");
    expect_epoch(4);
    uint16_t epoch = 4;
    for (const bool by_client : {false, true, true, false, false}) {
        clock.advance(seconds(2));
        const auto before = client->send[epoch];
        update(by_client ? *client : *server);
        expect_epoch(++epoch);
        EXPECT_NE(client->send[epoch], before);
        EXPECT_EQ(client->receive.size(), 2U) << "of the epoch before the last they have gone";
        EXPECT_EQ(server->receive.size(), 2U);
    }
    EXPECT_EQ(client->up + server->up, 2U) << "the upper layers are told once";
}

TEST_F(DtlsSessions, crossed_updates_make_one_epoch_in_any_order_of_events) {
    options.min_update_interval = {};
    size_t crossed = 0;
    for (uint32_t seed = 0; seed < 60; ++seed) {
        bring_up();
        client->take(client->session->on_rekey_requested());
        server->take(server->session->on_rekey_requested());
        run_in_order(seed);
        ASSERT_EQ(client->failure + server->failure, "") << "order " << seed;
        // One that began before the other's request came is one, else they are two.
        ASSERT_TRUE(client->selected == 4 || client->selected == 5) << "order " << seed;
        expect_epoch(client->selected);
        crossed += client->selected == 4;
        clock.advance(seconds(1));
        EXPECT_EQ(tick(*client) + tick(*server), "") << "nothing is left to do";
    }
    EXPECT_GT(crossed, 10U);
}

TEST_F(DtlsSessions, three_hundred_updates) {
    options.min_update_interval = {};
    bring_up();
    for (uint16_t epoch = 4; epoch < 304; ++epoch) {
        update(epoch % 3 == 0 ? *client : *server);
        ASSERT_EQ(client->selected, epoch) << client->failure << server->failure;
        ASSERT_LE(client->receive.size() + server->receive.size(), 4U);
    }
    expect_epoch(303);
}

TEST_F(DtlsSessions, a_hello_retry_is_one_more_round) {
    client.emplace(KmRole::client, environment("a", "b"));
    tls13::CredentialSettings settings = stores["a"]->settings();
    settings.certificate = pki().folder() / "b.pem";
    settings.private_key = (pki().folder() / "b.key").string();
    settings.groups = {"secp384r1"};
    auto with_groups = std::make_shared<SessionEnvironment>(*environment("b", "a"));
    with_groups->credentials = *tls13::CredentialStore::open(settings);
    server.emplace(KmRole::server, with_groups);
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    run();
    expect_epoch(3);
    EXPECT_NE(client->reports.find("secp384r1"), std::string::npos);
    after_first_keys();
    clock.advance(seconds(2));
    update(*server);
    expect_epoch(4);
}

// --- authenticating anew

TEST_F(DtlsSessions, the_peer_authenticates_anew_after_the_interval) {
    options.reauthentication_interval = seconds(100);
    bring_up();
    clock.advance(seconds(100));
    EXPECT_EQ(tick(*client), "turn");
    EXPECT_EQ(tick(*server), "turn");
    run();
    EXPECT_EQ(
        client->reports.find("peer dns:b.example has authenticated anew") != std::string::npos,
        true)
        << client->reports;
    EXPECT_NE(server->reports.find("peer dns:a.example has authenticated anew"), std::string::npos);
    EXPECT_EQ(tick(*client), "") << "not again";
    expect_epoch(3);
}

TEST_F(DtlsSessions, who_asks_too_soon_is_answered_without_further_messages) {
    // The answers come a second apart, the requests a little less.
    options.reauthentication_interval = seconds(1);
    bring_up();
    const TimePoint until = clock.now() + seconds(60);
    const auto count = [](const std::string& text) {
        size_t found = 0;
        for (size_t at = 0; (at = text.find("authenticated anew", at)) != std::string::npos; ++at) {
            ++found;
        }
        return found;
    };
    while (clock.now() < until) {
        clock.advance(milliseconds(10));
        tick(*client);
        tick(*server);
        run();
        ASSERT_EQ(client->failure + server->failure, "");
    }
    EXPECT_GE(count(client->reports), 30U);
    EXPECT_GE(count(server->reports), 30U);
    update(*client);
    for (int i = 0; i < 200; ++i) {
        clock.advance(milliseconds(10));
        tick(*client);
        tick(*server);
        run();
    }
    expect_epoch(4);
}

TEST_F(DtlsSessions, a_renewed_certificate_is_shown_and_counts) {
    pki().write("b", pki().make({.subject_alternative_names = "DNS:b.example", .not_after = 7200},
                                &pki().root()));
    options.expiry_margin = seconds(3600);
    bring_up();
    EXPECT_EQ(tick(*client), "");
    pki().issue("b", "b.example");
    ASSERT_TRUE(stores["b"]->reload());
    unix_time += 3700;
    EXPECT_EQ(tick(*client), "turn");
    run();
    EXPECT_NE(client->reports.find("has authenticated anew"), std::string::npos)
        << client->reports << client->failure;
    unix_time += 7200;
    tick(*client);
    EXPECT_EQ(client->failure, "") << "the new one is still valid";
}

TEST_F(DtlsSessions, a_certificate_that_is_not_renewed_ends_the_association) {
    pki().write("b", pki().make({.subject_alternative_names = "DNS:b.example", .not_after = 7200},
                                &pki().root()));
    options.expiry_margin = seconds(3600);
    bring_up();
    unix_time += 3700;
    size_t asked = 0;
    for (int i = 0; i < 3500 && client->failure.empty(); ++i) {
        ++unix_time;
        clock.advance(seconds(1));
        if (tick(*client).ends_with("turn")) {
            ++asked;
            run();
        }
    }
    EXPECT_GT(asked, 1U);
    EXPECT_LT(asked, 12U) << "not again and again while the certificate stays the same";
    EXPECT_EQ(client->failure, "");
    unix_time += 100;
    tick(*client);
    EXPECT_NE(client->failure.find("has expired"), std::string::npos) << client->failure;
    pki().issue("b", "b.example");
}

TEST_F(DtlsSessions, another_identity_ends_the_association) {
    options.reauthentication_interval = seconds(100);
    bring_up();
    pki().write("b", pki().make({.subject_alternative_names = "DNS:b.example,DNS:more.example"},
                                &pki().root()));
    ASSERT_TRUE(stores["b"]->reload());
    clock.advance(seconds(100));
    tick(*client);
    run();
    EXPECT_NE(client->failure.find("the identity changed"), std::string::npos) << client->failure;
    EXPECT_NE(server->failure.find("alert"), std::string::npos) << server->failure;
    pki().issue("b", "b.example");
}

TEST_F(DtlsSessions, a_peer_that_does_not_authenticate_anew_in_time_ends) {
    options.reauthentication_interval = seconds(100);
    bring_up();
    clock.advance(seconds(100));
    tick(*client);
    client->turn();
    client->outgoing.clear();
    clock.advance(options.reauthentication_timeout - milliseconds(1));
    EXPECT_EQ(tick(*client), "");
    clock.advance(milliseconds(1));
    EXPECT_EQ(tick(*client), "turn");
    client->turn();
    EXPECT_NE(client->failure.find("has not authenticated anew in time"), std::string::npos);
}

TEST_F(DtlsSessions, updates_and_authentication_do_not_disturb_each_other_in_any_order) {
    options.min_update_interval = {};
    options.reauthentication_interval = seconds(100);
    for (uint32_t seed = 0; seed < 60; ++seed) {
        bring_up();
        clock.advance(seconds(100));
        for (OneSide* side : {&*client, &*server}) {
            tick(*side);
            side->take(side->session->on_rekey_requested());
        }
        run_in_order(seed);
        clock.advance(seconds(2));
        tick(*client);
        tick(*server);
        run();
        ASSERT_EQ(client->failure + server->failure, "") << "order " << seed;
        expect_epoch(client->selected);
        ASSERT_GE(client->selected, 4U);
        ASSERT_NE(client->reports.find("authenticated anew"), std::string::npos) << seed;
        ASSERT_NE(server->reports.find("authenticated anew"), std::string::npos) << seed;
    }
}

TEST_F(DtlsSessions, no_update_is_started_while_an_authenticator_is_awaited) {
    options.reauthentication_interval = seconds(100);
    bring_up();
    clock.advance(seconds(100));
    tick(*client);
    client->turn();
    client->events.clear();
    client->take(client->session->on_rekey_requested());
    client->turn();
    EXPECT_EQ(client->events, "turn; ") << "it waits";
    run();
    expect_epoch(4);
}

// --- misbehaviour

TEST_F(DtlsSessions, what_cannot_be_ends_the_association) {
    struct Case {
        const char* what;
        KmRole role;
        Octets message;
    };
    const Case cases[] = {
        {"nothing", KmRole::server, {}},
        {"no record", KmRole::server, {1, 2, 3}},
        {"no record to a client", KmRole::client, {1, 2, 3}},
        {"half a record", KmRole::server, {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 1}},
        {"application data", KmRole::server, {23, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1}},
        {"a sealed record", KmRole::client, {0x2f, 0, 0, 0, 17, 1, 2, 3, 4, 5, 6,
                                             7,    8, 9, 1, 2,  3, 4, 5, 6, 7, 8}},
    };
    for (const Case& one : cases) {
        start();
        OneSide& side = one.role == KmRole::client ? *client : *server;
        side.turn();
        side.take(side.session->on_message(one.message));
        side.turn();
        EXPECT_NE(side.failure, "") << one.what;
        EXPECT_EQ(side.take(side.session->on_message(Octets{1})), "") << "nothing after the end";
        EXPECT_EQ(side.take(side.session->on_turn(true)), "");
    }
    make();
    client->take(client->session->on_message(Octets{22}));
    EXPECT_NE(client->failure.find("before the association was established"), std::string::npos);
    EXPECT_TRUE(client->session->on_established().empty()) << "it has failed, and said so once";
    start();
    client->take(client->session->on_established());
    EXPECT_EQ(client->failure, "established twice");
}

TEST_F(DtlsSessions, both_ends_as_client_is_refused) {
    start();
    OneSide other(KmRole::client, environment("b", "a"));
    other.take(other.session->on_established());
    other.turn();
    client->turn();
    deliver(other, *client);
    client->turn();
    EXPECT_NE(client->failure, "");
}

TEST_F(DtlsSessions, the_ack_must_come_under_protection) {
    start();
    while (server->send.empty()) {
        ASSERT_TRUE(client->turn() || server->turn() || deliver(*client, *server) ||
                    deliver(*server, *client));
    }
    client->take(client->session->on_message(server->outgoing.back().octets));
    client->turn();
    EXPECT_NE(client->failure.find("without protection"), std::string::npos) << client->failure;
    EXPECT_TRUE(client->send.empty());
}

TEST_F(DtlsSessions, any_changed_message_ends_it_or_is_of_no_use) {
    // Message by message of a set-up and an update, with one octet changed.
    for (size_t unlucky = 0; unlucky < 7; ++unlucky) {
        SCOPED_TRACE(unlucky);
        start();
        size_t seen = 0;
        const auto next = [&](OneSide& from, OneSide& to) {
            if (!from.outgoing.empty() && seen++ == unlucky) {
                Octets& octets = from.outgoing.front().octets;
                octets[octets.size() / 2] ^= 0x55;
            }
            return deliver(from, to);
        };
        for (bool more = true; more;) {
            more = client->turn() || server->turn() || next(*client, *server) ||
                   next(*server, *client);
            if (!more && server->selected == 3 && server->up == 0 && server->failure.empty() &&
                client->failure.empty()) {
                after_first_keys();
                client->take(client->session->on_rekey_requested());
                more = true;
            }
        }
        EXPECT_GT(seen, unlucky);
        EXPECT_NE(client->failure + server->failure, "");
        EXPECT_LE(client->selected, 3U);
    }
}

TEST_F(DtlsSessions, floods_and_dribbles_are_bounded) {
    start();
    for (size_t i = 0; i <= DtlsSession::kMaxInbox && server->failure.empty(); ++i) {
        server->take(server->session->on_message(Octets{22}));
    }
    EXPECT_NE(server->failure.find("without waiting for answers"), std::string::npos);

    start();
    const Octets big(100'000, 22);
    for (size_t i = 0; i < 3; ++i) {
        server->take(server->session->on_message(big));
    }
    EXPECT_NE(server->failure.find("without waiting for answers"), std::string::npos);

    // A client that has not begun takes nothing.
    start();
    client->wants_turn = false;
    size_t taken = 0;
    for (; client->failure.empty() && taken < 100; ++taken) {
        client->take(client->session->on_message(Octets{22}));
        client->turn();
    }
    EXPECT_NE(client->failure.find("belong to no connection"), std::string::npos);

    // A ClientHello in fragments of one octet, each a message.
    start();
    client->turn();
    const Octets whole = client->outgoing.front().octets;
    const size_t length = whole.size() - 25;
    size_t sent = 0;
    for (; sent < length && server->failure.empty(); ++sent) {
        Octets piece(whole.begin(), whole.begin() + 25);
        piece[10] = static_cast<uint8_t>(sent);
        piece[11] = 0;
        piece[12] = 13;
        piece[19] = static_cast<uint8_t>(sent >> 16);
        piece[20] = static_cast<uint8_t>(sent >> 8);
        piece[21] = static_cast<uint8_t>(sent);
        piece[22] = piece[23] = 0;
        piece[24] = 1;
        piece.push_back(whole[25 + sent]);
        piece[9] = static_cast<uint8_t>(sent >> 8);
        server->take(server->session->on_message(piece));
        server->turn();
    }
    EXPECT_LE(sent, DtlsSession::kMaxHandshakeMessages + 1);
    EXPECT_EQ(server->up, 0U);
}

TEST_F(DtlsSessions, a_peer_that_updates_too_fast_is_answered_later) {
    bring_up();
    update(*client);
    update(*client);
    expect_epoch(4);
    clock.advance(options.min_update_interval);
    EXPECT_EQ(tick(*server), "turn");
    run();
    expect_epoch(5);
}

TEST_F(DtlsSessions, an_update_that_is_not_answered_ends_the_association) {
    bring_up();
    client->take(client->session->on_rekey_requested());
    client->turn();
    client->outgoing.clear();
    clock.advance(options.update_timeout - milliseconds(1));
    EXPECT_EQ(tick(*client), "");
    clock.advance(milliseconds(1));
    tick(*client);
    client->turn();
    EXPECT_EQ(client->failure, "an extended key update timed out");
}

TEST_F(DtlsSessions, what_ends_one_side_is_told_to_the_other) {
    bring_up();
    client->take(client->session->on_message(Octets{1, 2, 3}));
    client->turn();
    EXPECT_EQ(client->failure, "octets that are no record");
    deliver(*client, *server);
    server->turn();
    EXPECT_EQ(server->failure, "the peer ended the connection with alert decode_error (50)");
}

// The engine by itself as client of our server, to do what a session does not.
class AgainstEngine : public DtlsSessions {
 protected:
    void connect(const std::function<void(Configuration&)>& change = {}) {
        make();
        server->take(server->session->on_established());
        auto configuration =
            std::make_shared<Configuration>(**client->environment->configuration());
        if (change) {
            change(*configuration);
        }
        auto made = Connection::create({.role = Role::client,
                                        .configuration = configuration,
                                        .check_peer = [](auto, auto) { return Checked<void>{}; }},
                                       clock, random);
        ASSERT_TRUE(made);
        peer = std::move(*made);
        peer->start();
        exchange();
        if (server->failure.empty()) {
            after_first_keys();
        }
    }
    void say(const Octets& message) {
        server->take(server->session->on_message(message));
        server->turn();
    }
    void exchange() {
        for (bool more = true; more;) {
            more = false;
            for (const Octets& message : peer->take_datagrams()) {
                say(message);
                more = true;
            }
            while (!server->outgoing.empty()) {
                peer->receive(server->outgoing.front().octets);
                server->outgoing.pop_front();
                more = true;
            }
        }
    }
    std::unique_ptr<Connection> peer;
};

TEST_F(AgainstEngine, works) {
    connect();
    ASSERT_TRUE(peer->start_key_update());
    exchange();
    EXPECT_EQ(server->selected, 4U) << server->failure;
    const auto keys = export_chunk_keys(*peer, 4, Role::client, tls13::ExportRole::primary,
                                        kClientParameter, kServerParameter);
    ASSERT_TRUE(keys);
    EXPECT_EQ(OneSide::keys_of(*keys), server->receive.at(4));
    EXPECT_FALSE(export_chunk_keys(*peer, 5, Role::client, tls13::ExportRole::primary,
                                   kClientParameter, kServerParameter));
}

TEST_F(AgainstEngine, without_extended_key_update_is_refused) {
    connect([](Configuration& c) { c.extended_key_update = false; });
    EXPECT_NE(server->failure.find("has no extended key update"), std::string::npos)
        << server->failure;
    EXPECT_TRUE(server->receive.empty());
    EXPECT_EQ(peer->failure().alert, AlertDescription::handshake_failure);
}

TEST_F(AgainstEngine, one_that_closes_its_connection_ends_the_association) {
    connect();
    peer->close();
    exchange();
    EXPECT_EQ(server->failure, "the peer has closed its DTLS connection");
}

TEST_F(AgainstEngine, one_that_refuses_to_authenticate_ends_the_association) {
    options.reauthentication_interval = seconds(100);
    connect();
    Reauthentication refuses(
        *peer, [](auto, auto) { return Checked<void>{}; }, {.answer = false}, clock, random);
    clock.advance(seconds(100));
    tick(*server);
    server->turn();
    exchange();
    for (const Octets& data : peer->take_data()) {
        refuses.on_data(data);
    }
    exchange();
    EXPECT_EQ(server->failure, "the peer refuses to authenticate anew");
}

TEST_F(AgainstEngine, data_that_is_no_authentication_ends_the_association) {
    connect();
    ASSERT_TRUE(peer->send(Octets{9, 1, 2}));
    exchange();
    EXPECT_NE(server->failure.find("unknown kind"), std::string::npos) << server->failure;
}

TEST_F(AgainstEngine, nobody_gets_keys_for_a_certificate_that_is_not_allowed) {
    connect([this](Configuration& c) {
        c.identity = (*environment("b", "b")->configuration())->identity;
    });
    EXPECT_NE(server->failure.find("none of the names expected"), std::string::npos);
    EXPECT_TRUE(server->receive.empty() && server->send.empty());
}

// --- time and limits

TEST_F(DtlsSessions, every_state_of_the_set_up_has_its_time) {
    const auto stuck = [this](OneSide& side, size_t steps) {
        for (size_t i = 0; i < steps; ++i) {
            EXPECT_TRUE(client->turn() || server->turn() || deliver(*client, *server) ||
                        deliver(*server, *client));
        }
        EXPECT_EQ(side.failure, "");
        clock.advance(options.handshake_timeout - milliseconds(1));
        tick(side);
        EXPECT_EQ(side.failure, "");
        clock.advance(milliseconds(1));
        tick(side);
        return side.failure;
    };
    start();
    EXPECT_NE(stuck(*server, 0).find("no ClientHello within 10 s"), std::string::npos);
    start();
    EXPECT_NE(stuck(*client, 1).find("the DTLS handshake did not end within 10 s"),
              std::string::npos);
    start();
    EXPECT_NE(stuck(*server, 3).find("the DTLS handshake did not end within 10 s"),
              std::string::npos);
    start();
    EXPECT_NE(stuck(*client, 5).find("no ACK of our Finished within 10 s"), std::string::npos);
    start();
    EXPECT_NE(stuck(*server, 7).find("no protected packet within 10 s"), std::string::npos)
        << server->events;
}

TEST_F(DtlsSessions, keys_that_differ_are_told_as_what_they_may_be) {
    client.emplace(KmRole::client, environment("a", "b"));
    Octets changed = kClientParameter;
    changed[5] ^= 1;
    server.emplace(KmRole::server, environment("b", "a"), changed);
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    while (server->send.empty()) {
        ASSERT_TRUE(client->turn() || server->turn() || deliver(*client, *server) ||
                    deliver(*server, *client));
    }
    EXPECT_NE(client->receive[3], server->send[3]);
    clock.advance(options.handshake_timeout);
    EpochStatistics forged;
    forged.epoch = 3;
    forged.has_receive_key = true;
    forged.open_failed = 5;
    tick(*client, {forged});
    EXPECT_NE(client->failure.find("5 records of the peer came and none authenticates"),
              std::string::npos);
    EXPECT_NE(client->failure.find("0x8006"), std::string::npos);
}

// Keys in use, with limits within reach.
EpochStatistics epoch_3() {
    EpochStatistics out;
    out.epoch = 3;
    out.has_send_key = true;
    out.has_receive_key = true;
    out.selected = true;
    out.seal_limit = 1000;
    out.open_limit = 1000;
    return out;
}

TEST_F(DtlsSessions, reasons_to_update) {
    const EpochStatistics used = epoch_3();
    const auto reason = [&](const std::function<void(EpochStatistics&)>& change) {
        bring_up();
        EXPECT_EQ(tick(*client, {used}), "") << "no reason";
        EpochStatistics now = used;
        change(now);
        EXPECT_EQ(tick(*client, {now}), "turn");
        client->events.clear();
        client->turn();
        run();
        expect_epoch(4);
        return client->events.substr(0, client->events.find(", message"));
    };
    options.update_octets = 1'000'000;
    EXPECT_EQ(reason([](auto& s) { s.sealed = 500; }),
              "info: key update to epoch 4: 500 records sealed of 1000");
    EXPECT_EQ(reason([](auto& s) { s.open_failed = 500; }),
              "info: key update to epoch 4: 500 forged records of 1000");
    EXPECT_EQ(reason([](auto& s) { s.sealed_octets = s.opened_octets = 500'000; }),
              "info: key update to epoch 4: 1000000 octets");
    EXPECT_EQ(reason([this](auto&) { clock.advance(options.update_age); }),
              "info: key update to epoch 4: age");
}

TEST_F(DtlsSessions, keys_past_their_limits_end_the_association) {
    const EpochStatistics used = epoch_3();
    const auto end = [&](const std::function<void(EpochStatistics&)>& change) {
        bring_up();
        EpochStatistics now = used;
        change(now);
        tick(*client, {now});
        return client->failure;
    };
    EXPECT_NE(end([](auto& s) { s.sealed = 1000; }).find("is used up"), std::string::npos);
    EXPECT_NE(end([](auto& s) { s.open_failed = 1000; }).find("injects forged packets"),
              std::string::npos);
    EXPECT_NE(
        end([this](auto&) { clock.advance(options.key_lifetime); }).find("could not be renewed"),
        std::string::npos);
}

TEST_F(DtlsSessions, old_receive_keys_go_after_the_drain_time) {
    bring_up();
    update(*client);
    EpochStatistics current;
    current.epoch = 4;
    clock.advance(options.drain);
    tick(*client, {current});
    tick(*server, {current});
    EXPECT_EQ(client->receive.size(), 1U) << "the ACK has shown that the server has left it";
    EXPECT_EQ(server->receive.size(), 2U) << "nothing of the client has shown it";
    current.opened = 1;
    tick(*server, {current});
    EXPECT_EQ(server->receive.size(), 1U);
    update(*server);
    expect_epoch(5);
}

// --- export

TEST_F(DtlsSessions, every_export_differs) {
    bring_up();
    std::set<Octets> seen;
    for (const auto* side : {&*client, &*server}) {
        EXPECT_TRUE(seen.insert(side->send.at(3).key).second);
        EXPECT_TRUE(seen.insert(side->send.at(3).sn_key).second);
    }
    update(*client);
    for (const auto* side : {&*client, &*server}) {
        EXPECT_TRUE(seen.insert(side->send.at(4).key).second);
        EXPECT_TRUE(seen.insert(side->send.at(4).sn_key).second);
    }
    EXPECT_EQ(seen.size(), 8U);
    EXPECT_EQ(kChunkKeyLabel, "EXPORTER_DTLS_CHUNK_KM1");
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13
