// Key-management negotiation: which side is client, which method, whether restart is possible
// (draft-ietf-tsvwg-sctp-dtls-chunk, section "Establishment of a Protected Association").
//
// Pure functions, any thread. Both sides compute the same from the two parameters, so the result
// needs no message of its own.
#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet/key_management_parameter.h"

namespace sdg::keys {

// What an endpoint (a listener, a backend) offers. The draft's "set supported methods", "roles",
// "restart" and "required".
struct LocalKeyManagement {
    std::vector<uint8_t> methods;  // most preferred first
    bool server = true;
    bool client = true;
    bool restart = false;
    bool required = true;  // strict mode: no association without protection
    friend bool operator==(const LocalKeyManagement&, const LocalKeyManagement&) = default;

    // The parameter to send. Errors: no_methods, too_many_methods.
    [[nodiscard]] tl::expected<packet::KeyManagementParameter, packet::KeyManagementError>
    parameter(uint32_t tie_breaker) const;
};

// The values are the error causes of the ABORT.
enum class NegotiationError : uint16_t {
    missing = packet::kCauseMissingDtlsSupport,
    no_common_method = packet::kCauseNoCommonMethod,
    tie_breaker_collision = packet::kCauseTieBreakerCollision,
    incompatible_roles = packet::kCauseIncompatibleRoles,
};
[[nodiscard]] std::string_view description(NegotiationError error);
[[nodiscard]] constexpr uint16_t error_cause(NegotiationError error) {
    return static_cast<uint16_t>(error);
}

enum class KmRole : uint8_t { client, server };

struct Agreement {
    KmRole role = KmRole::client;  // ours
    uint8_t method = 0;
    bool restart = false;  // both sides support it
    friend bool operator==(const Agreement&, const Agreement&) = default;
};

// Roles first, then the method from the server's list. `missing` is never returned: a parameter
// that is not there cannot be passed; callers use that value for it.
[[nodiscard]] tl::expected<Agreement, NegotiationError> negotiate(
    const packet::KeyManagementParameter& local, const packet::KeyManagementParameter& peer);

// The client role's parameter, then the server role's, each as on the wire without padding.
[[nodiscard]] std::vector<uint8_t> downgrade_prevention_data(
    const Agreement& agreement, const packet::KeyManagementParameter& local,
    const packet::KeyManagementParameter& peer);

}  // namespace sdg::keys
