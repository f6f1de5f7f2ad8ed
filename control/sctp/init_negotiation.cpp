#include "control/sctp/init_negotiation.h"

#include <fmt/format.h>

#include <array>

namespace sdg::sctp {
namespace {

using keys::NegotiationError;
using packet::KeyManagementParameter;

constexpr uint16_t kParameterIpv4Address = 5;
constexpr uint16_t kParameterIpv6Address = 6;
constexpr uint16_t kParameterRandom = 0x8002;  // RFC 4895
constexpr uint16_t kParameterChunkList = 0x8003;
constexpr uint16_t kParameterHmacAlgorithms = 0x8004;
constexpr uint16_t kParameterSupportedExtensions = 0x8008;  // RFC 5061

tl::expected<Settled, NegotiationError> settle(const LegSettings& leg,
                                               const std::optional<KeyManagementParameter>& local,
                                               const std::optional<KeyManagementParameter>& peer) {
    Settled out;
    if (!leg.key_management) {
        return out;
    }
    NegotiationError error = NegotiationError::missing;
    if (local && peer) {
        out.local = local;
        out.peer = peer;
        const auto agreement = keys::negotiate(*local, *peer);
        if (agreement) {
            out.agreement = *agreement;
            return out;
        }
        error = agreement.error();
    }
    if (leg.key_management->required) {
        return tl::unexpected(error);
    }
    return out;
}

std::optional<KeyManagementParameter> shown(const packet::InitView& view) {
    const auto parameter = view.key_management();
    return parameter ? std::optional(*parameter) : std::nullopt;
}

}  // namespace

std::optional<KeyManagementParameter> offer(const LegSettings& leg, Random& random) {
    if (!leg.key_management) {
        return std::nullopt;
    }
    const auto parameter = leg.key_management->parameter(random.u32());
    return parameter ? std::optional(*parameter) : std::nullopt;
}

tl::expected<Settled, NegotiationError> settle_init(const packet::InitView& init,
                                                    const LegSettings& leg, Random& random) {
    const auto peer = shown(init);
    auto local = offer(leg, random);
    // Our tie breaker is not on the wire yet: an equal one is replaced rather than made an error.
    while (local && peer && local->tie_breaker() == peer->tie_breaker()) {
        local = offer(leg, random);
    }
    return settle(leg, local, peer);
}

tl::expected<Settled, NegotiationError> settle_init_ack(
    const packet::InitView& init_ack, const LegSettings& leg,
    const std::optional<KeyManagementParameter>& local) {
    return settle(leg, local, shown(init_ack));
}

tl::expected<Settled, NegotiationError> settle_cookie(
    const LegSettings& leg, const std::optional<KeyManagementParameter>& local,
    const std::optional<KeyManagementParameter>& peer) {
    return settle(leg, local, peer);
}

tl::expected<void, packet::InitError> strip_for_usrsctp(std::vector<uint8_t>& packet) {
    for (const uint16_t type : {packet::kParameterKeyManagement, kParameterIpv4Address,
                                kParameterIpv6Address, kParameterRandom, kParameterChunkList,
                                kParameterHmacAlgorithms, kParameterSupportedExtensions}) {
        const auto view = packet::InitView::parse(packet);
        if (!view) {
            return tl::unexpected(view.error());
        }
        if (view->count(type) == 0) {
            continue;  // leaves the packet as it came, reserved octets and all
        }
        if (const auto removed = packet::remove_parameters(packet, type); !removed) {
            return tl::unexpected(removed.error());
        }
    }
    return {};
}

packet::AbortPacket refusal(const packet::InitView& answered, std::optional<uint16_t> cause) {
    const packet::CommonHeader header = answered.header();
    return packet::build_abort(
        {header.destination_port, header.source_port, answered.initiate_tag()}, false, cause);
}

std::string cause_text(uint16_t cause) {
    static constexpr std::array<const char*, 14> kRfc9260 = {
        nullptr,
        "Invalid Stream Identifier",
        "Missing Mandatory Parameter",
        "Stale Cookie",
        "Out of Resource",
        "Unresolvable Address",
        "Unrecognized Chunk Type",
        "Invalid Mandatory Parameter",
        "Unrecognized Parameters",
        "No User Data",
        "Cookie Received While Shutting Down",
        "Restart of an Association with New Addresses",
        "User-Initiated Abort",
        "Protocol Violation"};
    const char* name = "unknown";
    if (cause < kRfc9260.size() && kRfc9260[cause] != nullptr) {
        name = kRfc9260[cause];
    } else if (cause == packet::kCauseMissingDtlsSupport) {
        name = "Missing DTLS Chunk Support";
    } else if (cause == packet::kCauseNoCommonMethod) {
        name = "No Common Key Management Method";
    } else if (cause == packet::kCauseTieBreakerCollision) {
        name = "Tie Breaker Collision";
    } else if (cause == packet::kCauseIncompatibleRoles) {
        name = "Incompatible Roles";
    }
    return fmt::format("{} ({})", cause, name);
}

}  // namespace sdg::sctp
