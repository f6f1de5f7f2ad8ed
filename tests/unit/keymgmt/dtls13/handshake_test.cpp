// Whole handshakes between the engine's two sides: what is negotiated, what is refused, what a bad
// link does to them.
#include <map>
#include <set>

#include "tests/unit/keymgmt/dtls13/world.h"

namespace sdg::keymgmt::dtls13::test {
namespace {

class Handshake : public testing::Test {
 protected:
    World world;

    void expect_same_exports() {
        const Octets context{1, 2, 3};
        const auto client = world.client->export_secret("EXPORTER-test", context, 40);
        const auto server = world.server->export_secret("EXPORTER-test", context, 40);
        ASSERT_TRUE(client && server);
        EXPECT_EQ(*client, *server);
        EXPECT_NE(*client, *world.client->export_secret("EXPORTER-test", {}, 40));
        EXPECT_NE(*client, *world.client->export_secret("EXPORTER-tent", context, 40));
        const auto of_epoch = world.client->export_of_epoch(3, "EXPORTER-test", context, 40);
        ASSERT_TRUE(of_epoch);
        EXPECT_NE(*client, *of_epoch);
        EXPECT_EQ(*of_epoch, *world.server->export_of_epoch(3, "EXPORTER-test", context, 40));
    }
    void expect_data_both_ways() {
        ASSERT_TRUE(world.client->send(octets_of("from the client")));
        ASSERT_TRUE(world.server->send(octets_of("from the server")));
        world.run();
        ASSERT_EQ(world.server.data.size(), 1U);
        ASSERT_EQ(world.client.data.size(), 1U);
        EXPECT_TRUE(std::ranges::equal(world.server.data[0], octets_of("from the client")));
        EXPECT_TRUE(std::ranges::equal(world.client.data[0], octets_of("from the server")));
    }
};

TEST_F(Handshake, with_the_defaults) {
    world.handshake();
    world.expect_established();
    EXPECT_EQ(world.client->negotiated().suite, record::Suite::aes_128_gcm_sha256);
    EXPECT_EQ(world.client->negotiated().group, NamedGroup::x25519);
    EXPECT_TRUE(world.client->negotiated().extended_key_update);
    EXPECT_TRUE(world.client->is_acknowledged());
    EXPECT_TRUE(world.server->is_acknowledged());
    EXPECT_FALSE(world.client->deadline());
    EXPECT_FALSE(world.server->deadline());
    EXPECT_EQ(world.client->negotiated().peer_chain.size(), 1U);
    EXPECT_EQ(world.server->negotiated().peer_chain.size(), 1U);
    expect_same_exports();
    expect_data_both_ways();
}

TEST_F(Handshake, every_group_suite_and_signature_algorithm) {
    const std::map<SignatureScheme, KeyKind> schemes{
        {SignatureScheme::ecdsa_secp256r1_sha256, KeyKind::p256},
        {SignatureScheme::ecdsa_secp384r1_sha384, KeyKind::p384},
        {SignatureScheme::ed25519, KeyKind::ed25519},
        {SignatureScheme::rsa_pss_rsae_sha256, KeyKind::rsa2048},
        {SignatureScheme::rsa_pss_rsae_sha384, KeyKind::rsa2048},
        {SignatureScheme::rsa_pss_rsae_sha512, KeyKind::rsa2048},
    };
    for (const NamedGroup group :
         {NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1}) {
        for (const record::Suite suite :
             {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384,
              record::Suite::chacha20_poly1305_sha256}) {
            for (const auto& [scheme, kind] : schemes) {
                SCOPED_TRACE(std::string(group_name(group)) + " " +
                             std::string(record::traits(suite)->name) + " " +
                             std::string(signature_scheme_name(scheme)));
                world = {};
                for (Side* side : {&world.client, &world.server}) {
                    side->configuration = configuration(kind);
                    side->configuration->groups = {group};
                    side->configuration->suites = {suite};
                    side->configuration->signature_schemes = {scheme};
                }
                world.handshake();
                world.expect_established();
                EXPECT_EQ(world.server->negotiated().group, group);
                EXPECT_EQ(world.server->negotiated().suite, suite);
                EXPECT_EQ(world.server->negotiated().peer_scheme, scheme);
                EXPECT_EQ(world.client->negotiated().peer_scheme, scheme);
                expect_same_exports();
                expect_data_both_ways();
            }
        }
    }
}

TEST_F(Handshake, the_servers_preference_decides) {
    world.server.configuration->suites = {record::Suite::chacha20_poly1305_sha256,
                                          record::Suite::aes_128_gcm_sha256};
    world.server.configuration->groups = {NamedGroup::secp384r1, NamedGroup::secp256r1,
                                          NamedGroup::x25519};
    world.client.configuration->key_shares = 2;  // x25519, secp256r1
    world.handshake();
    world.expect_established();
    EXPECT_EQ(world.client->negotiated().suite, record::Suite::chacha20_poly1305_sha256);
    EXPECT_EQ(world.client->negotiated().group, NamedGroup::secp256r1);
    EXPECT_FALSE(world.client->negotiated().hello_retry);
}

TEST_F(Handshake, a_missing_key_share_is_asked_for) {
    world.server.configuration->groups = {NamedGroup::secp384r1};
    world.handshake();
    world.expect_established();
    EXPECT_EQ(world.client->negotiated().group, NamedGroup::secp384r1);
    EXPECT_TRUE(world.client->negotiated().hello_retry);
    EXPECT_TRUE(world.server->negotiated().hello_retry);
    expect_same_exports();
}

TEST_F(Handshake, a_cookie_is_asked_for) {
    world.server.configuration->always_hello_retry = true;
    world.handshake();
    world.expect_established();
    EXPECT_EQ(world.client->negotiated().group, NamedGroup::x25519);
    EXPECT_TRUE(world.client->negotiated().hello_retry);
    expect_same_exports();
}

TEST_F(Handshake, another_server_with_the_cookie_key_goes_on) {
    world.server.configuration->always_hello_retry = true;
    world.server.configuration->cookie_key =
        std::make_shared<SecretBytes>(SecretBytes::copy_of(Octets(32, 0x5a)));
    world.start();
    world.deliver(Role::client);
    ASSERT_TRUE(world.server->may_be_forgotten());
    world.make(Role::server);
    world.run();
    world.expect_established();
    expect_same_exports();
}

TEST_F(Handshake, a_cookie_is_good_for_its_address_key_and_time_only) {
    for (int fault = 0; fault < 3; ++fault) {
        world = {};
        world.client.configuration->transport = Transport::reliable;
        world.server.configuration->always_hello_retry = true;
        world.server.configuration->cookie_key =
            std::make_shared<SecretBytes>(SecretBytes::copy_of(Octets(32, 0x5a)));
        world.start();
        world.deliver(Role::client);
        if (fault == 0) {
            world.server.configuration->cookie_key =
                std::make_shared<SecretBytes>(SecretBytes::copy_of(Octets(32, 0x5b)));
            world.make(Role::server);
        } else if (fault == 1) {
            world.clock.advance(std::chrono::seconds(61));
        } else {
            auto made = Connection::create({.role = Role::server,
                                            .configuration = world.server.configuration,
                                            .check_peer = world.server.check,
                                            .peer_address = {1, 2, 3, 5}},
                                           world.clock, world.random);
            world.server.connection = std::move(*made);
        }
        world.run();
        world.expect_refused_by(Role::server, AlertDescription::illegal_parameter);
    }
}

TEST_F(Handshake, over_a_reliable_transport_has_no_timers) {
    for (Side* side : {&world.client, &world.server}) {
        side->configuration->transport = Transport::reliable;
        side->configuration->packing.max_datagram = 65535;
        side->configuration->handshake_timeout = {};
    }
    world.start();
    EXPECT_FALSE(world.client->deadline());
    size_t messages = 0;
    world.fate = [&](Role, size_t, Octets datagram) {
        ++messages;
        return std::vector<Octets>{std::move(datagram)};
    };
    world.run();
    world.expect_established();
    // ClientHello; ServerHello..Finished; Certificate..Finished; ACK.
    EXPECT_EQ(messages, 4U);
    EXPECT_EQ(world.clock.now(), TimePoint{});
}

TEST_F(Handshake, with_every_kind_of_packing) {
    for (const size_t datagram : {128U, 256U, 600U, 1400U, 60000U}) {
        for (int how = 0; how < 4; ++how) {
            SCOPED_TRACE(std::to_string(datagram) + " " + std::to_string(how));
            world = {};
            for (Side* side : {&world.client, &world.server}) {
                Packing& packing = side->configuration->packing;
                packing.max_datagram = datagram;
                packing.several_messages_per_record = (how & 1) != 0;
                packing.several_records_per_datagram = (how & 2) != 0;
                if (how == 3) {
                    packing.max_fragment = 50;
                }
            }
            world.handshake();
            world.expect_established();
            EXPECT_EQ(world.clock.now(), TimePoint{}) << "nothing was sent twice";
        }
    }
}

TEST_F(Handshake, survives_a_link_that_loses_repeats_and_overtakes) {
    unsigned established = 0;
    for (uint64_t seed = 1; seed <= 150; ++seed) {
        SCOPED_TRACE(seed);
        world = {};
        world.seed(seed);
        world.link = {.lost = 20, .repeated = 10, .overtaken = 20};
        for (Side* side : {&world.client, &world.server}) {
            side->configuration->packing.max_datagram = seed % 2 == 0 ? 200 : 1200;
            side->configuration->max_retransmissions = 12;
        }
        world.server.configuration->always_hello_retry = seed % 3 == 0;
        world.handshake();
        world.expect_established();
        established += world.client->is_acknowledged() && world.server->is_acknowledged() ? 1 : 0;
        EXPECT_FALSE(world.client->deadline());
        EXPECT_LT(world.client.sent_octets + world.server.sent_octets, 100'000U);
        expect_same_exports();
    }
    EXPECT_EQ(established, 150U);
}

TEST_F(Handshake, gives_up_when_nobody_answers) {
    world.link.lost = 100;
    world.handshake();
    EXPECT_EQ(world.client->state(), Connection::State::failed);
    EXPECT_EQ(world.client->failure().cause, Failure::Cause::timed_out);
    EXPECT_GT(world.clock.now(), std::chrono::seconds(60));
}

TEST_F(Handshake, without_anything_in_common_is_refused) {
    world.client.configuration->suites = {record::Suite::aes_128_gcm_sha256};
    world.server.configuration->suites = {record::Suite::aes_256_gcm_sha384};
    world.handshake();
    world.expect_refused_by(Role::server, AlertDescription::handshake_failure);

    world = {};
    world.client.configuration->groups = {NamedGroup::x25519};
    world.server.configuration->groups = {NamedGroup::secp256r1};
    world.handshake();
    world.expect_refused_by(Role::server, AlertDescription::handshake_failure);

    world = {};
    world.client.configuration->signature_schemes = {SignatureScheme::ed25519};
    world.handshake();
    world.expect_refused_by(Role::server, AlertDescription::handshake_failure);

    world = {};
    world.server.configuration->signature_schemes = {SignatureScheme::ed25519};
    world.server.configuration->identity = configuration(KeyKind::ed25519)->identity;
    world.handshake();
    world.expect_refused_by(Role::client, AlertDescription::handshake_failure);
}

TEST_F(Handshake, who_is_not_asked_for_a_certificate_refuses) {
    world.server.configuration->mutual = false;
    world.handshake();
    world.expect_refused_by(Role::client, AlertDescription::handshake_failure);

    world = {};
    world.server.configuration->mutual = false;
    world.client.configuration->mutual = false;
    world.handshake();
    world.expect_established();
    EXPECT_TRUE(world.server->negotiated().peer_chain.empty());
}

TEST_F(Handshake, names_of_the_peer_decide) {
    Certificates& certificates = Certificates::get();
    const auto names = [](const char* name) { return *tls13::PeerNames::parse({name}); };
    std::string taken;
    world.client.check =
        check_against(certificates.of(KeyKind::p256), names("dns:kind-0"), {},
                      [&](const tls13::PeerIdentity& peer) { taken = peer.to_string(); });
    world.handshake();
    world.expect_established();
    EXPECT_EQ(taken, "dns:kind-0");
    for (const Role role : {Role::client, Role::server}) {
        world = {};
        world.side(role).check =
            check_against(certificates.of(KeyKind::p256), names("dns:somebody.else"), {}, {});
        world.handshake();
        world.expect_refused_by(role, AlertDescription::bad_certificate);
        world = {};
        tls13::PeerIdentity before;
        before.names = {"dns:kind-9"};
        world.side(role).check =
            check_against(certificates.of(KeyKind::p256), {.any = true, .names = {}}, before, {});
        world.handshake();
        world.expect_refused_by(role, AlertDescription::access_denied);
    }
}

TEST_F(Handshake, wrong_certificates_are_refused_with_their_alert) {
    sdg::test::Pki& pki = Certificates::get().pki;
    const auto stranger =
        pki.make({.common_name = "stranger", .authority = true, .key_usage = "keyCertSign,cRLSign"},
                 nullptr);
    struct Case {
        sdg::test::CertificateRequest request;
        const sdg::test::Certificate* issuer;
        AlertDescription alert;
    };
    const std::vector<Case> cases{
        {{.common_name = "unknown issuer"}, &stranger, AlertDescription::unknown_ca},
        {{.common_name = "self-signed"}, nullptr, AlertDescription::unknown_ca},
        {{.common_name = "expired", .not_before = -7200, .not_after = -3600},
         &pki.root(),
         AlertDescription::certificate_expired},
        {{.common_name = "not yet", .not_before = 3600},
         &pki.root(),
         AlertDescription::certificate_expired},
        {{.common_name = "no signature", .key_usage = "keyEncipherment"},
         &pki.root(),
         AlertDescription::unsupported_certificate},
        {{.common_name = "code signing", .extended_key_usage = "codeSigning"},
         &pki.root(),
         AlertDescription::unsupported_certificate},
    };
    for (const Case& one : cases) {
        for (const Role role : {Role::client, Role::server}) {
            SCOPED_TRACE(one.request.common_name);
            world = {};
            const auto made = pki.make(one.request, one.issuer);
            unsigned char* der = nullptr;
            const int length = i2d_X509(made.certificate.get(), &der);
            OwnIdentity& identity = world.side(role).configuration->identity;
            identity.chain = {Octets(der, der + length)};
            OPENSSL_free(der);
            EVP_PKEY_up_ref(made.key.get());
            identity.key = {made.key.get(), &EVP_PKEY_free};
            world.handshake();
            world.expect_refused_by(other(role), one.alert);
        }
    }
}

TEST_F(Handshake, a_certificate_without_its_key_is_refused) {
    for (const Role role : {Role::client, Role::server}) {
        world = {};
        const auto made = Certificates::get().pki.make({}, nullptr);
        EVP_PKEY_up_ref(made.key.get());
        world.side(role).configuration->identity.key = {made.key.get(), &EVP_PKEY_free};
        world.handshake();
        world.expect_refused_by(other(role), AlertDescription::decrypt_error);
    }
}

TEST_F(Handshake, a_close_is_told) {
    world.handshake();
    world.client->close();
    EXPECT_EQ(world.client->state(), Connection::State::closed);
    EXPECT_FALSE(world.client->send(octets_of("late")));
    world.run();
    EXPECT_EQ(world.server->state(), Connection::State::closed);
}

TEST_F(Handshake, the_key_log_has_every_secret_of_both_sides) {
    std::multiset<std::string> lines;
    const auto sink = [&](std::string_view line) { lines.emplace(line); };
    world.client.configuration->key_log = sink;
    world.server.configuration->key_log = sink;
    world.handshake();
    std::set<std::string> labels;
    for (const std::string& line : lines) {
        EXPECT_EQ(lines.count(line), 2U) << line;
        labels.insert(line.substr(0, line.find(' ')));
    }
    EXPECT_EQ(labels,
              (std::set<std::string>{"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                     "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
                                     "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"}));
}

TEST_F(Handshake, a_first_client_hello_may_name_dtls_1_0_in_its_record) {
    world.fate = [](Role from, size_t number, Octets datagram) {
        if (from == Role::client && number == 0) {
            datagram[2] = 0xff;
        }
        return std::vector<Octets>{std::move(datagram)};
    };
    world.handshake();
    world.expect_established();
    EXPECT_EQ(world.clock.now(), TimePoint{});
}

TEST_F(Handshake, a_part_of_the_clients_last_flight_ends_the_servers_retransmissions) {
    world.client.configuration->packing.max_datagram = 300;
    world.server.configuration->handshake_timeout = {};
    world.start();
    while (!world.client.outgoing.empty()) {
        world.deliver(Role::client);
    }
    while (!world.server.outgoing.empty()) {
        world.deliver(Role::server);
    }
    ASSERT_GT(world.client.outgoing.size(), 1U);
    world.deliver(Role::client);
    world.client.outgoing.clear();
    ASSERT_EQ(world.server->state(), Connection::State::handshaking);
    // What is left to do is to acknowledge the part.
    ASSERT_TRUE(world.server->deadline());
    world.clock.advance(*world.server->deadline() - world.clock.now());
    world.server->on_time();
    world.server.drain();
    EXPECT_EQ(world.server.outgoing.size(), 1U);
    EXPECT_FALSE(world.server->deadline());
    world.run();
    world.expect_established();
}

TEST_F(Handshake, a_lost_last_acknowledgement_is_repeated) {
    bool lost = false;
    world.fate = [&](Role from, size_t, Octets datagram) {
        if (from == Role::server && !lost &&
            world.server->state() == Connection::State::established) {
            lost = true;
            return std::vector<Octets>{};
        }
        return std::vector<Octets>{std::move(datagram)};
    };
    world.handshake();
    EXPECT_TRUE(lost);
    world.expect_established();
    EXPECT_TRUE(world.client->is_acknowledged());
}

TEST_F(Handshake, clear_records_do_not_disturb_a_protected_connection) {
    world.handshake();
    Octets alert;
    append_clear_record(alert, ContentType::alert, 9, Octets{2, 40});
    Octets hello;
    append_clear_record(hello, ContentType::handshake, 10, Octets(12, 0));
    Octets junk(40, 0x2f);
    for (const Octets& one : {alert, hello, junk}) {
        world.client->receive(one);
        world.server->receive(one);
    }
    world.expect_established();
    expect_data_both_ways();
}

TEST_F(Handshake, records_that_are_repeated_are_delivered_once) {
    world.handshake();
    world.fate = [](Role, size_t, Octets datagram) {
        return std::vector<Octets>{datagram, datagram};
    };
    expect_data_both_ways();
}

TEST_F(Handshake, data_that_nobody_takes_is_bounded) {
    world.handshake();
    const Octets data(1000, 7);
    for (size_t i = 0; i <= Connection::kMaxPendingData / data.size(); ++i) {
        ASSERT_EQ(world.server->state(), Connection::State::established) << i;
        ASSERT_TRUE(world.client->send(data));
        for (const Octets& datagram : world.client->take_datagrams()) {
            world.server->receive(datagram);
        }
    }
    EXPECT_EQ(world.server->state(), Connection::State::failed);
    EXPECT_FALSE(world.client->send(Octets(1200, 7))) << "more than fits a datagram";
}

TEST_F(Handshake, a_flood_of_fragments_is_bounded) {
    world.start();
    for (uint16_t seq = 0; seq < 400; ++seq) {
        for (uint32_t offset = 0; offset < 64; offset += 2) {
            Octets record;
            const Octets two{0, 0};
            append_fragment(record, {.type = HandshakeType::client_hello,
                                     .length = 32 * 1024,
                                     .message_seq = seq,
                                     .offset = offset * 500,
                                     .content = two});
            Octets datagram;
            append_clear_record(datagram, ContentType::handshake, seq, record);
            world.server->receive(datagram);
            world.server.drain();
            ASSERT_LE(world.server->buffered(), Reassembly::kMaxBuffered);
        }
    }
    EXPECT_EQ(world.server->state(), Connection::State::handshaking);
    // Every ACK is small, and one record is answered by at most one.
    EXPECT_LT(world.server.sent_octets, 400U * 32U * 1100U);
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13::test
