// Method 192 through two gateways and a simulated link: first keys, rekeys, refusals.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "tests/sim/log_capture.h"
#include "tests/sim/rekeys.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Tls13 : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

World::Settings with_tls(uint64_t seed) {
    World::Settings out;
    out.seed = seed;
    out.keys_a = Keys::tls13;
    out.keys_b = Keys::tls13;
    return out;
}

std::function<void(config::Configuration&)> adjust(std::function<void(config::Tls13&)> change) {
    return
        [change = std::move(change)](config::Configuration& c) { change(*c.protection[0].tls13); };
}

TEST_F(Tls13, first_keys_then_nothing_in_clear) {
    World world(with_tls(21));
    std::vector<std::pair<Link::Direction, uint8_t>> order;
    world.trunk.set_tap([&](Link::Direction direction, std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (parsed.kind == packet::FrameKind::sctp) {
            order.emplace_back(direction, parsed.first_chunk);
        }
    });
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(2, 60, 20'000));
    client.shutdown();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_EQ(client.close_reason(), sctp::CloseReason::shutdown_complete);

    bool is_protected[2] = {false, false};
    for (const auto& [direction, chunk] : order) {
        bool& side = is_protected[direction == Link::Direction::a_to_b ? 0 : 1];
        if (chunk == packet::kChunkDtls) {
            side = true;
        } else {
            EXPECT_FALSE(side) << "chunk " << int{chunk} << " in clear after protection";
        }
    }
    EXPECT_TRUE(is_protected[0] && is_protected[1]);
    EXPECT_TRUE(log.has("dns:b.example")) << log.text();
    EXPECT_TRUE(log.has("dns:a.example")) << log.text();
}

TEST_F(Tls13, either_side_can_be_the_tls_client) {
    for (const auto& [roles_a, roles_b] :
         {std::pair{"c", "s"}, std::pair{"s", "c"}, std::pair{"cs", "s"}, std::pair{"s", "cs"}}) {
        auto settings = with_tls(22);
        settings.roles_a = roles_a;
        settings.roles_b = roles_b;
        World world(settings);
        Peer& client = world.connect();
        expect_relayed(world, client, make_messages(3, 20, 2'000));
    }
}

TEST_F(Tls13, with_simultaneous_open) {
    // Both gateways connect to each other from and to the same ports.
    auto settings = with_tls(23);
    settings.adjust_a = [](config::Configuration& c) { c.backends[0].local_port = kServicePort; };
    settings.adjust_b = [](config::Configuration& c) {
        config::Backend to_a = c.backends[0];
        to_a.name = "a";
        to_a.side = config::Side::protected_side;
        to_a.port_index = 0;
        to_a.local = *IpAddress::parse("10.2.0.2");
        to_a.local_port = kServicePort;
        to_a.address = *IpAddress::parse("10.2.0.1");
        to_a.port = kServicePort;
        to_a.protection = 0;
        c.backends.push_back(to_a);
        config::Listener inner = c.listeners[0];
        inner.name = "inner";
        inner.side = config::Side::plain;
        inner.protection.reset();
        inner.port_index = 1;
        inner.address = *IpAddress::parse("10.3.0.1");
        inner.backend = 1;
        c.listeners = {inner};
    };
    World world(settings);
    size_t inits = 0;
    world.trunk.set_tap([&](Link::Direction, std::span<const uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        inits += parsed.kind == packet::FrameKind::sctp && parsed.first_chunk == packet::kChunkInit;
    });
    Peer& client = world.connect();
    Peer& other = world.server->connect(*IpAddress::parse("10.3.0.1"), kServicePort);
    client.send({1, 60, false, {1, 2, 3}});
    other.send({2, 60, false, {4, 5}});
    ASSERT_TRUE(world.run_until(
        [&] { return client.received().size() == 1 && other.received().size() == 1; },
        seconds(30)));
    EXPECT_EQ(inits, 2U) << "they did not cross";
    EXPECT_EQ(client.received()[0].octets, (std::vector<uint8_t>{4, 5}));
    EXPECT_EQ(other.received()[0].octets, (std::vector<uint8_t>{1, 2, 3}));
}

// --- every packet of the set-up lost, doubled, late

class SetUp : public testing::TestWithParam<Mishap> {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

TEST_P(SetUp, survives_it_for_each_packet) {
    set_up_survives(with_tls(24), GetParam());
}

// The same for each packet of a rekey.
TEST_P(SetUp, and_a_rekey_does_for_each_packet) {
    auto settings = with_tls(39);
    settings.adjust_a = adjust([](config::Tls13& tls13) { tls13.min_rekey_interval_ms = 0; });
    settings.adjust_b = settings.adjust_a;
    rekeys_survive(settings, GetParam());
}

INSTANTIATE_TEST_SUITE_P(Tls13, SetUp, testing::Values(Mishap::lost, Mishap::doubled, Mishap::late),
                         testing::PrintToStringParamName());

// --- rekeys

TEST_F(Tls13, two_hundred_rekeys_in_a_row_under_load_on_a_bad_link) {
    auto settings = with_tls(25);
    settings.adjust_a = adjust([](config::Tls13& tls13) { tls13.min_rekey_interval_ms = 0; });
    settings.adjust_b = settings.adjust_a;
    rekeys_under_load(settings, 200);
}

TEST_F(Tls13, crossed_starts_make_one_epoch) {
    World world(with_tls(26));
    const LogCapture log;
    EpochWatch a(*world.a);
    EpochWatch b(*world.b);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(6, 5, 500));
    world.run_for(milliseconds(1500));  // more than min_rekey_interval
    world.a->request_rekey();
    world.b->request_rekey();
    world.run_for(seconds(3));
    EXPECT_EQ(log.count(": rekey to epoch 4"), 2U) << "they did not cross";
    EXPECT_EQ(a.newest, 4);
    EXPECT_EQ(b.newest, 4);
    EXPECT_EQ(a.installed, 4U);
    EXPECT_EQ(b.installed, 4U);
    EXPECT_EQ(log.count("failed"), 0U) << log.text();
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
}

TEST_F(Tls13, rekeys_by_age_and_drains_the_old_keys) {
    auto settings = with_tls(27);
    settings.adjust_a = adjust([](config::Tls13& tls13) {
        tls13.rekey_age_s = 10;
        tls13.drain_s = 3;
    });
    World world(settings);
    EpochWatch a(*world.a);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(7, 5, 500));
    world.run_for(seconds(60));
    EXPECT_GE(a.newest, packet::kFirstEpoch + 5);
    EXPECT_LE(a.newest, packet::kFirstEpoch + 7) << "a tenth early at most";
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));
}

