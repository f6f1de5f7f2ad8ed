#include "control/keymgmt/dtls13/credentials.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>

#include "control/keymgmt/dtls13/key_exchange.h"
#include "control/keymgmt/tls13/peer_check.h"

namespace sdg::keymgmt::dtls13 {
namespace {

struct FreeStack {
    // The certificates belong to somebody else.
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
struct FreeStoreContext {
    void operator()(X509_STORE_CTX* context) const noexcept { X509_STORE_CTX_free(context); }
};

// RFC 8446, section 6.2.
AlertDescription alert_of(int error) {
    switch (error) {
        case X509_V_ERR_CERT_NOT_YET_VALID:
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CRL_HAS_EXPIRED:
        case X509_V_ERR_CRL_NOT_YET_VALID:
            return AlertDescription::certificate_expired;
        case X509_V_ERR_CERT_REVOKED:
            return AlertDescription::certificate_revoked;
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        case X509_V_ERR_INVALID_CA:
        case X509_V_ERR_UNABLE_TO_GET_CRL:
        case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
            return AlertDescription::unknown_ca;
        case X509_V_ERR_INVALID_PURPOSE:
            return AlertDescription::unsupported_certificate;
        case X509_V_ERR_APPLICATION_VERIFICATION:
            return AlertDescription::access_denied;
        case X509_V_ERR_OUT_OF_MEM:
        case X509_V_ERR_UNSPECIFIED:
            return AlertDescription::internal_error;
        default:
            return AlertDescription::bad_certificate;
    }
}

Octets der_of(X509* certificate) {
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate, &der);
    Octets out;
    if (length > 0) {
        out.assign(der, der + length);
    }
    OPENSSL_free(der);
    return out;
}

std::optional<NamedGroup> group_of(std::string_view name) {
    for (const NamedGroup group :
         {NamedGroup::x25519, NamedGroup::secp256r1, NamedGroup::secp384r1}) {
        if (group_name(group) == name) {
            return group;
        }
    }
    return std::nullopt;
}

void set_algorithms(Configuration& out, const tls13::CredentialSettings& settings) {
    out.suites = settings.suites;
    std::erase(out.suites, record::Suite::aes_128_ccm_sha256);
    out.groups.clear();
    for (const std::string& name : settings.groups) {
        if (const auto group = group_of(name)) {
            out.groups.push_back(*group);
        }
    }
    if (!settings.signature_algorithms.empty()) {
        out.signature_schemes.clear();
        for (const std::string& name : settings.signature_algorithms) {
            for (const SignatureScheme scheme : supported_signature_schemes()) {
                if (signature_scheme_name(scheme) == name) {
                    out.signature_schemes.push_back(scheme);
                }
            }
        }
    }
}

}  // namespace

Result<Configuration> configuration_from(const tls13::CredentialSettings& settings,
                                         const tls13::Credentials& credentials) {
    Configuration out;
    set_algorithms(out, settings);
    SSL_CTX* context = credentials.context.get();
    out.identity.chain.push_back(der_of(SSL_CTX_get0_certificate(context)));
    STACK_OF(X509)* more = nullptr;
    SSL_CTX_get0_chain_certs(context, &more);
    for (int i = 0; more != nullptr && i < sk_X509_num(more); ++i) {
        out.identity.chain.push_back(der_of(sk_X509_value(more, i)));
    }
    EVP_PKEY* key = SSL_CTX_get0_privatekey(context);
    if (key != nullptr && EVP_PKEY_up_ref(key) == 1) {
        out.identity.key = {key, &EVP_PKEY_free};
    }
    if (settings.secret_log) {
        out.key_log = [log = settings.secret_log](std::string_view line) { log->write_line(line); };
    }
    if (auto checked = out.check(); !checked) {
        return tl::unexpected(checked.error());
    }
    return out;
}

PeerCheck check_against(std::shared_ptr<const tls13::Credentials> credentials,
                        tls13::PeerNames names, std::optional<tls13::PeerIdentity> pinned,
                        std::function<void(const tls13::PeerIdentity&)> taken) {
    return [credentials = std::move(credentials), names = std::move(names),
            pinned = std::move(pinned), taken = std::move(taken)](
               std::span<const CertificatePointer> chain, Role peer) -> Checked<void> {
        SSL_CTX* context = credentials->context.get();
        const std::unique_ptr<X509_STORE_CTX, FreeStoreContext> verification{X509_STORE_CTX_new()};
        const std::unique_ptr<STACK_OF(X509), FreeStack> untrusted{sk_X509_new_null()};
        bool is_ready = verification && untrusted;
        for (size_t i = 1; is_ready && i < chain.size(); ++i) {
            is_ready = sk_X509_push(untrusted.get(), chain[i].get()) > 0;
        }
        if (!is_ready ||
            X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(context),
                                chain.front().get(), untrusted.get()) != 1 ||
            X509_STORE_CTX_set_default(verification.get(),
                                       peer == Role::client ? "ssl_client" : "ssl_server") != 1) {
            return refuse(AlertDescription::internal_error, "OpenSSL cannot verify certificates");
        }
        // As libssl does for method 192.
        X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(verification.get());
        X509_VERIFY_PARAM_set_auth_level(parameters, SSL_CTX_get_security_level(context));
        X509_VERIFY_PARAM_set_depth(parameters, SSL_CTX_get_verify_depth(context));
        const auto verdict =
            tls13::check_peer_chain(verification.get(), names, pinned ? &*pinned : nullptr);
        ERR_clear_error();
        if (!verdict.refusal.empty()) {
            return refuse(alert_of(X509_STORE_CTX_get_error(verification.get())),
                          "the certificate of peer {} is refused: {}", verdict.peer.to_string(),
                          verdict.refusal);
        }
        if (taken) {
            taken(verdict.peer);
        }
        return {};
    };
}

}  // namespace sdg::keymgmt::dtls13
