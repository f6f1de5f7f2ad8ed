// Peers that break the protocol, one rule at a time: the right alert, and an end.
#include "tests/unit/keymgmt/dtls13/middle.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

using Messages = std::vector<Handled>;

class Strictness : public testing::Test {
 protected:
    World world;
    std::unique_ptr<Middle> middle;
    Transport transport = Transport::datagram;

    void begin() {
        middle.reset();
        world = {};
        for (Side* side : {&world.client, &world.server}) {
            side->configuration->transport = transport;
        }
        middle = std::make_unique<Middle>(world);
    }
    using BodyChange = std::function<void(Octets&)>;
    // The peer of the refuser sends this message changed. Unless it is a hello, the refuser's alert
    // reaches the peer.
    void expect_refusal(Role sender, HandshakeType type, const BodyChange& change,
                        AlertDescription alert) {
        expect_messages_refusal(
            sender, type,
            [&](Handled message) {
                change(message.body);
                return Messages{std::move(message)};
            },
            alert);
    }
    void expect_messages_refusal(Role sender, HandshakeType type,
                                 const std::function<Messages(Handled)>& change,
                                 AlertDescription alert) {
        begin();
        middle->change = [&](Role from, Handled message) {
            return from == sender && message.type == type ? change(std::move(message))
                                                          : Messages{std::move(message)};
        };
        world.handshake();
        world.expect_refused_by(other(sender), alert);
        EXPECT_LT(world.clock.now(), std::chrono::seconds(1)) << "it was not noticed at once";
    }
    void established() {
        begin();
        world.handshake();
        world.expect_established();
    }
    void expect_injection_refused(Role from, uint64_t epoch, const Handled& message,
                                  AlertDescription alert) {
        middle->inject(from, epoch, message);
        EXPECT_EQ(world.side(other(from))->state(), Connection::State::failed);
        world.run();
        world.expect_refused_by(other(from), alert);
    }
};

using BodyChange = std::function<void(Octets&)>;

// Appends an extension to the block that ends the message and begins at the given octet.
BodyChange extended(size_t block, ExtensionType type, Octets data = {}) {
    return [=](Octets& body) {
        Writer extension;
        write_extension(extension, type, data);
        const Octets octets = extension.take();
        body.insert(body.end(), octets.begin(), octets.end());
        packet::store_be16(body.data() + block, static_cast<uint16_t>(body.size() - block - 2));
    };
}
BodyChange set(size_t at, uint8_t value) {
    return [=](Octets& body) { body.at(at) = value; };
}
void add_octet(Octets& body) {
    body.push_back(0);
}
void lose_octet(Octets& body) {
    body.pop_back();
}
void flip_last(Octets& body) {
    body.back() ^= 1;
}
// The position of an extension's data in a message whose block begins at the given octet.
size_t extension_at(const Octets& body, size_t block, ExtensionType type) {
    Reader reader(View(body).subspan(block + 2));
    while (reader.left() > 0) {
        const auto found = static_cast<ExtensionType>(reader.be16());
        const size_t at = block + 2 + reader.offset() + 2;
        vector16(reader);
        if (found == type) {
            return at;
        }
    }
    ADD_FAILURE() << "no such extension";
    return 0;
}
BodyChange without(size_t block, ExtensionType type) {
    return [=](Octets& body) {
        const size_t at = extension_at(body, block, type);
        const size_t length = packet::load_be16(body.data() + at - 2);
        body.erase(body.begin() + static_cast<long>(at - 4),
                   body.begin() + static_cast<long>(at + length));
        packet::store_be16(body.data() + block, static_cast<uint16_t>(body.size() - block - 2));
    };
}
BodyChange in_extension(size_t block, ExtensionType type, const BodyChange& change) {
    return [=](Octets& body) {
        const size_t at = extension_at(body, block, type);
        Octets rest(body.begin() + static_cast<long>(at), body.end());
        body.resize(at);
        change(rest);
        body.insert(body.end(), rest.begin(), rest.end());
    };
}

constexpr auto kUnknown = static_cast<ExtensionType>(0xabcd);
// Of a ServerHello: version, random, no session, suite, compression.
constexpr size_t kServerBlock = 2 + 32 + 1 + 2 + 1;
constexpr size_t kSuiteAt = 35;
// Of a ClientHello with one suite: version, random, no session, no cookie, suites, compression.
constexpr size_t kClientBlock = 2 + 32 + 1 + 1 + 4 + 2;

