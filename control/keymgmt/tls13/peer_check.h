// What a peer's certificate chain must be, beside what OpenSSL checks: usage, names, unchanged
// identity. Shared by all methods that authenticate by X.509. Control thread.
#pragma once

#include <openssl/x509_vfy.h>

#include <string>

#include "control/keymgmt/tls13/peer_name.h"

namespace sdg::keymgmt::tls13 {

struct PeerVerdict {
    PeerIdentity peer;    // who the leaf says it is, also when refused
    std::string refusal;  // empty: the chain is taken
};

// Verifies the chain that the context holds. pinned may be null: the identity of this association
// so far. When refused, the context's error says why.
[[nodiscard]] PeerVerdict check_peer_chain(X509_STORE_CTX* chain, const PeerNames& names,
                                           const PeerIdentity* pinned);

}  // namespace sdg::keymgmt::tls13
