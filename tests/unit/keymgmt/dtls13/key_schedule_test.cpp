// The key schedule, extended key updates and empty authenticators against known answers, which
// schedule_vectors.py prints.
#include "control/keymgmt/dtls13/key_schedule.h"

#include <gtest/gtest.h>

#include "control/keymgmt/dtls13/exported_authenticator.h"
#include "tests/support/hex.h"

namespace sdg::keymgmt::dtls13 {
namespace {

using sdg::test::from_hex;

struct Epoch {
    const char* client;
    const char* server;
    const char* exported;
};
struct Known {
    record::Suite suite;
    const char* client_handshake;
    const char* server_application;
    const char* exported;
    Epoch updates[2];
};
const Known kKnown[] = {
    {record::Suite::aes_128_gcm_sha256,
     "70cd6f6862a5c17f1be37fc750393ea250374c1559cf4c3f7de9c4fb7923749e",
     "5750826139799f79e8799f60cbf7a8faa6515799593ab9cff26c371a94cc189d",
     "63e231591f0226ec3af8633f842cc638",
     {{"2b3bcc8bdf22305d5c18da8ef2ce26f2e8af0d29f3cac020942010253f9cc206",
       "ae11df4571e6a18b9b4c44cde2186067a593fae05334543f11a8352e7ba8819e",
       "b01f5ab494b2bc6371549a20a29eb816"},
      {"4f9134c83781b07af4923bd6b00a61db5dad82408db9b6d968bacb50b266cc70",
       "83774812641664b7d745e11f913f1cd4d600ff5548f6c30aa670263b2b206d85",
       "cdbd8543ba0a00125060f9804afed3a4"}}},
    {record::Suite::aes_256_gcm_sha384,
     "436b07b0e58f6fa1bd14ba88a4f3926df3f069a87d8f9ae174bd73e5f938344575262d93"
     "2b34f503791ee14926a151c4",
     "5efe787ffe4adae401a4ee2ed0cd8cfa040289d8d111e4f3da82a290a536dfe29c32b0c8"
     "e85b99d9e304503eede1b2ec",
     "fafb10518e6da560ea9908d71fbef2b0",
     {{"709098bacaa70381912acbc01ed3bbfc4e148334faf8d2f707b4956f435f98234d5db44f"
       "b04c85f90aba49902376a238",
       "9abccdfd1eefdc5c4cb64bcd992708ab3d2c0fdaf580d58949d018c3fda68ae13d48f821"
       "47f1b69a14f0981f2029057c",
       "010f5b3004e94d1a38dbd06741010201"},
      {"1273ccbcc872bc8a7bc5d51ffc49ff4b8378019cd1d9cd1e383dcba606241ec132d47a77"
       "699aaf925132b9b1f88b2b5d",
       "6522de43e22441403b0147bfb20cef6735d566647f3b6f72a8715989fe0f417e4623975b"
       "ebf8c52e25db882e04248c61",
       "309d65057a7968e878ac81756c377b7b"}}},
};

bool is(View made, const char* expected) {
    return std::ranges::equal(made, from_hex(expected));
}

TEST(Dtls13KeySchedule, known_secrets_through_two_updates) {
    for (const Known& known : kKnown) {
        KeySchedule schedule;
        schedule.choose(known.suite, {});
        const size_t length = schedule.hash().length;
        ASSERT_TRUE(schedule.enter_handshake(Octets(32, 1), Octets(length, 11)));
        EXPECT_TRUE(is(schedule.handshake().client.bytes(), known.client_handshake));
        ASSERT_TRUE(schedule.enter_application(Octets(length, 12)));
        EXPECT_TRUE(is(schedule.application().server.bytes(), known.server_application));
        const auto exported = [&](uint64_t epoch) {
            return schedule.export_of_epoch(epoch, "EXPORTER-x", octets_of("c"), 16);
        };
        EXPECT_TRUE(is(exported(3)->bytes(), known.exported));
        schedule.finish(Octets(length, 13));
        EXPECT_TRUE(schedule.application().server.empty()) << "wiped";
        for (uint64_t update = 1; update <= 2; ++update) {
            const std::string request = "request" + std::to_string(update);
            const std::string response = "response" + std::to_string(update);
            const auto secrets = schedule.next_epoch(Octets(32, static_cast<uint8_t>(update + 1)),
                                                     octets_of(request), octets_of(response));
            ASSERT_TRUE(secrets);
            const Epoch& expected = known.updates[update - 1];
            EXPECT_TRUE(is(secrets->client.bytes(), expected.client));
            EXPECT_TRUE(is(secrets->server.bytes(), expected.server));
            EXPECT_TRUE(is(exported(update + 3)->bytes(), expected.exported));
        }
        EXPECT_FALSE(exported(3)) << "only the last two are kept";
    }
}

TEST(Dtls13Authenticator, known_octets) {
    const SignatureScheme scheme = SignatureScheme::ed25519;
    const Octets request = authenticator_request(Role::client, Octets{9, 9}, {&scheme, 1});
    EXPECT_TRUE(is(request, "1100000d0209090008000d000400020807"));
    AuthenticatorKeys keys;
    keys.handshake_context = SecretBytes::copy_of(Octets(32, 21));
    keys.finished_key = SecretBytes::copy_of(Octets(32, 22));
    const auto made = make_empty_authenticator(keys, request);
    ASSERT_TRUE(made);
    EXPECT_TRUE(
        is(*made, "14000020a94af1c4eb7dc74c0b6eac1d8b062bc07cad4a687982e7285046ee728b3961b3"));
}

}  // namespace
}  // namespace sdg::keymgmt::dtls13
