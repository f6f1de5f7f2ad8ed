// What both sides of a handshake share: its surroundings, what it comes to, and authentication by
// Certificate, CertificateVerify and Finished (RFC 8446, section 4.4).
//
// Control thread.
#pragma once

#include "control/keymgmt/dtls13/message_transport.h"
#include "control/keymgmt/dtls13/messages.h"
#include "control/keymgmt/dtls13/transcript.h"
#include "foundation/random.h"

namespace sdg::keymgmt::dtls13 {

struct Negotiated {
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
    NamedGroup group = NamedGroup::none;
    SignatureScheme peer_scheme = SignatureScheme::none;
    SignatureScheme own_scheme = SignatureScheme::none;
    bool extended_key_update = false;
    bool hello_retry = false;
    std::vector<CertificatePointer> peer_chain;  // leaf first
};

// Everything here outlives the handshake.
struct HandshakeContext {
    Role role;
    const Configuration& configuration;
    const PeerCheck& check_peer;
    const Clock& clock;
    Random& random;
    MessageTransport& transport;
    KeySchedule& schedule;
    Transcript& transcript;
    Negotiated& negotiated;
};

// "certificate (11)", for the log.
[[nodiscard]] std::string describe(HandshakeType type);
// unexpected_message unless it is the expected type in the expected epoch.
[[nodiscard]] Checked<void> expect(const Reassembly::Message& message, HandshakeType type,
                                   uint64_t epoch);

// Our first scheme that the peer takes and our key can do; none: there is no such.
[[nodiscard]] SignatureScheme choose_scheme(const Configuration& configuration,
                                            std::span<const SignatureScheme> peer_schemes);

// Adds a message to the flight and to the transcript.
[[nodiscard]] Checked<void> say(HandshakeContext& context, uint64_t epoch, HandshakeType type,
                                Octets body);
// Adds our Certificate and CertificateVerify. handshake_failure: no scheme suits the peer.
[[nodiscard]] Checked<void> say_authentication(HandshakeContext& context,
                                               std::span<const SignatureScheme> peer_schemes);
[[nodiscard]] Checked<void> say_finished(HandshakeContext& context);

// The peer's messages. Each checks, then adds to the transcript.
// The chain goes to negotiated.peer_chain when the hook has taken it.
[[nodiscard]] Checked<void> take_certificate(HandshakeContext& context, View body);
[[nodiscard]] Checked<void> take_certificate_verify(HandshakeContext& context, View body);
[[nodiscard]] Checked<void> take_finished(HandshakeContext& context, View body);

}  // namespace sdg::keymgmt::dtls13
