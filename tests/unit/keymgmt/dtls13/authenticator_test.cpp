// Exported authenticators: either side asks, after key updates and across them; what is wrong ends
// the connection.
#include "control/keymgmt/dtls13/reauthentication.h"
#include "tests/unit/keymgmt/dtls13/world.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

class Authenticator : public testing::Test {
 protected:
    World world;
    std::array<std::unique_ptr<Reauthentication>, 2> ends;
    Reauthentication::Options options;

    Reauthentication& end(Role role) { return *ends[role == Role::client ? 0 : 1]; }

    void establish() {
        ends = {};
        world = {};
        world.handshake();
        world.expect_established();
        for (const Role role : {Role::client, Role::server}) {
            ends[role == Role::client ? 0 : 1] = std::make_unique<Reauthentication>(
                *world.side(role).connection, world.side(role).check, options, world.clock,
                world.random);
        }
    }
    // Delivers until nothing moves.
    void run() {
        for (int i = 0; i < 50; ++i) {
            world.client.drain();
            world.server.drain();
            world.deliver(Role::client);
            world.deliver(Role::server);
            for (const Role role : {Role::client, Role::server}) {
                for (const Octets& data : std::exchange(world.side(role).data, {})) {
                    end(role).on_data(data);
                }
                end(role).progress();
            }
        }
    }
    // What a side has sent as application data, instead of its delivery.
    Octets caught(Role from) {
        world.side(from).drain();
        Side& to = world.side(other(from));
        Octets out;
        while (!world.side(from).outgoing.empty()) {
            world.deliver(from);
            to.drain();
        }
        if (!to.data.empty()) {
            out = to.data.back();
            to.data.clear();
        }
        return out;
    }
};

TEST_F(Authenticator, either_side_may_ask_in_every_epoch) {
    for (const Role asker : {Role::client, Role::server}) {
        establish();
        for (uint64_t i = 1; i < 6; ++i) {
            ASSERT_TRUE(end(asker).request());
            EXPECT_FALSE(end(asker).request());
            run();
            EXPECT_EQ(end(asker).completed(), i);
            EXPECT_FALSE(end(asker).is_waiting());
            world.clock.advance(std::chrono::seconds(2));
            const Role updater = i % 2 == 0 ? asker : other(asker);
            ASSERT_TRUE(world.side(updater)->start_key_update());
            EXPECT_FALSE(end(updater).request());
            run();
            ASSERT_EQ(world.client->send_epoch(), 3 + i);
        }
    }
}

TEST_F(Authenticator, both_may_ask_at_once) {
    establish();
    ASSERT_TRUE(end(Role::client).request());
    ASSERT_TRUE(end(Role::server).request());
    run();
    EXPECT_EQ(end(Role::client).completed(), 1U);
    EXPECT_EQ(end(Role::server).completed(), 1U);
}

TEST_F(Authenticator, a_request_that_crosses_an_update_is_answered_after_it) {
    for (const Role asker : {Role::client, Role::server}) {
        establish();
        ASSERT_TRUE(end(asker).request());
        ASSERT_TRUE(world.side(other(asker))->start_key_update());
        run();
        EXPECT_EQ(world.client->send_epoch(), 4U);
        EXPECT_EQ(world.server->send_epoch(), 4U);
        EXPECT_EQ(end(asker).completed(), 1U) << World::reason(world.side(asker));
    }
}

