// What INIT and INIT ACK mean for the DTLS chunk: pure decisions, no state, no I/O.
//
// Strict (LocalKeyManagement::required): without an agreement there is no association, and the
// refusal is an ABORT with one of the draft's causes. Loose: the association goes on, agreement
// unset. A parameter that is malformed or there twice counts as missing.
//
// Source: draft-ietf-tsvwg-sctp-dtls-chunk, "Establishment of a Protected Association".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "control/sctp/host.h"
#include "dataplane/keys/negotiation.h"
#include "dataplane/packet/abort.h"
#include "dataplane/packet/init_chunk.h"

namespace sdg::sctp {

// What both sides have shown. All unset on a plain leg.
struct Settled {
    std::optional<packet::KeyManagementParameter> local;
    std::optional<packet::KeyManagementParameter> peer;
    std::optional<keys::Agreement> agreement;
};

// The parameter for an outgoing INIT; nullopt for a plain leg or one without any method.
[[nodiscard]] std::optional<packet::KeyManagementParameter> offer(const LegSettings& leg,
                                                                  Random& random);

// Responder, on INIT: settles with a parameter of its own that has a fresh tie breaker. In loose
// mode Settled.local is set when the peer has shown a parameter (it is then answered with ours).
[[nodiscard]] tl::expected<Settled, keys::NegotiationError> settle_init(
    const packet::InitView& init, const LegSettings& leg, Random& random);

// Initiator, on INIT ACK: local is what went out in INIT.
[[nodiscard]] tl::expected<Settled, keys::NegotiationError> settle_init_ack(
    const packet::InitView& init_ack, const LegSettings& leg,
    const std::optional<packet::KeyManagementParameter>& local);

// Responder, on a valid COOKIE ECHO: from the parameters that the cookie brought back. The leg's
// settings are looked at again, since the listener may have become another one in between.
[[nodiscard]] tl::expected<Settled, keys::NegotiationError> settle_cookie(
    const LegSettings& leg, const std::optional<packet::KeyManagementParameter>& local,
    const std::optional<packet::KeyManagementParameter>& peer);

// Takes out of an INIT or INIT ACK what usrsctp must not see: 0x8006; addresses (it knows AF_CONN
// ones only, and would take a list of others for a change of addresses); extensions and their
// authentication parameters (all are switched off, and usrsctp ends even a live association for
// inconsistent ones in an INIT).
[[nodiscard]] tl::expected<void, packet::InitError> strip_for_usrsctp(std::vector<uint8_t>& packet);

// The ABORT that answers an INIT or INIT ACK: ports swapped, the sender's initiate tag, T = 0
// (RFC 9260, 8.5.1).
[[nodiscard]] packet::AbortPacket refusal(const packet::InitView& answered,
                                          std::optional<uint16_t> cause);

// A person's name of an error cause: "100 (Missing DTLS Chunk Support)".
[[nodiscard]] std::string cause_text(uint16_t cause);
[[nodiscard]] constexpr bool is_negotiation_cause(uint16_t cause) {
    return cause >= packet::kCauseMissingDtlsSupport && cause <= packet::kCauseIncompatibleRoles;
}

}  // namespace sdg::sctp
