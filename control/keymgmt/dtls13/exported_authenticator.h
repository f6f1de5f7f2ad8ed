// Exported authenticators (RFC 9261) under the exporter of one epoch of extended key update
// (draft-ietf-tls-extended-key-update, "Exported Authenticators"): requests, authenticators and
// refusals as octets; who sends them when is reauthentication.h's.
//
// An empty authenticator (section 6) is a Finished over a transcript with the request and a
// Certificate without entries. All messages have their TLS header, also in the transcript. Pure
// functions over a connection's exporter, control thread.
#pragma once

#include "control/keymgmt/dtls13/connection.h"

namespace sdg::keymgmt::dtls13 {

struct AuthenticatorKeys {
    Hash hash;
    SecretBytes handshake_context;
    SecretBytes finished_key;
};
// Of authenticators that the sender makes in that epoch.
[[nodiscard]] Checked<AuthenticatorKeys> authenticator_keys(const Connection& connection,
                                                            uint64_t epoch, Role sender);

// A CertificateRequest (of a server) or ClientCertificateRequest (of a client).
[[nodiscard]] Octets authenticator_request(Role requester, View context,
                                           std::span<const SignatureScheme> schemes);
// The views refer to the octets. unexpected_message: another message.
[[nodiscard]] Checked<CertificateRequest> parse_authenticator_request(Role requester, View octets);

// Certificate, CertificateVerify, Finished. handshake_failure: the request takes no scheme of ours.
[[nodiscard]] Checked<Octets> make_authenticator(const AuthenticatorKeys& keys,
                                                 const Configuration& configuration, View request);
[[nodiscard]] Checked<Octets> make_empty_authenticator(const AuthenticatorKeys& keys, View request);

// Checks an authenticator against our own request: the Finished first, so that what does not come
// from the peer's end of this connection costs little, then the chain by the hook, then the
// signature. sender: the peer's role.
[[nodiscard]] Checked<void> check_authenticator(const AuthenticatorKeys& keys,
                                                const Configuration& configuration,
                                                const PeerCheck& check_peer, Role sender,
                                                View request, View authenticator);
[[nodiscard]] Checked<void> check_empty_authenticator(const AuthenticatorKeys& keys, View request,
                                                      View authenticator);

}  // namespace sdg::keymgmt::dtls13