TEST_F(Strictness, server_hello) {
    using enum AlertDescription;
    const auto refused = [&](const BodyChange& change, AlertDescription alert) {
        expect_refusal(Role::server, HandshakeType::server_hello, change, alert);
    };
    refused(extended(kServerBlock, kUnknown), unsupported_extension);
    refused(extended(kServerBlock, ExtensionType::pre_shared_key, {0, 0}), unsupported_extension);
    refused(extended(kServerBlock, ExtensionType::cookie, {0, 1, 1}), illegal_parameter);
    refused(extended(kServerBlock, ExtensionType::supported_groups), illegal_parameter);
    refused(extended(kServerBlock, ExtensionType::supported_versions, {0xfe, 0xfc}),
            illegal_parameter);
    refused(without(kServerBlock, ExtensionType::supported_versions), protocol_version);
    refused(without(kServerBlock, ExtensionType::key_share), missing_extension);
    refused(in_extension(kServerBlock, ExtensionType::supported_versions, set(1, 0xfd)),
            illegal_parameter);
    refused(in_extension(kServerBlock, ExtensionType::key_share, set(1, 0x17)), illegal_parameter);
    refused(in_extension(kServerBlock, ExtensionType::key_share, set(1, 0)), illegal_parameter);
    refused(in_extension(kServerBlock, ExtensionType::key_share, set(3, 31)), decode_error);
    refused(in_extension(kServerBlock, ExtensionType::key_share,
                         [](Octets& share) { std::fill_n(share.begin() + 4, 32, uint8_t{0}); }),
            illegal_parameter);
    refused(set(0, 3), protocol_version);
    refused(set(kSuiteAt + 1, 2), illegal_parameter);     // not offered
    refused(set(kSuiteAt + 1, 0x2f), illegal_parameter);  // not known
    refused(set(kSuiteAt + 2, 1), illegal_parameter);     // compression
    refused([](Octets& body) { body[34] = 1, body.insert(body.begin() + 35, 7); },
            illegal_parameter);  // a session
    refused(add_octet, decode_error);
    refused(lose_octet, decode_error);
    refused([](Octets& body) { body.clear(); }, decode_error);
}

TEST_F(Strictness, encrypted_extensions) {
    using enum AlertDescription;
    const auto refused = [&](const BodyChange& change, AlertDescription alert) {
        expect_refusal(Role::server, HandshakeType::encrypted_extensions, change, alert);
    };
    refused(extended(0, kUnknown), unsupported_extension);
    refused(extended(0, ExtensionType::key_share), illegal_parameter);
    refused(extended(0, ExtensionType::tls_flags), illegal_parameter);  // twice
    refused(extended(0, ExtensionType::early_data), unsupported_extension);
    refused(in_extension(0, ExtensionType::tls_flags, set(1, 1)), illegal_parameter);
    refused(in_extension(0, ExtensionType::tls_flags, set(2, 0)), illegal_parameter);
    refused(in_extension(0, ExtensionType::tls_flags, set(0, 9)), decode_error);
    refused(add_octet, decode_error);
    refused(lose_octet, decode_error);
}

TEST_F(Strictness, certificate_request) {
    using enum AlertDescription;
    const auto refused = [&](const BodyChange& change, AlertDescription alert) {
        expect_refusal(Role::server, HandshakeType::certificate_request, change, alert);
    };
    refused([](Octets& body) { body[0] = 1, body.insert(body.begin() + 1, 9); }, illegal_parameter);
    refused(without(1, ExtensionType::signature_algorithms), missing_extension);
    refused(extended(1, ExtensionType::key_share), illegal_parameter);
    refused(in_extension(1, ExtensionType::signature_algorithms, set(1, 1)), decode_error);
    refused(add_octet, decode_error);
}