TEST_F(Tls13, rekeys_by_volume) {
    auto settings = with_tls(28);
    settings.adjust_b = adjust([](config::Tls13& tls13) { tls13.rekey_volume_mb = 1; });
    World world(settings);
    EpochWatch b(*world.b);
    Peer& client = world.connect();
    std::vector<Message> messages;
    for (uint8_t i = 0; i < 60; ++i) {
        messages.push_back({1, 60, false, std::vector<uint8_t>(100'000, i)});
    }
    expect_relayed(world, client, messages);
    world.run_for(seconds(3));
    EXPECT_GT(b.newest, packet::kFirstEpoch);
}

// --- downgrade

TEST_F(Tls13, any_bit_changed_in_a_parameter_ends_the_association) {
    // Type, length, tie breaker, flags and the only method of the INIT's parameter, and of the INIT
    // ACK's: every third bit.
    constexpr size_t kParameterBits = 80;
    for (const uint8_t chunk : {packet::kChunkInit, packet::kChunkInitAck}) {
        for (size_t bit = chunk; bit < kParameterBits; bit += 3) {
            auto settings = with_tls(29);
            const auto hurry =
                adjust([](config::Tls13& tls13) { tls13.handshake_timeout_ms = 1000; });
            settings.adjust_a = hurry;
            settings.adjust_b = hurry;
            World world(settings);
            const LogCapture log;
            size_t changed = 0;
            world.trunk.set_filter([&](Link::Direction, std::span<uint8_t> frame) {
                const auto parsed = packet::parse(frame);
                if (parsed.kind == packet::FrameKind::sctp && parsed.first_chunk == chunk) {
                    auto sctp = frame.subspan(parsed.l4_offset, parsed.l4_length);
                    const std::array<uint8_t, 4> start = {0x80, 0x06, 0x00, 0x0a};
                    // The state cookie has both parameters, too; ours comes after it.
                    const auto at =
                        std::find_end(sctp.begin(), sctp.end(), start.begin(), start.end());
                    if (at != sctp.end()) {
                        *(at + static_cast<ptrdiff_t>(bit / 8)) ^=
                            static_cast<uint8_t>(0x80 >> bit % 8);
                        packet::set_checksum(sctp);
                        ++changed;
                    }
                }
                return true;
            });
            Peer& client = world.connect();
            client.send({1, 60, false, {1, 2, 3}});
            ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)))
                << "bit " << bit << " of the parameter in chunk " << int{chunk};
            ASSERT_GT(changed, 0U);
            for (const auto& peer : world.server->peers()) {
                ASSERT_TRUE(peer->received().empty());
            }
            // A broken type or length is no parameter at all, and without one there is no
            // association. Everything else shows in the negotiation or in the handshake.
            const bool told = bit < 32 || log.has("a 0x8006 parameter changed on the way") ||
                              log.has("negotiation failed");
            ASSERT_TRUE(told) << "bit " << bit << " of chunk " << int{chunk} << ":\n" << log.text();
        }
    }
}

