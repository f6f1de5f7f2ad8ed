#include "dataplane/keys/negotiation.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/hex.h"

namespace sdg::keys {
namespace {

using packet::KeyManagementParameter;
using Octets = std::vector<uint8_t>;

KeyManagementParameter offer(uint32_t tie_breaker, uint8_t flags, const Octets& methods) {
    return *KeyManagementParameter::create(tie_breaker, flags, methods);
}

struct Case {
    KeyManagementParameter local;
    KeyManagementParameter peer;
    tl::expected<Agreement, NegotiationError> result;
};

Agreement client(uint8_t method) {
    return {KmRole::client, method, false};
}
Agreement server(uint8_t method) {
    return {KmRole::server, method, false};
}
tl::unexpected<NegotiationError> refused(NegotiationError error) {
    return tl::unexpected<NegotiationError>(error);
}

TEST(Negotiation, table) {
    const std::vector<Case> cases = {
        {offer(5, 3, {192, 1}), offer(9, 3, {1, 192}), client(1)},
        {offer(9, 3, {192, 1}), offer(5, 3, {1, 192}), server(192)},
        {offer(5, 1, {192}), offer(5, 3, {1, 192}), client(192)},
        {offer(5, 1, {192}), offer(5, 1, {192}), refused(NegotiationError::incompatible_roles)},
        {offer(5, 2, {192}), offer(5, 2, {192}), refused(NegotiationError::incompatible_roles)},
        {offer(7, 3, {192}), offer(7, 3, {192}), refused(NegotiationError::tie_breaker_collision)},
        {offer(5, 1, {192}), offer(9, 2, {1}), refused(NegotiationError::no_common_method)},
        {offer(5, 1, {0}), offer(9, 2, {0}), client(0)},
        {offer(5, 3, {1, 192}), offer(4, 2, {192, 1}), client(192)},
        {offer(5, 0, {192}), offer(9, 3, {192}), refused(NegotiationError::incompatible_roles)},
        // The tie breaker is an unsigned number.
        {offer(0x80000000, 3, {0}), offer(0x7fffffff, 3, {0}), server(0)},
    };
    for (size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(negotiate(cases[i].local, cases[i].peer), cases[i].result) << i;
    }
}

TEST(Negotiation, both_sides_always_agree) {
    const std::vector<Octets> lists = {{0}, {1}, {192, 1}, {1, 192, 0}, {0, 192}};
    for (uint8_t a_flags = 0; a_flags < 8; ++a_flags) {
        for (uint8_t b_flags = 0; b_flags < 8; ++b_flags) {
            for (const uint32_t tie_breaker : {4U, 5U, 6U}) {
                for (const Octets& a_methods : lists) {
                    for (const Octets& b_methods : lists) {
                        const auto a = offer(5, a_flags, a_methods);
                        const auto b = offer(tie_breaker, b_flags, b_methods);
                        const auto of_a = negotiate(a, b);
                        const auto of_b = negotiate(b, a);
                        ASSERT_EQ(of_a.has_value(), of_b.has_value());
                        if (!of_a) {
                            ASSERT_EQ(of_a.error(), of_b.error());
                            continue;
                        }
                        ASSERT_NE(of_a->role, of_b->role);
                        ASSERT_EQ(of_a->method, of_b->method);
                        ASSERT_EQ(of_a->restart, of_b->restart);
                        ASSERT_EQ(of_a->restart, (a_flags & b_flags & 4) != 0);
                        ASSERT_EQ(downgrade_prevention_data(*of_a, a, b),
                                  downgrade_prevention_data(*of_b, b, a));
                    }
                }
            }
        }
    }
}

TEST(Negotiation, downgrade_prevention_data_is_client_then_server_as_received) {
    // Reserved flag bits set and padding present on the wire of the peer.
    const auto peer = KeyManagementParameter::parse(test::from_hex("8006000a 00000009 f2c0aaaa"));
    ASSERT_TRUE(peer);
    const auto local = offer(5, 1, {192});
    const auto agreement = negotiate(local, *peer);
    ASSERT_TRUE(agreement);
    EXPECT_EQ(agreement->role, KmRole::client);
    EXPECT_EQ(downgrade_prevention_data(*agreement, local, *peer),
              test::from_hex("8006000a 00000005 01c0  8006000a 00000009 f2c0"));
}

TEST(Negotiation, local_settings_become_the_parameter) {
    LocalKeyManagement local{
        .methods = {0, 192}, .server = false, .client = true, .restart = true, .required = true};
    const auto parameter = local.parameter(0x01020304);
    ASSERT_TRUE(parameter);
    EXPECT_EQ(Octets(parameter->wire().begin(), parameter->wire().end()),
              test::from_hex("8006000b 01020304 05 00c0"));
    local.methods.clear();
    EXPECT_EQ(local.parameter(1).error(), packet::KeyManagementError::no_methods);
}

TEST(Negotiation, errors_are_the_causes_of_the_abort) {
    EXPECT_EQ(error_cause(NegotiationError::missing), 100);
    EXPECT_EQ(error_cause(NegotiationError::no_common_method), 101);
    EXPECT_EQ(error_cause(NegotiationError::tie_breaker_collision), 102);
    EXPECT_EQ(error_cause(NegotiationError::incompatible_roles), 103);
    for (uint16_t cause = 100; cause <= 103; ++cause) {
        EXPECT_NE(description(static_cast<NegotiationError>(cause)), "unknown");
    }
}

}  // namespace
}  // namespace sdg::keys
