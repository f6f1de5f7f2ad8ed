#include "dataplane/packet/key_management_parameter.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <vector>

#include "tests/support/hex.h"

namespace sdg::packet {
namespace {

using sdg::test::from_hex;
using Octets = std::vector<uint8_t>;
using Parameter = KeyManagementParameter;
using Error = KeyManagementError;

Octets wire_of(const Parameter& parameter) {
    return {parameter.wire().begin(), parameter.wire().end()};
}

TEST(KeyManagementParameter, known_octets) {
    const Octets methods = {192, 1, 0};
    const auto parameter = Parameter::create(0xdeadbeef, kKmFlagServer | kKmFlagRestart, methods);
    ASSERT_TRUE(parameter);
    EXPECT_EQ(wire_of(*parameter), from_hex("8006 000c deadbeef 06 c00100"));
    EXPECT_EQ(parameter->length(), 12U);
    EXPECT_TRUE(parameter->restart());
    EXPECT_TRUE(parameter->server());
    EXPECT_FALSE(parameter->client());
    EXPECT_TRUE(parameter->lists(1));
    EXPECT_FALSE(parameter->lists(2));
}

TEST(KeyManagementParameter, parse_is_the_mirror_of_create) {
    for (size_t n = 1; n <= Parameter::kMaxMethods; ++n) {
        Octets methods(n);
        std::iota(methods.begin(), methods.end(), uint8_t{0});
        const auto made = Parameter::create(static_cast<uint32_t>(n) * 0x01010101U,
                                            static_cast<uint8_t>(n & 7), methods);
        ASSERT_TRUE(made);
        const auto read = Parameter::parse(made->wire());
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, *made);
        EXPECT_EQ(read->tie_breaker(), n * 0x01010101U);
        EXPECT_EQ(read->flags(), n & 7);
        EXPECT_EQ(Octets(read->methods().begin(), read->methods().end()), methods);
    }
}

TEST(KeyManagementParameter, sender_leaves_reserved_flags_zero) {
    EXPECT_EQ(Parameter::create(1, 0xff, Octets{0})->wire()[8], 0x07);
}

TEST(KeyManagementParameter, reserved_flags_are_ignored_but_kept_on_the_wire) {
    const Octets wire = from_hex("8006 000a 00000005 fb 00");
    const auto parameter = Parameter::parse(wire);
    ASSERT_TRUE(parameter);
    EXPECT_EQ(parameter->flags(), kKmFlagServer | kKmFlagClient);
    EXPECT_EQ(wire_of(*parameter), wire);
}

TEST(KeyManagementParameter, padding_is_ignored_and_left_out) {
    const auto parameter = Parameter::parse(from_hex("8006 000a 00000005 03 c0 eeff"));
    ASSERT_TRUE(parameter);
    EXPECT_EQ(wire_of(*parameter), from_hex("8006 000a 00000005 03 c0"));
}

TEST(KeyManagementParameter, errors_are_typed) {
    EXPECT_EQ(Parameter::create(1, 3, {}).error(), Error::no_methods);
    EXPECT_EQ(Parameter::create(1, 3, Octets(247)).error(), Error::too_many_methods);
    EXPECT_EQ(Parameter::parse({}).error(), Error::too_short);
    EXPECT_EQ(Parameter::parse(from_hex("8008 000a 00000005 03 c0")).error(), Error::wrong_type);
    EXPECT_EQ(Parameter::parse(from_hex("8006 0009 00000005 03")).error(), Error::too_short);
    EXPECT_EQ(Parameter::parse(from_hex("8006 0000")).error(), Error::too_short);
    EXPECT_EQ(Parameter::parse(from_hex("8006 000b 00000005 03 c0")).error(),
              Error::length_mismatch);
    EXPECT_EQ(Parameter::parse(from_hex("8006 000a 00000005 03 c0 000000")).error(),
              Error::length_mismatch);
    Octets many = from_hex("8006 0100 00000005 03");
    many.resize(256);
    EXPECT_EQ(Parameter::parse(many).error(), Error::too_many_methods);
}

TEST(KeyManagementParameter, cut_at_every_length) {
    const Octets wire = from_hex("8006 000c deadbeef 06 c00100");
    for (size_t length = 0; length < wire.size(); ++length) {
        const auto copy = std::make_unique<uint8_t[]>(length);
        std::copy_n(wire.begin(), length, copy.get());
        EXPECT_FALSE(Parameter::parse({copy.get(), length})) << length;
    }
}

TEST(KeyManagementParameter, found_among_others) {
    const Octets others = from_hex("000c0006 00050000 80000004");
    const Octets wire = from_hex("8006000a 00000005 03c00000");
    Octets list = others;
    EXPECT_EQ(Parameter::find_in(ParameterCursor(list)).error(), Error::absent);
    list.insert(list.end(), wire.begin(), wire.end());
    ASSERT_TRUE(Parameter::find_in(ParameterCursor(list)));
    list.insert(list.end(), wire.begin(), wire.end());
    EXPECT_EQ(Parameter::find_in(ParameterCursor(list)).error(), Error::duplicated);
    list.resize(list.size() - 5);
    EXPECT_EQ(Parameter::find_in(ParameterCursor(list)).error(), Error::malformed_chunk);
}

TEST(KeyManagementParameter, every_error_has_a_text) {
    for (int error = 0; error <= static_cast<int>(Error::malformed_chunk); ++error) {
        EXPECT_NE(description(static_cast<Error>(error)), "unknown");
    }
}

}  // namespace
}  // namespace sdg::packet