TEST_F(Tls13, user_data_that_somebody_adds_in_clear_is_never_relayed) {
    World world(with_tls(40));
    size_t added = 0;
    bool inside = false;
    world.trunk.set_filter([&](Link::Direction direction, std::span<uint8_t> frame) {
        const auto parsed = packet::parse(frame);
        if (inside || parsed.kind != packet::FrameKind::sctp ||
            parsed.first_chunk != packet::kChunkData) {
            return true;
        }
        // The message of key management that goes by, as one of the application: with its own TSN
        // and the next ones, so that SCTP would take it.
        for (uint8_t ahead = 0; ahead < 3; ++ahead) {
            std::vector<uint8_t> forged(frame.begin(), frame.end());
            auto sctp = std::span(forged).subspan(parsed.l4_offset, parsed.l4_length);
            packet::store_be32(&sctp[16], packet::load_be32(&sctp[16]) + ahead);
            packet::store_be32(&sctp[24], 60);
            packet::set_checksum(sctp);
            inside = true;
            world.trunk.inject(direction, forged);
            inside = false;
            ++added;
        }
        return true;
    });
    Peer& client = world.connect();
    const auto messages = make_messages(13, 10, 800);
    expect_relayed(world, client, messages);
    world.run_for(seconds(2));
    EXPECT_GE(added, 9U);
    EXPECT_TRUE(client.received().empty());
    EXPECT_EQ(world.server->peers()[0]->received().size(), messages.size());
    const auto dropped = [](gateway::Gateway& gateway) {
        return gateway.host().counters().clear_not_expected +
               gateway.drops(packet::DropReason::clear_when_protected);
    };
    EXPECT_GE(dropped(*world.a) + dropped(*world.b), added);
}

// --- identity

struct Refusal {
    const char* name;
    std::function<void(World::Settings&)> change;
    const char* log;
};

void PrintTo(const Refusal& refusal, std::ostream* out) {
    *out << refusal.name;
}

class Refused : public testing::TestWithParam<Refusal> {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }
};

// The PKI of a world does not exist before its configuration is made; these write into its folder.
std::filesystem::path folder_of(const config::Configuration& c) {
    return c.protection[0].tls13->certificate.parent_path();
}

std::function<void(config::Configuration&)> own_certificate(test::CertificateRequest request) {
    return [request = std::move(request)](config::Configuration& c) {
        // Signed by the authority that the world trusts: its key lies beside its certificate.
        test::Pki other;
        const auto ca = other.load(folder_of(c) / "ca");
        const auto made = other.make(request, &ca);
        const auto path = other.write("own", made);
        std::filesystem::copy(path.string() + ".pem", folder_of(c) / "own.pem");
        std::filesystem::copy(path.string() + ".key", folder_of(c) / "own.key");
        c.protection[0].tls13->certificate = folder_of(c) / "own.pem";
        c.protection[0].tls13->private_key = (folder_of(c) / "own.key").string();
    };
}

TEST_P(Refused, says_who_and_why_and_relays_nothing) {
    auto settings = with_tls(30);
    GetParam().change(settings);
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    client.send({1, 60, false, {1, 2, 3}});
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
    EXPECT_TRUE(world.server->peers().empty());
    EXPECT_TRUE(log.has(GetParam().log)) << log.text();
    EXPECT_TRUE(log.has("the peer refused the handshake with alert")) << log.text();
    EXPECT_EQ(world.a->relay().counters().protection_failures, 1U);
    EXPECT_EQ(world.b->relay().counters().protection_failures, 1U);
}

