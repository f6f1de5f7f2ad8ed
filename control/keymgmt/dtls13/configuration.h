// What a connection may use and must do. Immutable once a connection has it; many share one.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "control/keymgmt/dtls13/flight.h"
#include "control/keymgmt/dtls13/key_schedule.h"
#include "control/keymgmt/dtls13/signature.h"
#include "foundation/result.h"

namespace sdg::keymgmt::dtls13 {

// What we show. key belongs to the first certificate.
struct OwnIdentity {
    std::vector<Octets> chain;  // DER, leaf first
    std::shared_ptr<EVP_PKEY> key;
};

// Judges the peer's chain (leaf first, never empty) before its signature is looked at: authorities,
// validity, usage, names, unchanged identity. peer: the peer's TLS role. The error's reason is for
// the log, its description goes to the peer.
using PeerCheck =
    std::function<Checked<void>(std::span<const CertificatePointer> chain, Role peer)>;

enum class Transport {
    datagram,  // loses, repeats and reorders: timers run, what does not fit is dropped
    reliable,  // SCTP user messages in order: no timers, what does not fit ends the connection
};

struct Configuration {
    // Most preferred first; our preference decides as server.
    std::vector<record::Suite> suites{record::Suite::aes_128_gcm_sha256,
                                      record::Suite::aes_256_gcm_sha384,
                                      record::Suite::chacha20_poly1305_sha256};
    std::vector<NamedGroup> groups{NamedGroup::x25519, NamedGroup::secp256r1,
                                   NamedGroup::secp384r1};
    std::vector<SignatureScheme> signature_schemes{supported_signature_schemes().begin(),
                                                   supported_signature_schemes().end()};
    OwnIdentity identity;
    // Server: asks for a client certificate. Client: refuses a server that does not ask.
    bool mutual = true;
    // Client: key shares for the first of so many groups.
    size_t key_shares = 1;

    // Server: every client is sent a HelloRetryRequest first.
    bool always_hello_retry = false;
    // Server: MAC key of cookies, at least 32 octets, the same for all who may take the answer to a
    // HelloRetryRequest. Null: a key of the connection's own, and only it takes the answer.
    std::shared_ptr<const SecretBytes> cookie_key;
    std::chrono::nanoseconds cookie_lifetime = std::chrono::seconds(60);

    Transport transport = Transport::datagram;
    Packing packing;
    // Datagram transport: first retransmission, doubled every time up to the longest.
    std::chrono::nanoseconds first_timeout = std::chrono::seconds(1);
    std::chrono::nanoseconds longest_timeout = std::chrono::seconds(60);
    unsigned max_retransmissions = 7;
    // A handshake that takes longer ends the connection, on either transport: an acknowledged
    // flight has no other timer, and a peer may acknowledge and say no more. Zero: no limit.
    std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(180);

    // Offer and take extended key update.
    bool extended_key_update = true;
    // A peer's request that comes sooner after its last one is answered only then. Keep it well
    // below the peer's update_timeout.
    std::chrono::nanoseconds min_update_interval{};
    // An update that takes longer ends the connection; zero: no limit.
    std::chrono::nanoseconds update_timeout = std::chrono::seconds(60);

    // Laboratory only; may be empty.
    KeyLogSink key_log;
    // With the shared secrets of the key exchanges, from which all else follows: what a replay of
    // a capture needs to compute the key schedule anew.
    bool key_log_shared_secrets = false;

    // invalid_argument names what cannot work.
    [[nodiscard]] Result<void> check() const;
};

}  // namespace sdg::keymgmt::dtls13
