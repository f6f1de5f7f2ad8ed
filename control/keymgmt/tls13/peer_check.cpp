#include "control/keymgmt/tls13/peer_check.h"

#include <fmt/format.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "control/keymgmt/tls13/credentials.h"

namespace sdg::keymgmt::tls13 {
namespace {

bool allows_digital_signature(X509* certificate) {
    return (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) != 0;
}

}  // namespace

PeerVerdict check_peer_chain(X509_STORE_CTX* chain, const PeerNames& names,
                             const PeerIdentity* pinned) {
    X509* leaf = X509_STORE_CTX_get0_cert(chain);
    PeerVerdict out{.peer = identity_of(leaf), .refusal = {}};
    const auto refuse = [&](int error, std::string reason) {
        X509_STORE_CTX_set_error(chain, error);
        out.refusal = std::move(reason);
        return std::move(out);
    };
    if (X509_verify_cert(chain) != 1) {
        const int error = X509_STORE_CTX_get_error(chain);
        const int depth = X509_STORE_CTX_get_error_depth(chain);
        return refuse(
            error, fmt::format("{}{}", X509_verify_cert_error_string(error),
                               depth > 0 ? fmt::format(" (certificate {} of the chain)", depth + 1)
                                         : std::string()));
    }
    const STACK_OF(X509)* verified = X509_STORE_CTX_get0_chain(chain);
    for (int i = 0; i < sk_X509_num(verified); ++i) {
        const int64_t end = not_after_of(sk_X509_value(verified, i));
        out.peer.not_after = out.peer.not_after == 0 ? end : std::min(out.peer.not_after, end);
    }
    if (!allows_digital_signature(leaf)) {
        return refuse(X509_V_ERR_INVALID_PURPOSE, "its key usage does not allow digitalSignature");
    }
    if (!names.match(leaf)) {
        return refuse(X509_V_ERR_HOSTNAME_MISMATCH,
                      "none of the names expected: " + names.to_string());
    }
    if (pinned != nullptr && !out.peer.is_same_as(*pinned)) {
        return refuse(X509_V_ERR_APPLICATION_VERIFICATION,
                      "the identity changed during the association, it was " + pinned->to_string());
    }
    return out;
}

}  // namespace sdg::keymgmt::tls13