INSTANTIATE_TEST_SUITE_P(
    Tls13, Refused,
    testing::Values(
        Refusal{"a_name_that_a_does_not_expect",
                [](World::Settings& s) {
                    s.adjust_a =
                        adjust([](config::Tls13& tls) { tls.peer_names = {"dns:c.example"}; });
                },
                "certificate of peer dns:b.example is refused: none of the names expected: "
                "dns:c.example"},
        Refusal{"a_name_that_b_does_not_expect",
                [](World::Settings& s) {
                    s.adjust_b =
                        adjust([](config::Tls13& tls) { tls.peer_names = {"dns:c.example"}; });
                },
                "certificate of peer dns:a.example is refused: none of the names expected: "
                "dns:c.example"},
        Refusal{"an_unknown_authority",
                [](World::Settings& s) {
                    s.adjust_a = [](config::Configuration& c) {
                        test::Pki other;
                        const auto path = folder_of(c) / "other-ca.pem";
                        std::filesystem::copy(other.folder() / "ca.pem", path);
                        c.protection[0].tls13->authorities = {path};
                    };
                },
                "certificate of peer dns:b.example is refused: unable to get local issuer "
                "certificate"},
        Refusal{"a_certificate_for_servers_only",
                [](World::Settings& s) {
                    s.roles_a = "c";
                    s.roles_b = "s";
                    s.adjust_a = own_certificate({.subject_alternative_names = "DNS:a.example",
                                                  .extended_key_usage = "serverAuth"});
                },
                "certificate of peer dns:a.example is refused: unsuitable certificate purpose"},
        Refusal{"a_revoked_certificate",
                [](World::Settings& s) {
                    s.adjust_b = [](config::Configuration& c) {
                        test::Pki other;
                        const auto ca = other.load(folder_of(c) / "ca");
                        const auto a = other.load(folder_of(c) / "a");
                        const auto list = other.write_revocation_list("list", ca, {&a});
                        std::filesystem::copy(list, folder_of(c) / "list.crl");
                        c.protection[0].tls13->revocation_lists = {folder_of(c) / "list.crl"};
                    };
                },
                "certificate of peer dns:a.example is refused: certificate revoked"},
        Refusal{"an_authority_without_a_current_revocation_list",
                [](World::Settings& s) {
                    s.adjust_b = [](config::Configuration& c) {
                        test::Pki other;
                        const auto ca = other.load(folder_of(c) / "ca");
                        const auto list = other.write_revocation_list("list", ca, {}, 86400L * 3);
                        std::filesystem::copy(list, folder_of(c) / "list.crl");
                        c.protection[0].tls13->revocation_lists = {folder_of(c) / "list.crl"};
                    };
                },
                "certificate of peer dns:a.example is refused: CRL has expired"}),
    testing::PrintToStringParamName());

TEST_F(Tls13, no_common_group_or_suite_is_refused) {
    auto settings = with_tls(31);
    settings.adjust_a = adjust([](config::Tls13& tls) { tls.groups = {"x25519"}; });
    settings.adjust_b = adjust([](config::Tls13& tls) { tls.groups = {"secp384r1"}; });
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(40)));
    EXPECT_TRUE(log.has("TLS handshake failed")) << log.text();
}

TEST_F(Tls13, a_hello_retry_is_one_more_round) {
    auto settings = with_tls(32);
    settings.adjust_a = adjust([](config::Tls13& tls) { tls.groups = {"x25519", "secp384r1"}; });
    settings.adjust_b = adjust([](config::Tls13& tls) { tls.groups = {"secp384r1"}; });
    World world(settings);
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(8, 5, 500));
    world.run_for(milliseconds(1500));
    world.a->request_rekey();
    world.run_for(seconds(1));
    EXPECT_TRUE(log.has("epoch 4: TLS_AES_128_GCM_SHA256, secp384r1")) << log.text();
}

// --- certificates that change

