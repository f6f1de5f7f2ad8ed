#include "dataplane/keys/negotiation.h"

#include <optional>

namespace sdg::keys {
namespace {

using packet::KeyManagementParameter;

tl::expected<KmRole, NegotiationError> role_of_local(const KeyManagementParameter& local,
                                                     const KeyManagementParameter& peer) {
    const bool as_client = local.client() && peer.server();
    const bool as_server = local.server() && peer.client();
    if (!as_client && !as_server) {
        return tl::unexpected(NegotiationError::incompatible_roles);
    }
    if (as_client != as_server) {
        return as_client ? KmRole::client : KmRole::server;
    }
    // Both could be either: the larger tie breaker is the server.
    if (local.tie_breaker() == peer.tie_breaker()) {
        return tl::unexpected(NegotiationError::tie_breaker_collision);
    }
    return local.tie_breaker() > peer.tie_breaker() ? KmRole::server : KmRole::client;
}

std::optional<uint8_t> first_common(const KeyManagementParameter& server,
                                    const KeyManagementParameter& client) {
    for (const uint8_t method : server.methods()) {
        if (client.lists(method)) {
            return method;
        }
    }
    return std::nullopt;
}

}  // namespace

tl::expected<KeyManagementParameter, packet::KeyManagementError> LocalKeyManagement::parameter(
    uint32_t tie_breaker) const {
    const auto flags = static_cast<uint8_t>((restart ? packet::kKmFlagRestart : 0) |
                                            (server ? packet::kKmFlagServer : 0) |
                                            (client ? packet::kKmFlagClient : 0));
    return KeyManagementParameter::create(tie_breaker, flags, methods);
}

std::string_view description(NegotiationError error) {
    switch (error) {
        case NegotiationError::missing:
            return "missing DTLS chunk support";
        case NegotiationError::no_common_method:
            return "no common DTLS key-management method";
        case NegotiationError::tie_breaker_collision:
            return "DTLS key-management tie breaker collision";
        case NegotiationError::incompatible_roles:
            return "incompatible DTLS key-management roles";
    }
    return "unknown";
}

tl::expected<Agreement, NegotiationError> negotiate(const KeyManagementParameter& local,
                                                    const KeyManagementParameter& peer) {
    const auto role = role_of_local(local, peer);
    if (!role) {
        return tl::unexpected(role.error());
    }
    const bool server = *role == KmRole::server;
    const auto method = server ? first_common(local, peer) : first_common(peer, local);
    if (!method) {
        return tl::unexpected(NegotiationError::no_common_method);
    }
    return Agreement{*role, *method, local.restart() && peer.restart()};
}

std::vector<uint8_t> downgrade_prevention_data(const Agreement& agreement,
                                               const KeyManagementParameter& local,
                                               const KeyManagementParameter& peer) {
    const bool server = agreement.role == KmRole::server;
    const auto client_octets = (server ? peer : local).wire();
    const auto server_octets = (server ? local : peer).wire();
    std::vector<uint8_t> data(client_octets.begin(), client_octets.end());
    data.insert(data.end(), server_octets.begin(), server_octets.end());
    return data;
}

}  // namespace sdg::keys