TEST_F(Strictness, certificate) {
    using enum AlertDescription;
    for (const Role from : {Role::client, Role::server}) {
        const auto refused = [&](const BodyChange& change, AlertDescription alert) {
            expect_refusal(from, HandshakeType::certificate, change, alert);
        };
        refused([](Octets& body) { body[0] = 1, body.insert(body.begin() + 1, 9); },
                illegal_parameter);
        refused([](Octets& body) { body = certificate_body({}, {}); },
                from == Role::client ? certificate_required : decode_error);
        refused(
            [](Octets& body) {
                const Octets junk{1, 2, 3};
                body = certificate_body({}, {&junk, 1});
            },
            bad_certificate);
        refused(
            [](Octets& body) {
                const std::vector<Octets> empty(1);
                body = certificate_body({}, empty);
            },
            decode_error);
        refused(
            [](Octets& body) {
                auto parsed = parse_certificate(body);
                ASSERT_TRUE(parsed);
                const size_t length = body.size() - 1 - 3 - 3 - 2;
                const Octets der(body.begin() + 7, body.begin() + 7 + static_cast<long>(length));
                body = certificate_body({}, std::vector<Octets>(11, der));
            },
            bad_certificate);
        refused(
            [](Octets& body) {
                // An extension of the certificate that nobody asked for.
                body[body.size() - 1] = 4;
                body.insert(body.end(), {0xab, 0xcd, 0, 0});
                packet::store_be16(body.data() + 2, static_cast<uint16_t>(body.size() - 4));
            },
            unsupported_extension);
        refused(add_octet, decode_error);
    }
}

TEST_F(Strictness, certificate_verify_and_finished) {
    using enum AlertDescription;
    for (const Role from : {Role::client, Role::server}) {
        const auto verify = HandshakeType::certificate_verify;
        expect_refusal(from, verify, set(0, 0x01), illegal_parameter);
        expect_refusal(
            from, verify, [](Octets& body) { body[0] = 8, body[1] = 7; }, illegal_parameter);
        expect_refusal(from, verify, flip_last, decrypt_error);
        expect_refusal(
            from, verify,
            [](Octets& body) {
                body = {4, 3, 0, 0};
            },
            decrypt_error);
        expect_refusal(from, verify, add_octet, decode_error);
        expect_refusal(from, HandshakeType::finished, flip_last, decrypt_error);
        expect_refusal(from, HandshakeType::finished, lose_octet, decode_error);
        expect_refusal(from, HandshakeType::finished, add_octet, decode_error);
    }
}

TEST_F(Strictness, messages_left_out_or_in_the_wrong_place) {
    using enum HandshakeType;
    const auto unexpected = AlertDescription::unexpected_message;
    const auto nothing = [](const Handled&) { return Messages{}; };
    for (const HandshakeType type : {encrypted_extensions, certificate, certificate_verify}) {
        expect_messages_refusal(Role::server, type, nothing, unexpected);
    }
    expect_messages_refusal(Role::server, certificate_request, nothing,
                            AlertDescription::handshake_failure);
    for (const HandshakeType type : {certificate, certificate_verify}) {
        expect_messages_refusal(Role::client, type, nothing, unexpected);
    }
    const auto twice = [](Handled message) { return Messages{message, message}; };
    for (const HandshakeType type :
         {encrypted_extensions, certificate_request, certificate, certificate_verify, finished}) {
        expect_messages_refusal(Role::server, type, twice, unexpected);
    }
    for (const HandshakeType type : {certificate, certificate_verify}) {
        expect_messages_refusal(Role::client, type, twice, unexpected);
    }
    // What comes in clear once there are keys is dropped where anybody can send it.
    transport = Transport::reliable;
    expect_messages_refusal(Role::server, server_hello, twice, unexpected);
    expect_messages_refusal(Role::client, client_hello, twice, unexpected);
    transport = Transport::datagram;
    for (const HandshakeType type :
         {new_session_ticket, key_update, end_of_early_data, extended_key_update, message_hash}) {
        const auto other_type = [&](Handled message) {
            message.type = type;
            return Messages{std::move(message)};
        };
        expect_messages_refusal(Role::server, server_hello, other_type, unexpected);
        expect_messages_refusal(Role::server, encrypted_extensions, other_type, unexpected);
        expect_messages_refusal(Role::client, client_hello, other_type, unexpected);
        expect_messages_refusal(Role::client, finished, other_type, unexpected);
    }
}

