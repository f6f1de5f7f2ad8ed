// Known octets, the way back, and everything that is not a record.
#include "control/restart/association_codec.h"

#include <gtest/gtest.h>

#include "tests/support/hex.h"
#include "tests/unit/restart/sample.h"

namespace sdg::restart::test {
namespace {

using sdg::test::from_hex;

TEST(AssociationCodec, a_tuple_has_the_documented_octets) {
    const auto encoded = encode(tuple(2));
    EXPECT_EQ(std::vector<uint8_t>(encoded.begin(), encoded.end()),
              from_hex("04 0a000001 000000000000000000000000"
                       "04 0a000002 000000000000000000000000 960c 0002"));
    EXPECT_EQ(decode_tuple(encoded), tuple(2));
    EXPECT_EQ(decode_tuple(encode(tuple(3))), tuple(3));
    auto wrong = encoded;
    wrong[5] = 1;
    EXPECT_FALSE(decode_tuple(wrong)) << "an octet beyond an IPv4 address";
    wrong = encoded;
    wrong[0] = 5;
    EXPECT_FALSE(decode_tuple(wrong));
    EXPECT_FALSE(decode_tuple(std::span(encoded).first(37)));
}

TEST(AssociationCodec, a_record_has_the_documented_octets) {
    AssociationDescription description;
    description.tuple = tuple(2);
    description.further_peer = {*IpAddress::parse("10.9.9.9")};
    description.initiator = true;
    description.km_role = keys::KmRole::server;
    description.method = 192;
    description.policy = "p";
    description.peer_identity = "id";
    description.attachment = {0xaa};
    RestartContext context;
    context.epoch = 0x0103;
    for (auto* one : {&context.send, &context.receive}) {
        one->key = SecretBytes::copy_of(from_hex("000102030405060708090a0b0c0d0e0f"));
        one->iv = SecretBytes::copy_of(from_hex("101112131415161718191a1b"));
        one->sn_key = SecretBytes::copy_of(from_hex("202122232425262728292a2b2c2d2e2f"));
    }
    const std::string keys =
        "000102030405060708090a0b0c0d0e0f 101112131415161718191a1b "
        "202122232425262728292a2b2c2d2e2f ";
    const SecretBytes encoded = encode(description, context);
    EXPECT_EQ(std::vector<uint8_t>(encoded.bytes().begin(), encoded.bytes().end()),
              from_hex("01 01 0103 1301" + keys + keys +
                       "03 c0 04 0a000001 000000000000000000000000 04 0a000002 "
                       "000000000000000000000000 960c 0002 00 01 04 0a090909 "
                       "000000000000000000000000 0001 70 0000 0002 6964 0000 0000 0001 aa"));
    const auto back = decode_record(encoded.bytes());
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->description, description);
    EXPECT_TRUE(same(back->context, context));
}

TEST(AssociationCodec, whatever_is_valid_comes_back) {
    for (unsigned i = 0; i < 40; ++i) {
        const auto back = decode_record(encode(description(i), context(i)).bytes());
        ASSERT_TRUE(back) << back.error().message;
        EXPECT_EQ(back->description, description(i));
        EXPECT_TRUE(same(back->context, context(i)));
    }
}

TEST(AssociationCodec, nothing_shorter_or_longer_is_a_record) {
    const SecretBytes good = encode(description(3), context(3));
    for (size_t length = 0; length < good.size(); ++length) {
        const auto back = decode_record(good.bytes().first(length));
        ASSERT_FALSE(back) << length;
        ASSERT_EQ(back.error().code, ErrorCode::corrupt);
    }
    std::vector<uint8_t> longer(good.bytes().begin(), good.bytes().end());
    longer.push_back(0);
    EXPECT_FALSE(decode_record(longer));
}

TEST(AssociationCodec, other_formats_roles_suites_and_flags_are_refused) {
    const SecretBytes good = encode(description(2), context(0));
    const size_t flags = 6 + 2 * (16 + 12 + 16);
    for (const auto& [at, value] :
         std::vector<std::pair<size_t, uint8_t>>{{0, 2}, {1, 0}, {4, 0x99}, {flags, 0x04}}) {
        std::vector<uint8_t> changed(good.bytes().begin(), good.bytes().end());
        changed[at] = value;
        EXPECT_FALSE(decode_record(changed)) << at;
    }
}

TEST(AssociationCodec, errors_never_show_keys) {
    auto broken = context(0);
    broken.receive.suite = record::Suite::aes_256_gcm_sha384;
    const auto valid = broken.validate();
    ASSERT_FALSE(valid);
    EXPECT_NE(valid.error().message.find("two suites"), std::string::npos);
}

}  // namespace
}  // namespace sdg::restart::test