TEST_F(Authenticator, each_octet_counts) {
    establish();
    const Octets context{0, 0, 0, 0, 0, 0, 0, 3, 9, 9};
    const auto& configuration = *world.server.configuration;
    const Octets request =
        authenticator_request(Role::client, context, configuration.signature_schemes);
    const auto made = make_authenticator(
        *authenticator_keys(*world.server.connection, 3, Role::server), configuration, request);
    ASSERT_TRUE(made);
    const auto keys = authenticator_keys(*world.client.connection, 3, Role::server);
    ASSERT_TRUE(keys);
    const auto check = [&](const AuthenticatorKeys& with, View for_request, View authenticator) {
        return check_authenticator(with, *world.client.configuration, world.client.check,
                                   Role::server, for_request, authenticator);
    };
    EXPECT_TRUE(check(*keys, request, *made));
    for (size_t i = 0; i < made->size(); ++i) {
        Octets changed = *made;
        changed[i] ^= 1;
        EXPECT_FALSE(check(*keys, request, changed)) << i;
        changed.resize(i);
        EXPECT_FALSE(check(*keys, request, changed)) << i;
    }
    const Octets other_request =
        authenticator_request(Role::client, Octets{1}, configuration.signature_schemes);
    EXPECT_FALSE(check(*keys, other_request, *made));
    EXPECT_FALSE(
        check(*authenticator_keys(*world.client.connection, 3, Role::client), request, *made));
    // Another connection.
    const auto stranger = [&] {
        World another;
        another.handshake();
        return authenticator_keys(*another.client.connection, 3, Role::server);
    }();
    EXPECT_EQ(check(*stranger, request, *made).error().description,
              AlertDescription::decrypt_error);
    // A refusal is none, and the other way round.
    const auto refusal = make_empty_authenticator(*keys, request);
    ASSERT_TRUE(refusal);
    EXPECT_TRUE(check_empty_authenticator(*keys, request, *refusal));
    EXPECT_FALSE(check_empty_authenticator(*keys, other_request, *refusal));
    EXPECT_FALSE(check(*keys, request, *refusal));
    EXPECT_FALSE(check_empty_authenticator(*keys, request, *made));
}

TEST_F(Authenticator, a_refusal_ends_the_connection) {
    options.answer = false;
    establish();
    ASSERT_TRUE(end(Role::client).request());
    run();
    world.expect_refused_by(Role::client, AlertDescription::access_denied);
}

TEST_F(Authenticator, somebody_else_ends_the_connection) {
    establish();
    tls13::PeerIdentity before;
    before.names = {"dns:somebody.else"};
    ends[0] =
        std::make_unique<Reauthentication>(*world.client.connection,
                                           check_against(Certificates::get().of(KeyKind::p256),
                                                         {.any = true, .names = {}}, before, {}),
                                           options, world.clock, world.random);
    ASSERT_TRUE(end(Role::client).request());
    run();
    world.expect_refused_by(Role::client, AlertDescription::access_denied);
}

TEST_F(Authenticator, silence_ends_the_connection) {
    establish();
    ASSERT_TRUE(end(Role::server).request());
    ASSERT_TRUE(end(Role::server).deadline());
    world.clock.advance(*end(Role::server).deadline() - world.clock.now());
    end(Role::server).on_time();
    EXPECT_EQ(world.server->state(), Connection::State::failed);
    EXPECT_FALSE(end(Role::server).deadline());
}

TEST_F(Authenticator, requests_in_quick_succession_are_answered_later) {
    establish();
    ASSERT_TRUE(end(Role::client).request());
    run();
    ASSERT_EQ(end(Role::client).completed(), 1U);
    ASSERT_TRUE(end(Role::client).request());
    run();
    EXPECT_EQ(end(Role::client).completed(), 1U);
    EXPECT_TRUE(end(Role::server).has_pending());
    ASSERT_TRUE(end(Role::server).deadline());
    world.clock.advance(std::chrono::seconds(1));
    end(Role::server).on_time();
    run();
    EXPECT_EQ(end(Role::client).completed(), 2U);
}

TEST_F(Authenticator, what_is_out_of_turn_ends_the_connection) {
    const auto refused = [&](const Octets& data, AlertDescription alert) {
        establish();
        ASSERT_TRUE(world.client->send(data));
        run();
        world.expect_refused_by(Role::server, alert);
    };
    using enum AlertDescription;
    refused({0}, unexpected_message);
    refused({4, 1}, unexpected_message);
    refused({2, 1, 2, 3}, unexpected_message);
    refused({3}, unexpected_message);
    refused({1}, decode_error);
    refused({1, 13, 0, 0, 0}, unexpected_message);  // a server's request
    refused({1, 17, 0, 0, 0}, decode_error);
    Octets wrong_epoch = authenticator_request(Role::client, Octets(24, 7),
                                               world.client.configuration->signature_schemes);
    wrong_epoch.insert(wrong_epoch.begin(), 1);
    refused(wrong_epoch, illegal_parameter);

    // The same request twice.
    establish();
    ASSERT_TRUE(end(Role::client).request());
    const Octets request = caught(Role::client);
    end(Role::server).on_data(request);
    EXPECT_EQ(world.server->state(), Connection::State::established);
    end(Role::server).on_data(request);
    EXPECT_EQ(world.server->failure().alert, illegal_parameter);
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