TEST_F(Strictness, client_hello) {
    using enum AlertDescription;
    using enum ExtensionType;
    const auto refused = [&](const BodyChange& change, AlertDescription alert) {
        expect_refusal(Role::client, HandshakeType::client_hello, change, alert);
    };
    refused(without(kClientBlock, supported_versions), protocol_version);
    refused(in_extension(kClientBlock, supported_versions, set(2, 0xfd)), protocol_version);
    refused(without(kClientBlock, supported_groups), missing_extension);
    refused(without(kClientBlock, signature_algorithms), missing_extension);
    refused(without(kClientBlock, key_share), missing_extension);
    refused(extended(kClientBlock, key_share), illegal_parameter);
    refused(extended(kClientBlock, cookie, {0, 1, 7}), illegal_parameter);
    refused(extended(kClientBlock, cookie, {0, 0}), decode_error);
    refused(in_extension(kClientBlock, key_share, set(3, 0x19)), illegal_parameter);
    refused(in_extension(kClientBlock, key_share, set(5, 33)), decode_error);
    refused(in_extension(kClientBlock, supported_groups, set(1, 1)), decode_error);
    refused(in_extension(kClientBlock, key_share,
                         [](Octets& share) { std::fill_n(share.begin() + 6, 32, uint8_t{0}); }),
            illegal_parameter);
    refused(set(0, 3), protocol_version);
    refused(set(39, 0x2f), handshake_failure);
    refused(set(41, 1), illegal_parameter);  // compression
    refused([](Octets& body) { body[35] = 1, body.insert(body.begin() + 36, 7); },
            illegal_parameter);  // legacy_cookie
    refused(add_octet, decode_error);
    refused(lose_octet, decode_error);
    refused([](Octets& body) { body.resize(kClientBlock); }, protocol_version);
}

TEST_F(Strictness, an_old_clients_session_is_not_echoed) {
    begin();
    middle->change = [](Role from, Handled message) {
        if (from == Role::client && message.type == HandshakeType::client_hello) {
            message.body[34] = 1;
            message.body.insert(message.body.begin() + 35, 7);
        }
        if (message.type == HandshakeType::server_hello) {
            EXPECT_EQ(message.body[34], 0);
        }
        return Messages{std::move(message)};
    };
    world.handshake();
    // Its transcript is another one; the hello itself is in order.
    EXPECT_NE(world.server->failure().alert, AlertDescription::illegal_parameter);
}

TEST_F(Strictness, hello_retry_requests) {
    using enum AlertDescription;
    const auto refused = [&](const std::function<Messages(Handled)>& change,
                             AlertDescription alert) {
        begin();
        world.server.configuration->always_hello_retry = true;
        unsigned seen = 0;
        middle->change = [&](Role from, Handled message) {
            return from == Role::server && message.type == HandshakeType::server_hello &&
                           seen++ == 0
                       ? change(std::move(message))
                       : Messages{std::move(message)};
        };
        world.handshake();
        world.expect_refused_by(Role::client, alert);
    };
    const auto changed = [](const BodyChange& change) {
        return [=](Handled message) {
            change(message.body);
            return Messages{std::move(message)};
        };
    };
    using enum ExtensionType;
    refused([](Handled message) { return Messages{message, message}; }, unexpected_message);
    refused(changed(without(kServerBlock, cookie)), illegal_parameter);
    refused(changed(extended(kServerBlock, key_share, {0, 0})), illegal_parameter);
    refused(changed(extended(kServerBlock, key_share, {0, 0x1d})), illegal_parameter);
    refused(changed(extended(kServerBlock, key_share, {0, 0x19})), illegal_parameter);
    refused(changed(extended(kServerBlock, key_share, {0, 0x17, 0})), decode_error);
    refused(changed(extended(kServerBlock, kUnknown)), unsupported_extension);
    refused(changed(set(kSuiteAt + 1, 3)), illegal_parameter);
}

TEST_F(Strictness, after_the_handshake) {
    using enum HandshakeType;
    const auto unexpected = AlertDescription::unexpected_message;
    for (const Role from : {Role::client, Role::server}) {
        for (const uint64_t epoch : {2U, 3U}) {
            for (const HandshakeType type :
                 {client_hello, server_hello, encrypted_extensions, certificate_request,
                  certificate, certificate_verify, finished, key_update, end_of_early_data}) {
                established();
                expect_injection_refused(from, epoch, {type, {0}}, unexpected);
            }
        }
    }
    established();
    expect_injection_refused(Role::client, 3, {new_session_ticket, {0}}, unexpected);
    established();
    middle->inject(Role::server, 3, {new_session_ticket, {0}});
    EXPECT_EQ(world.client->state(), Connection::State::established);
    EXPECT_EQ(world.client.outgoing.size(), 1U) << "an ACK";
}

