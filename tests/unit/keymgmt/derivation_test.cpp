// Method 0's derivation against values computed by derivation_vectors.py.
#include "control/keymgmt/preshared/derivation.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "tests/support/hex.h"

namespace sdg::keymgmt {
namespace {

using keys::KeyRole;
using keys::KmRole;
using record::Suite;

SecretBytes counting_key() {
    SecretBytes key(32);
    std::iota(key.mutable_bytes().begin(), key.mutable_bytes().end(), uint8_t{0});
    return key;
}

SessionContext context() {
    SessionContext out;
    out.client_parameter = test::from_hex("8006000a1e7ff4ee0500");
    out.server_parameter = test::from_hex("8006000aaf9a3ee20600");
    out.client_tag = 0x01020304;
    out.server_tag = 0xa0b0c0d0;
    return out;
}

std::vector<uint8_t> octets(const SecretBytes& secret) {
    return {secret.bytes().begin(), secret.bytes().end()};
}

struct KnownAnswer {
    Suite suite;
    uint16_t epoch;
    KmRole writer;
    KeyRole role;
    const char* key;
    const char* sn_key;
    const char* iv;
};

TEST(PresharedDerivation, equals_the_independent_computation) {
    const KnownAnswer answers[] = {
        {Suite::aes_128_gcm_sha256, 3, KmRole::client, KeyRole::primary,
         "4c4f25707189bd869625c7c77750d0e2", "fb5a84646771bf2d2ead46f3f87a1391",
         "ba8cac98bcf18bd9fa2e7ea3"},
        {Suite::aes_128_gcm_sha256, 4, KmRole::server, KeyRole::primary,
         "a62bab9b33a5b48cfa98fbf59417d964", "f442a1428bb39abb7ebdd94122828417",
         "015db1d4a0ab2b7e7eed4ca6"},
        {Suite::aes_256_gcm_sha384, 3, KmRole::server, KeyRole::restart,
         "7ee428d2f6af2e3c31c918d8fd81f6cc9f43269e29fa6db844756454b7331a8d",
         "b4bad815011ea016f8532a538cf1dfc9bd684bf65bf36ab3ed3d93e335a8107f",
         "8f7c2d06e9770096b0460dbd"},
        {Suite::chacha20_poly1305_sha256, 3, KmRole::client, KeyRole::primary,
         "7c4f7feeb5677320b04015989395481c6dcd85525b5cae6898dbc44eb8ddbece",
         "d7db775706c27b366d2c0266e37ff7308e5bfe7ea6586450366533d34b1ab234",
         "2d5809803d4c1af188cdb2ed"},
    };
    for (const auto& answer : answers) {
        const auto material = derive_preshared(counting_key(), answer.suite, context(),
                                               answer.writer, answer.role, answer.epoch);
        ASSERT_TRUE(material) << material.error().message;
        EXPECT_TRUE(material->validate());
        EXPECT_EQ(octets(material->key), test::from_hex(answer.key));
        EXPECT_EQ(octets(material->sn_key), test::from_hex(answer.sn_key));
        EXPECT_EQ(octets(material->iv), test::from_hex(answer.iv));
    }
}

TEST(PresharedDerivation, every_input_changes_every_part) {
    std::set<std::vector<uint8_t>> seen;
    size_t made = 0;
    const auto add = [&](const SecretBytes& key, Suite suite, const SessionContext& from,
                         KmRole writer, KeyRole role, uint16_t epoch) {
        const auto material = derive_preshared(key, suite, from, writer, role, epoch);
        ASSERT_TRUE(material);
        for (const SecretBytes* part : {&material->key, &material->sn_key, &material->iv}) {
            seen.insert(octets(*part));
            ++made;
        }
    };
    const auto suite = Suite::aes_128_gcm_sha256;
    const SessionContext base = context();
    add(counting_key(), suite, base, KmRole::client, KeyRole::primary, 3);
    add(counting_key(), suite, base, KmRole::server, KeyRole::primary, 3);
    add(counting_key(), suite, base, KmRole::client, KeyRole::restart, 3);
    add(counting_key(), suite, base, KmRole::client, KeyRole::primary, 4);
    add(counting_key(), Suite::aes_128_ccm_sha256, base, KmRole::client, KeyRole::primary, 3);
    add(SecretBytes(32), suite, base, KmRole::client, KeyRole::primary, 3);
    for (int change = 0; change < 5; ++change) {
        SessionContext changed = context();
        switch (change) {
            case 0:
                changed.client_tag ^= 1;
                break;
            case 1:
                changed.server_tag ^= 1;
                break;
            case 2:
                changed.client_parameter[7] ^= 1;
                break;
            case 3:
                changed.server_parameter[8] ^= 0x80;
                break;  // a reserved flag bit
            default:
                std::swap(changed.client_parameter, changed.server_parameter);
                break;
        }
        add(counting_key(), suite, changed, KmRole::client, KeyRole::primary, 3);
    }
    EXPECT_EQ(seen.size(), made);
}

TEST(PresharedDerivation, an_unknown_suite_is_refused) {
    EXPECT_FALSE(derive_preshared(counting_key(), static_cast<Suite>(0x1399), context(),
                                  KmRole::client, KeyRole::primary, 3));
}

}  // namespace
}  // namespace sdg::keymgmt
