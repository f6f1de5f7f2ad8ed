// The state machine of method 192: in order, crossed, attacked, late; against itself and against a
// peer that was written from the draft alone.
#include "tests/unit/keymgmt/tls13/sessions.h"

namespace sdg::keymgmt::tls13 {
namespace {

TEST_F(TlsSessions, first_keys_in_the_order_of_the_draft) {
    make();
    EXPECT_EQ(client->take(client->session->on_parameters_agreed()), "");
    EXPECT_EQ(server->take(server->session->on_established()), "");
    EXPECT_EQ(client->take(client->session->on_established()), "turn");
    client->turn();
    run();
    EXPECT_EQ(client->events,
              "turn; message; turn; receive 3, message; turn; "
              "send 3, select 3, end, require, info: protected by TLS_AES_128_GCM_SHA256, x25519, "
              "peer dns:b.example, up, message; turn; ")
        << "the close_notify of the server comes last";
    EXPECT_EQ(server->events,
              "turn with slot; message; turn; receive 3, send 3, select 3, end, require, "
              "info: protected by TLS_AES_128_GCM_SHA256, x25519, peer dns:a.example, up, message, "
              "message; turn; ");
    expect_epoch(3);
}

TEST_F(TlsSessions, either_side_rekeys) {
    bring_up();
    uint16_t epoch = 3;
    for (const bool by_client : {true, false, true, true, false, false}) {
        Side& starter = by_client ? *client : *server;
        starter.take(starter.session->on_rekey_requested());
        run();
        clock.advance(seconds(2));
        expect_epoch(++epoch);
        EXPECT_LE(client->receive.size(), 2U);
    }
    EXPECT_EQ(client->up, 1U) << "the upper layer is told once";
}

TEST_F(TlsSessions, crossed_rekeys_end_in_one_epoch_in_any_order_of_events) {
    options.min_rekey_interval = {};
    for (uint32_t seed = 0; seed < 60; ++seed) {
        bring_up();
        SeededRandom order(seed);
        client->take(client->session->on_rekey_requested());
        server->take(server->session->on_rekey_requested());
        for (size_t idle = 0; idle < 20; ++idle) {
            bool done = false;
            switch (order.u32() % 4) {
                case 0:
                    done = client->turn();
                    break;
                case 1:
                    done = server->turn();
                    break;
                case 2:
                    done = deliver(*client, *server);
                    break;
                default:
                    done = deliver(*server, *client);
            }
            idle = done ? 0 : idle;
        }
        run();
        ASSERT_EQ(client->failure + server->failure, "") << "order " << seed;
        ASSERT_EQ(client->selected, server->selected) << "order " << seed;
        // One after the other is two, crossed is one.
        ASSERT_TRUE(client->selected == 4 || client->selected == 5) << "order " << seed;
        expect_epoch(client->selected);
    }
}

TEST_F(TlsSessions, many_rekeys_wrap_the_seven_bits_of_the_epoch) {
    options.min_rekey_interval = {};
    bring_up();
    for (uint16_t epoch = 4; epoch < 140; ++epoch) {
        Side& starter = epoch % 3 == 0 ? *client : *server;
        starter.take(starter.session->on_rekey_requested());
        run();
        ASSERT_EQ(client->selected, epoch) << client->failure << server->failure;
    }
    expect_epoch(139);
}

// --- the peer from the draft

class AgainstDraftPeer : public TlsSessions, public testing::WithParamInterface<bool> {};

TEST_P(AgainstDraftPeer, same_keys_same_order) {
    const bool draft_is_client = GetParam();
    std::deque<Octets> to_us;
    std::map<uint16_t, sdg::test::DraftPeer::Keys> read;
    std::map<uint16_t, sdg::test::DraftPeer::Keys> write;
    std::string order;
    sdg::test::DraftPeer peer(
        pki().folder() / "ca.pem", pki().folder() / "b", kClientParameter, kServerParameter,
        {.send = [&](Octets message) { to_us.push_back(std::move(message)); },
         .install_read = [&](uint16_t epoch,
                             const sdg::test::DraftPeer::Keys& keys) { read[epoch] = keys; },
         .install_write = [&](uint16_t epoch,
                              const sdg::test::DraftPeer::Keys& keys) { write[epoch] = keys; },
         .require_protection = [&] { order += "require "; },
         .protection_up = [&] { order += "up "; }});
    Side us(draft_is_client ? KmRole::server : KmRole::client, environment("a", "b"));
    const auto exchange = [&] {
        bool more = true;
        while (more) {
            more = us.turn();
            if (!us.outgoing.empty()) {
                const auto message = std::move(us.outgoing.front());
                us.outgoing.pop_front();
                if (message.epoch != 0) {
                    EXPECT_TRUE(read.contains(static_cast<uint16_t>(message.epoch)));
                }
                peer.on_message(message.octets);
                more = true;
            } else if (!to_us.empty()) {
                const Octets message = std::move(to_us.front());
                to_us.pop_front();
                if (!write.empty() && !std::exchange(us.opened, true)) {
                    us.take(us.session->on_first_opened());
                }
                us.take(us.session->on_message(message));
                more = true;
            }
        }
    };
    us.take(us.session->on_established());
    if (draft_is_client) {
        peer.start();
    }
    exchange();
    if (!std::exchange(us.opened, true)) {
        us.take(us.session->on_first_opened());  // the draft peer's SACK
    }
    uint16_t epoch = 3;
    const auto expect_same = [&] {
        ASSERT_EQ(us.failure, "");
        ASSERT_EQ(peer.failure(), "");
        ASSERT_EQ(peer.epoch(), epoch);
        ASSERT_EQ(us.selected, epoch);
        EXPECT_EQ(us.send[epoch], read[epoch]);
        EXPECT_EQ(us.receive[epoch], write[epoch]);
        EXPECT_NE(us.send[epoch], us.receive[epoch]);
    };
    expect_same();
    EXPECT_EQ(order, "require up ");
    EXPECT_EQ(us.up, 1U);
    // Rekeys in both directions keep the order of the parameters and turn that of the keys.
    for (const bool by_us : {true, false, true}) {
        clock.advance(seconds(2));
        if (by_us) {
            us.take(us.session->on_rekey_requested());
        } else {
            peer.start();
        }
        exchange();
        ++epoch;
        expect_same();
    }
}

INSTANTIATE_TEST_SUITE_P(Roles, AgainstDraftPeer, testing::Bool(), [](const auto& role) {
    return role.param ? "draft_peer_is_client" : "draft_peer_is_server";
});

TEST_F(TlsSessions, key_update_and_application_data_are_refused) {
    for (const bool update : {true, false}) {
        std::deque<Octets> to_us;
        bool complete = false;
        sdg::test::DraftPeer peer(pki().folder() / "ca.pem", pki().folder() / "b", kClientParameter,
                                  kServerParameter,
                                  {.send =
                                       [&](Octets message) {
                                           if ((message[0] & 0x80) == 0) {
                                               to_us.push_back(std::move(message));
                                           }
                                       },
                                   .install_read = [](uint16_t, const auto&) {},
                                   .install_write = [&](uint16_t, const auto&) { complete = true; },
                                   .require_protection = [] {},
                                   .protection_up = [] {}});
        Side us(KmRole::client, environment("a", "b"));
        us.take(us.session->on_established());
        for (int i = 0; i < 8; ++i) {
            us.turn();
            while (!us.outgoing.empty()) {
                peer.on_message(us.outgoing.front().octets);
                us.outgoing.pop_front();
            }
            while (!to_us.empty()) {
                us.take(us.session->on_message(to_us.front()));
                to_us.pop_front();
            }
        }
        ASSERT_TRUE(complete);
        // In the connection of epoch 3, which is still open on our side.
        Octets message;
        if (update) {
            peer.send_key_update();
        } else {
            peer.send_application_data();
        }
        ASSERT_FALSE(to_us.empty());
        message = to_us.front();
        message[0] = 3;
        us.take(us.session->on_message(message));
        us.turn();
        EXPECT_NE(us.failure.find(update ? "KeyUpdate" : "application data"), std::string::npos)
            << us.failure;
    }
}

// --- misbehaviour

TEST_F(TlsSessions, what_cannot_be_ends_the_association) {
    const Octets hello = {3, 22, 3, 1, 0, 4, 1, 0, 0, 0};
    struct Case {
        const char* what;
        KmRole role;
        Octets message;
        const char* reason;
    };
    const Case cases[] = {
        {"nothing", KmRole::server, {}, "0 octets"},
        {"Protection Established first", KmRole::client, {0x83, 1}, "at a time when it cannot be"},
        {"Protection Established to a server", KmRole::server, {0x83, 1}, "cannot be"},
        {"ClientHello to a client", KmRole::client, hello, "both ends act as TLS client"},
        {"records of epoch 4", KmRole::server, {4, 22, 3, 1, 0, 4, 1, 0, 0, 0}, "expected 3"},
        {"unknown control", KmRole::server, {0x83, 2}, "unknown key-management control message"},
        {"half a record", KmRole::server, {3, 22, 3, 1, 0, 4, 1}, "cut short"},
        {"a ClientHello that is none", KmRole::server, hello, "TLS handshake failed"},
    };
    for (const Case& one : cases) {
        make();
        Side& side = one.role == KmRole::client ? *client : *server;
        side.take(side.session->on_established());
        side.take(side.session->on_message(one.message));
        side.turn();
        EXPECT_NE(side.failure.find(one.reason), std::string::npos)
            << one.what << ": " << side.failure;
        EXPECT_EQ(side.take(side.session->on_message(hello)), "") << "nothing after the end";
    }
    make();
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    client->turn();
    const Octets real = client->outgoing.front().octets;
    server->take(server->session->on_message(real));
    server->turn();
    server->take(server->session->on_message(real));
    server->turn();
    EXPECT_NE(server->failure.find("second ClientHello"), std::string::npos) << server->failure;

    make();
    client->take(client->session->on_message(hello));
    EXPECT_NE(client->failure.find("before the association was established"), std::string::npos);
    EXPECT_TRUE(client->session->on_established().empty()) << "it has failed, and said so once";
}

TEST_F(TlsSessions, protection_established_must_come_under_protection) {
    make();
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    while (client->receive.empty()) {
        ASSERT_TRUE(client->turn() || server->turn() || deliver(*client, *server) ||
                    deliver(*server, *client));
    }
    client->take(client->session->on_message(protection_established_message(3)));
    client->turn();
    EXPECT_NE(client->failure.find("without protection"), std::string::npos) << client->failure;
    EXPECT_TRUE(client->send.empty());
}

TEST_F(TlsSessions, floods_and_dribbles_are_bounded) {
    make();
    server->take(server->session->on_established());
    const Octets hello = {3, 22, 3, 1, 0, 4, 1, 0, 0, 0};
    for (size_t i = 0; i <= TlsSession::kMaxInbox && server->failure.empty(); ++i) {
        server->take(server->session->on_message(hello));
    }
    EXPECT_NE(server->failure.find("without waiting for answers"), std::string::npos);

    bring_up();
    const Octets stray = {4, 23, 3, 3, 0, 1, 0};
    size_t taken = 0;
    while (server->failure.empty() && taken <= TlsSession::kMaxStray) {
        server->take(server->session->on_message(stray));
        server->turn();
        ++taken;
    }
    EXPECT_NE(server->failure.find("belong to no handshake"), std::string::npos);

    // One handshake in records of single octets, each a message.
    make();
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    client->turn();
    const Octets whole = client->outgoing.front().octets;
    Octets rest(whole.begin() + 6, whole.end());
    size_t sent = 0;
    for (const uint8_t octet : rest) {
        if (!server->failure.empty()) {
            break;
        }
        server->take(server->session->on_message(Octets{3, 22, 3, 3, 0, 1, octet}));
        server->turn();
        ++sent;
    }
    EXPECT_LE(sent, TlsSession::kMaxHandshakeMessages + 1);
    EXPECT_TRUE(server->up == 0);
}

TEST_F(TlsSessions, a_second_rekey_too_soon_has_to_wait) {
    bring_up();
    client->take(client->session->on_rekey_requested());
    run();
    client->take(client->session->on_rekey_requested());
    run();
    expect_epoch(4);
    clock.advance(seconds(1));
    EXPECT_EQ(tick(*server), "turn");
    run();
    expect_epoch(5);
}

TEST_F(TlsSessions, handshakes_that_a_peer_begins_and_breaks_off_have_their_pace) {
    bring_up();
    client->take(client->session->on_rekey_requested());
    client->turn();
    const Octets hello = client->outgoing.front().octets;
    const Octets alert = {4, 21, 3, 3, 0, 2, 2, 40};
    size_t answered = 0;
    const auto send = [&](const Octets& message) {
        server->take(server->session->on_message(message));
        server->turn();
        answered += server->outgoing.size();
        server->outgoing.clear();
    };
    send(hello);
    const size_t flight = answered;
    EXPECT_GT(flight, 0U);
    send(alert);
    EXPECT_NE(server->reports.find("rekey to epoch 4 failed"), std::string::npos);
    send(hello);
    EXPECT_EQ(answered, flight) << "not yet";
    clock.advance(seconds(1));
    EXPECT_EQ(tick(*server), "turn");
    server->turn();
    EXPECT_FALSE(server->outgoing.empty()) << "but in its time";
    server->outgoing.clear();

    for (size_t i = 0; i <= TlsSession::kMaxInbox && server->failure.empty(); ++i) {
        send(alert);
        send(hello);
    }
    EXPECT_EQ(answered, flight);
    EXPECT_NE(server->failure.find("without waiting for answers"), std::string::npos);
}

// --- time

TEST_F(TlsSessions, every_state_of_the_set_up_has_its_time) {
    const auto stuck = [this](Side& side, size_t steps) {
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
    const auto start = [this] {
        make();
        server->take(server->session->on_established());
        client->take(client->session->on_established());
    };
    start();
    EXPECT_NE(stuck(*server, 0).find("no ClientHello within 10 s"), std::string::npos);
    start();
    EXPECT_NE(stuck(*client, 1).find("the TLS handshake did not end within 10 s"),
              std::string::npos);
    start();
    EXPECT_NE(stuck(*server, 3).find("the TLS handshake did not end within 10 s"),
              std::string::npos);
    start();
    EXPECT_NE(stuck(*client, 5).find("no Protection Established within 10 s"), std::string::npos);
    start();
    EXPECT_NE(stuck(*server, 7).find("no protected packet within 10 s"), std::string::npos)
        << server->events;
}

TEST_F(TlsSessions, keys_that_differ_are_told_as_what_they_may_be) {
    client.emplace(KmRole::client, environment("a", "b"));
    Octets changed = kClientParameter;
    changed[5] ^= 1;
    server.emplace(KmRole::server, environment("b", "a"), changed);
    server->take(server->session->on_established());
    client->take(client->session->on_established());
    while (server->up == 0) {
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

TEST_F(TlsSessions, reasons_to_rekey) {
    const EpochStatistics used = epoch_3();
    const auto reason = [&](const std::function<void(EpochStatistics&)>& change) {
        bring_up();
        EXPECT_EQ(tick(*client, {used}), "") << "no reason";
        EpochStatistics now = used;
        change(now);
        return tick(*client, {now});
    };
    options.rekey_octets = 1'000'000;
    EXPECT_EQ(reason([](auto& s) { s.sealed = 500; }),
              "info: rekey to epoch 4: 500 records sealed of 1000, turn");
    EXPECT_EQ(reason([](auto& s) { s.open_failed = 500; }),
              "info: rekey to epoch 4: 500 forged records of 1000, turn");
    EXPECT_EQ(reason([](auto& s) { s.sealed_octets = s.opened_octets = 500'000; }),
              "info: rekey to epoch 4: 1000000 octets, turn");
    EXPECT_EQ(reason([this](auto&) { clock.advance(options.rekey_age); }),
              "info: rekey to epoch 4: age, turn");
    EXPECT_EQ(reason([this](auto&) { unix_time += 29 * 86400; }),
              "info: rekey to epoch 4: a certificate is about to expire, turn");
}

TEST_F(TlsSessions, keys_past_their_limits_end_the_association) {
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
    EXPECT_NE(end([this](auto&) { unix_time += 31 * 86400; }).find("has expired"),
              std::string::npos);
}

TEST_F(TlsSessions, a_failed_rekey_is_tried_again_later_and_later) {
    bring_up();
    // The server's certificate has another name now.
    pki().issue("b", "other.example");
    ASSERT_TRUE(stores["b"]->reload());
    client->take(client->session->on_rekey_requested());
    for (const int wait : {10, 20, 40}) {
        run();
        EXPECT_NE(client->reports.find(fmt::format("next try in {} s", wait)), std::string::npos)
            << client->reports;
        EXPECT_NE(server->reports.find("alert"), std::string::npos) << server->reports;
        EXPECT_EQ(client->receive.size(), 1U) << "nothing is left of it";
        expect_epoch(3);
        clock.advance(seconds(wait) - milliseconds(1));
        EXPECT_EQ(tick(*client), "");
        clock.advance(milliseconds(1));
        EXPECT_EQ(tick(*client), "info: rekey to epoch 4: asked for, turn");
    }
    pki().issue("b", "b.example");
    ASSERT_TRUE(stores["b"]->reload());
    run();
    clock.advance(seconds(80));
    tick(*client);
    run();
    expect_epoch(4);
    EXPECT_EQ(tick(*client), "") << "done";
}

}  // namespace
}  // namespace sdg::keymgmt::tls13