TEST_F(Strictness, records_that_do_not_belong) {
    const auto refused = [&](uint64_t epoch, ContentType type, const Octets& content,
                             AlertDescription alert) {
        established();
        middle->inject(Role::server, epoch, type, content);
        world.run();
        world.expect_refused_by(Role::client, alert);
    };
    using enum AlertDescription;
    refused(3, ContentType::change_cipher_spec, {1}, unexpected_message);
    refused(3, static_cast<ContentType>(99), {1}, unexpected_message);
    refused(3, ContentType::handshake, {}, unexpected_message);
    refused(3, ContentType::invalid, {0, 0}, unexpected_message);
    refused(2, ContentType::application_data, {1}, unexpected_message);
    refused(3, ContentType::alert, {1, 0, 0}, decode_error);
    refused(3, ContentType::ack, {0, 3, 1, 2, 3}, decode_error);
    refused(3, ContentType::handshake, {1, 2, 3}, decode_error);
    refused(3, ContentType::handshake, {20, 0, 0, 1, 0, 9, 0, 0, 2, 0, 0, 0}, decode_error);
    refused(3, ContentType::application_data, Octets(kMaxPlaintext + 1, 7), record_overflow);
}

TEST_F(Strictness, extended_key_updates_out_of_turn) {
    using enum AlertDescription;
    const auto update = [](ExtendedKeyUpdateType type, NamedGroup group = NamedGroup::x25519) {
        const Octets share(32, 9);
        return Handled{HandshakeType::extended_key_update,
                       extended_key_update_body(
                           {.type = type, .key_share = {.group = group, .key_exchange = share}})};
    };
    using enum ExtendedKeyUpdateType;
    for (const Role from : {Role::client, Role::server}) {
        established();
        expect_injection_refused(from, 3, update(key_update_response), unexpected_message);
        established();
        expect_injection_refused(from, 3, update(new_key_update), unexpected_message);
        established();
        expect_injection_refused(from, 3, update(static_cast<ExtendedKeyUpdateType>(3)),
                                 unexpected_message);
        established();
        expect_injection_refused(from, 3, update(key_update_request, NamedGroup::secp256r1),
                                 illegal_parameter);
        established();
        expect_injection_refused(from, 2, update(key_update_request), unexpected_message);
        established();
        expect_injection_refused(from, 3, {HandshakeType::extended_key_update, {}}, decode_error);
        established();
        Handled longer = update(new_key_update);
        longer.body.push_back(0);
        expect_injection_refused(from, 3, longer, decode_error);
        // Twice.
        established();
        middle->inject(from, 3, update(key_update_request));
        EXPECT_EQ(world.side(other(from))->state(), Connection::State::established);
        world.side(other(from)).outgoing.clear();
        expect_injection_refused(from, 3, update(key_update_request), unexpected_message);
        // A key share of small order.
        established();
        Handled zero = update(key_update_request);
        std::fill_n(zero.body.begin() + 5, 32, uint8_t{0});
        expect_injection_refused(from, 3, zero, illegal_parameter);
        // Crossed, with the very same share.
        established();
        Octets ours;
        middle->change = [&](Role, Handled message) {
            ours = message.body;
            return Messages{};
        };
        ASSERT_TRUE(world.side(other(from))->start_key_update());
        world.side(other(from)).drain();
        world.deliver(other(from));
        expect_injection_refused(from, 3, {HandshakeType::extended_key_update, ours},
                                 unexpected_message);
    }
    begin();
    world.server.configuration->extended_key_update = false;
    world.handshake();
    expect_injection_refused(Role::client, 3, update(key_update_request), unexpected_message);
}

TEST_F(Strictness, an_alert_ends_the_connection) {
    for (const uint8_t level : {uint8_t{1}, uint8_t{2}}) {
        for (const uint8_t description : {uint8_t{40}, uint8_t{200}}) {
            established();
            middle->inject(Role::server, 3, ContentType::alert, Octets{level, description});
            EXPECT_EQ(world.client->state(), Connection::State::failed);
            EXPECT_EQ(world.client->failure().cause, Failure::Cause::peers_alert);
            EXPECT_TRUE(world.client->take_datagrams().empty()) << "alerts are not answered";
        }
    }
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
