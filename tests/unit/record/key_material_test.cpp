#include "dataplane/record/key_material.h"

#include <gtest/gtest.h>

#include "tests/unit/record/fixture.h"

namespace sdg::record {
namespace {

TEST(Suite, has_the_registry_s_numbers_and_names) {
    EXPECT_EQ(suite_from_id(0x1301), Suite::aes_128_gcm_sha256);
    EXPECT_EQ(suite_from_id(0x1304), Suite::aes_128_ccm_sha256);
    EXPECT_EQ(suite_from_id(0x1300), std::nullopt);
    EXPECT_EQ(suite_from_id(0x1305), std::nullopt);
    EXPECT_EQ(suite_from_name("TLS_CHACHA20_POLY1305_SHA256"), Suite::chacha20_poly1305_sha256);
    EXPECT_EQ(suite_from_name("TLS_NULL"), std::nullopt);
    EXPECT_EQ(traits(static_cast<Suite>(0)), nullptr);
    for (const Suite suite : supported_suites()) {
        EXPECT_EQ(suite_from_name(traits(suite)->name), suite);
        EXPECT_EQ(suite_from_id(static_cast<uint16_t>(suite)), suite);
    }
}

TEST(Suite, has_the_limits_of_rfc_9147) {
    EXPECT_EQ(traits(Suite::aes_128_gcm_sha256)->seal_limit, 23'726'566U);
    EXPECT_EQ(traits(Suite::aes_256_gcm_sha384)->open_failure_limit, uint64_t{1} << 36);
    EXPECT_EQ(traits(Suite::chacha20_poly1305_sha256)->seal_limit, kNoLimit);
    EXPECT_EQ(traits(Suite::chacha20_poly1305_sha256)->open_failure_limit, uint64_t{1} << 36);
    EXPECT_EQ(traits(Suite::aes_128_ccm_sha256)->seal_limit, uint64_t{1} << 23);
    EXPECT_EQ(traits(Suite::aes_128_ccm_sha256)->open_failure_limit, 11'863'283U);
}

TEST(KeyMaterial, is_refused_when_a_length_does_not_fit_the_suite) {
    for (const Suite suite : supported_suites()) {
        EXPECT_TRUE(material_for(suite).validate().has_value());
        for (SecretBytes KeyMaterial::*part :
             {&KeyMaterial::key, &KeyMaterial::iv, &KeyMaterial::sn_key}) {
            for (const int change : {-1, 1}) {
                KeyMaterial material = material_for(suite);
                const auto size = static_cast<int>((material.*part).size());
                material.*part = SecretBytes{static_cast<size_t>(size + change)};
                EXPECT_EQ(material.validate().error().code, ErrorCode::invalid_argument);
                EXPECT_FALSE(SealContext::create(material, 3, false).has_value());
                EXPECT_FALSE(OpenContext::create(material, 3, false).has_value());
            }
        }
    }
    KeyMaterial unknown = material_for(Suite::aes_128_gcm_sha256);
    unknown.suite = static_cast<Suite>(0x1399);
    EXPECT_FALSE(unknown.validate().has_value());
    EXPECT_FALSE(SealContext::create(unknown, 3, false).has_value());
}

TEST(KeyMaterial, clones) {
    const KeyMaterial material = material_for(Suite::aes_256_gcm_sha384);
    const KeyMaterial clone = material.clone();
    EXPECT_EQ(clone.suite, material.suite);
    EXPECT_TRUE(clone.key == material.key);
    EXPECT_TRUE(clone.iv == material.iv);
    EXPECT_TRUE(clone.sn_key == material.sn_key);
}

TEST(Contexts, refuse_options_out_of_range) {
    const KeyMaterial material = material_for(Suite::aes_128_gcm_sha256);
    SealContext::Options seal;
    seal.first_sequence = kMaxSequence + 1;
    EXPECT_FALSE(SealContext::create(material, 3, false, seal).has_value());
    OpenContext::Options open;
    open.replay_window = 100;
    EXPECT_FALSE(OpenContext::create(material, 3, false, open).has_value());
    open.replay_window = 64;
    open.next_expected = kMaxSequence + 1;
    EXPECT_FALSE(OpenContext::create(material, 3, false, open).has_value());
}

TEST(Contexts, tell_what_they_are) {
    const KeyMaterial material = material_for(Suite::aes_128_ccm_sha256);
    const auto seal = SealContext::create(material, 259, true);
    const auto open = OpenContext::create(material, 260, true);
    ASSERT_TRUE(seal && open);
    EXPECT_EQ((*seal)->epoch(), 259);
    EXPECT_EQ((*open)->epoch(), 260);
    EXPECT_TRUE((*seal)->restart());
    EXPECT_TRUE((*open)->restart());
    EXPECT_EQ((*seal)->suite(), Suite::aes_128_ccm_sha256);
    EXPECT_EQ((*seal)->seal_limit(), uint64_t{1} << 23);
    EXPECT_EQ((*open)->open_failure_limit(), 11'863'283U);
    EXPECT_FALSE((*seal)->used());
    EXPECT_FALSE((*open)->used());
}

}  // namespace
}  // namespace sdg::record