TEST_F(Tls13, reloaded_certificates_serve_the_next_handshake) {
    World world(with_tls(33));
    const LogCapture log;
    EpochWatch a(*world.a);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(9, 5, 500));
    world.run_for(milliseconds(1500));

    world.pki->issue("b", "b.example");  // another key and serial number, the same name
    ASSERT_EQ(world.reload(world.b), "");
    world.b->request_rekey();
    world.run_for(seconds(2));
    EXPECT_EQ(a.newest, 4);

    // Another name: the identity is pinned; the association lives on under the old keys.
    world.pki->write("b", world.pki->make({.subject_alternative_names = "DNS:b.example,DNS:more"},
                                          &world.pki->root()));
    ASSERT_EQ(world.reload(world.b), "");
    world.b->request_rekey();
    world.run_for(seconds(2));
    EXPECT_TRUE(log.has("the identity changed during the association, it was dns:b.example"))
        << log.text();
    client.send({1, 60, false, {1}});
    EXPECT_TRUE(world.run_until([&] { return world.server->peers()[0]->received().size() == 6; },
                                seconds(10)));

    // Files that cannot be used change nothing.
    world.pki->write_text("b.pem", "no certificate\n");
    const std::string refusal = world.reload(world.b);
    EXPECT_TRUE(refusal.starts_with("protection[trunk]: protection policy trunk: ")) << refusal;

    // A good one again: the next try is a rekey.
    world.pki->issue("b", "b.example");
    ASSERT_EQ(world.reload(world.b), "");
    world.a->request_rekey();
    world.run_for(seconds(2));
    EXPECT_GE(a.newest, 5);
    EXPECT_FALSE(client.closed());
}

TEST_F(Tls13, a_certificate_about_to_expire_is_a_reason_to_rekey) {
    auto settings = with_tls(34);
    settings.adjust_b =
        own_certificate({.subject_alternative_names = "DNS:b.example", .not_after = 1800});
    World world(settings);
    const LogCapture log;
    EpochWatch a(*world.a);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(10, 3, 100));
    world.run_for(seconds(20));
    EXPECT_TRUE(log.has("a certificate is about to expire")) << log.text();
    EXPECT_GE(a.newest, 4);
    EXPECT_LE(a.newest, 5) << "not again and again while the certificate stays the same";
}

// --- methods and modes

TEST_F(Tls13, methods_are_agreed_by_preference) {
    struct Case {
        Keys a;
        Keys b;
        const char* log;
    };
    for (const auto& [keys_a, keys_b, expected] :
         {Case{Keys::tls13_or_preshared, Keys::tls13_or_preshared, "method 192"},
          Case{Keys::tls13_or_preshared, Keys::preshared, "method 0"},
          Case{Keys::tls13, Keys::tls13_or_preshared, "method 192"}}) {
        World::Settings settings;
        settings.seed = 35;
        settings.keys_a = keys_a;
        settings.keys_b = keys_b;
        World world(settings);
        const LogCapture log;
        Peer& client = world.connect();
        expect_relayed(world, client, make_messages(11, 5, 500));
        EXPECT_TRUE(log.has(expected)) << log.text();
    }
    World::Settings settings;
    settings.seed = 36;
    settings.keys_a = Keys::tls13;
    World world(settings);
    Peer& client = world.connect();
    ASSERT_TRUE(world.run_until([&] { return client.closed(); }, seconds(60)));
    EXPECT_TRUE(world.server->peers().empty());
}

TEST_F(Tls13, loose_mode_without_the_extension_is_plain_and_strict_mode_nothing) {
    auto settings = with_tls(37);
    settings.b_plain = true;
    settings.mode_a = config::ProtectionMode::loose;
    {
        World loose(settings);
        Peer& client = loose.connect();
        expect_relayed(loose, client, make_messages(12, 5, 500));
    }
    settings.mode_a = config::ProtectionMode::strict;
    World strict(settings);
    Peer& refused = strict.connect();
    ASSERT_TRUE(strict.run_until([&] { return refused.closed(); }, seconds(60)));
    EXPECT_TRUE(strict.server->peers().empty());
}

// --- many at once

TEST_F(Tls13, a_crowd_waits_for_slots_and_all_come_up) {
    auto settings = with_tls(38);
    const auto few = [](config::Configuration& c) { c.limits.handshakes = 4; };
    settings.adjust_a = few;
    settings.adjust_b = few;
    World world(settings);
    constexpr size_t kCrowd = 60;
    std::vector<Peer*> clients;
    for (size_t i = 0; i < kCrowd; ++i) {
        clients.push_back(&world.connect());
        clients.back()->send({1, 60, false, {static_cast<uint8_t>(i)}});
    }
    ASSERT_TRUE(world.run_until(
        [&] {
            const auto& peers = world.server->peers();
            return peers.size() == kCrowd && std::all_of(peers.begin(), peers.end(), [](auto& p) {
                       return p->received().size() == 1;
                   });
        },
        seconds(60)));
    EXPECT_EQ(world.b->relay().counters().protection_failures, 0U);
}

}  // namespace
}  // namespace sdg::sim
