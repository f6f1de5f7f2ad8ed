#include "control/keymgmt/tls13/credentials.h"

#include <fmt/ranges.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/ui.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <span>
#include <string_view>
#include <utility>

#include "control/keymgmt/owner_only_file.h"
#include "control/keymgmt/tls13/connection.h"
#include "control/keymgmt/tls13/peer_name.h"

namespace sdg::keymgmt::tls13 {
namespace {

constexpr size_t kMaxKeyFile = 64 * 1024;
constexpr size_t kMaxPassphrase = 1024;
// Room for the private keys of many policies; the rest of OpenSSL does not use it.
constexpr size_t kSecureHeap = 1024 * 1024;
constexpr size_t kSecureBlock = 32;
constexpr int kMaxChain = 8;

// By their names in the TLS registries, which OpenSSL takes.
constexpr std::array<std::string_view, 9> kSignatureAlgorithms{
    "ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ed25519",
    "rsa_pss_rsae_sha256",    "rsa_pss_rsae_sha384",    "rsa_pss_rsae_sha512",
    "rsa_pss_pss_sha256",     "rsa_pss_pss_sha384",     "rsa_pss_pss_sha512"};
constexpr std::array<std::string_view, 3> kGroups{"x25519", "secp256r1", "secp384r1"};

Result<std::string> algorithm_list(const std::vector<std::string>& names,
                                   std::span<const std::string_view> known, const char* what) {
    for (const std::string& name : names) {
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return fail(ErrorCode::invalid_argument, "{} \"{}\" is not known", what, name);
        }
    }
    return fmt::format("{}", fmt::join(names, ":"));
}

struct Passphrase {
    SecretBytes text;
    bool asked = false;
};

int give_passphrase(char* buffer, int size, int /*writing*/, void* user) {
    auto& passphrase = *static_cast<Passphrase*>(user);
    passphrase.asked = true;
    const auto bytes = passphrase.text.bytes();
    if (bytes.empty() || bytes.size() > static_cast<size_t>(size)) {
        return -1;
    }
    std::memcpy(buffer, bytes.data(), bytes.size());
    return static_cast<int>(bytes.size());
}

Result<Passphrase> read_passphrase(const CredentialSettings& settings) {
    Passphrase out;
    if (settings.passphrase_file) {
        auto text = read_owner_only_file(*settings.passphrase_file, kMaxPassphrase);
        if (!text) {
            return tl::unexpected(text.error());
        }
        const auto bytes = text->bytes();
        const auto end = std::find_if(bytes.begin(), bytes.end(),
                                      [](uint8_t c) { return c == '\n' || c == '\r'; });
        out.text = SecretBytes::copy_of({bytes.begin(), end});
    }
    return out;
}

Result<KeyPointer> read_pem_key(const std::string& path, Passphrase& passphrase) {
    auto content = read_owner_only_file(path, kMaxKeyFile);
    if (!content) {
        return tl::unexpected(content.error());
    }
    const BioPointer memory{
        BIO_new_mem_buf(content->bytes().data(), static_cast<int>(content->size()))};
    KeyPointer key{PEM_read_bio_PrivateKey(memory.get(), nullptr, &give_passphrase, &passphrase)};
    if (!key) {
        const std::string reason = openssl_reason();
        if (passphrase.asked) {
            return fail(ErrorCode::invalid_argument, "{}: {}", path,
                        passphrase.text.empty() ? "is encrypted and no passphrase_file is given"
                                                : "the passphrase does not fit the encrypted key");
        }
        return fail(ErrorCode::invalid_argument, "{}: no PEM private key: {}", path, reason);
    }
    return key;
}

Result<KeyPointer> read_stored_key(const std::string& uri, Passphrase& passphrase) {
    // The provider stays for the life of the process, as its keys do.
    static OSSL_PROVIDER* const provider = OSSL_PROVIDER_try_load(nullptr, "pkcs11", 1);
    if (provider == nullptr) {
        ERR_clear_error();
        return fail(ErrorCode::unavailable,
                    "private key {}: OpenSSL has no provider named pkcs11 here; install one "
                    "(package pkcs11-provider) or name a PEM file",
                    uri);
    }
    const std::unique_ptr<UI_METHOD, decltype(&UI_destroy_method)> ask{
        UI_UTIL_wrap_read_pem_callback(&give_passphrase, 0), &UI_destroy_method};
    const StorePointer store{
        OSSL_STORE_open(uri.c_str(), ask.get(), &passphrase, nullptr, nullptr)};
    while (store && OSSL_STORE_eof(store.get()) == 0) {
        const StoreInfoPointer info{OSSL_STORE_load(store.get())};
        if (info && OSSL_STORE_INFO_get_type(info.get()) == OSSL_STORE_INFO_PKEY) {
            return KeyPointer{OSSL_STORE_INFO_get1_PKEY(info.get())};
        }
        if (!info && OSSL_STORE_error(store.get()) != 0) {
            break;
        }
    }
    return fail(ErrorCode::not_found, "private key {}: cannot be loaded: {}", uri,
                openssl_reason());
}

Result<void> load_authorities(X509_STORE* store, const CredentialSettings& settings) {
    for (const auto& file : settings.authorities) {
        if (X509_STORE_load_file(store, file.c_str()) != 1) {
            return fail(ErrorCode::invalid_argument, "{}: no PEM certificates of authorities: {}",
                        file.string(), openssl_reason());
        }
    }
    if (settings.revocation_lists.empty()) {
        return {};
    }
    X509_LOOKUP* lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    for (const auto& file : settings.revocation_lists) {
        if (lookup == nullptr || X509_load_crl_file(lookup, file.c_str(), X509_FILETYPE_PEM) <= 0) {
            return fail(ErrorCode::invalid_argument, "{}: no PEM revocation list: {}",
                        file.string(), openssl_reason());
        }
    }
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return {};
}

// The chain that will be shown, leaf first.
std::vector<X509*> chain_of(SSL_CTX* context) {
    std::vector<X509*> out{SSL_CTX_get0_certificate(context)};
    STACK_OF(X509)* more = nullptr;
    SSL_CTX_get0_chain_certs(context, &more);
    for (int i = 0; more != nullptr && i < sk_X509_num(more); ++i) {
        out.push_back(sk_X509_value(more, i));
    }
    return out;
}

Result<void> check_own_chain(Credentials& credentials, const std::string& file) {
    const auto chain = chain_of(credentials.context.get());
    for (X509* certificate : chain) {
        const std::string subject = identity_of(certificate).subject;
        if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
            return fail(ErrorCode::invalid_argument, "{}: the certificate of {} has expired", file,
                        subject);
        }
        if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
            return fail(
                ErrorCode::invalid_argument,
                "{}: the certificate of {} is not valid yet; is this machine's clock right?", file,
                subject);
        }
        const int64_t end = not_after_of(certificate);
        credentials.not_after =
            credentials.not_after == 0 ? end : std::min(credentials.not_after, end);
    }
    X509* leaf = chain.front();
    credentials.subject = identity_of(leaf).to_string();
    if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) {
        return fail(ErrorCode::invalid_argument,
                    "{}: its key usage does not allow digitalSignature, which TLS 1.3 needs "
                    "(3GPP TS 33.310)",
                    file);
    }
    // Either side may start a rekey and is then the TLS client.
    const uint32_t extended = X509_get_extended_key_usage(leaf);
    if ((extended & XKU_ANYEKU) == 0 &&
        (extended & (XKU_SSL_CLIENT | XKU_SSL_SERVER)) != (XKU_SSL_CLIENT | XKU_SSL_SERVER)) {
        credentials.warnings.push_back(fmt::format(
            "{}: its extended key usage does not name both serverAuth and clientAuth: peers will "
            "refuse it in one of the two TLS roles, which change with the side that starts a rekey",
            file));
    }
    return {};
}

void log_secret(const SSL* connection, const char* line) {
    static_cast<KeyLog*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)))->write_line(line);
}

Result<void> set_algorithms(SSL_CTX* context, const CredentialSettings& settings) {
    std::string suites;
    for (const record::Suite suite : settings.suites) {
        const record::SuiteTraits* known = record::traits(suite);
        if (known != nullptr) {
            suites += (suites.empty() ? "" : ":") + std::string(known->name);
        }
    }
    if (suites.empty() || SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) {
        return fail(ErrorCode::invalid_argument, "cipher suites \"{}\": {}", suites,
                    openssl_reason());
    }
    const auto groups = algorithm_list(settings.groups, kGroups, "group");
    if (!groups) {
        return tl::unexpected(groups.error());
    }
    if (SSL_CTX_set1_groups_list(context, groups->c_str()) != 1) {
        return fail(ErrorCode::invalid_argument, "groups \"{}\": {}", *groups, openssl_reason());
    }
    auto chosen = settings.signature_algorithms;
    if (chosen.empty()) {
        chosen.assign(kSignatureAlgorithms.begin(), kSignatureAlgorithms.end());
    }
    const auto signatures = algorithm_list(chosen, kSignatureAlgorithms, "signature algorithm");
    if (!signatures) {
        return tl::unexpected(signatures.error());
    }
    if (SSL_CTX_set1_sigalgs_list(context, signatures->c_str()) != 1 ||
        SSL_CTX_set1_client_sigalgs_list(context, signatures->c_str()) != 1) {
        return fail(ErrorCode::invalid_argument, "signature algorithms \"{}\": {}", *signatures,
                    openssl_reason());
    }
    return {};
}

}  // namespace

bool secure_private_keys() {
    return CRYPTO_secure_malloc_initialized() == 1 ||
           CRYPTO_secure_malloc_init(kSecureHeap, kSecureBlock) == 1;
}

int64_t not_after_of(X509* certificate) {
    std::tm end{};
    return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1 ? ::timegm(&end) : 0;
}

Result<std::shared_ptr<const Credentials>> Credentials::load(const CredentialSettings& settings) {
    ERR_clear_error();
    auto out = std::make_shared<Credentials>();
    out->context.reset(SSL_CTX_new(TLS_method()));
    SSL_CTX* context = out->context.get();
    if (context == nullptr) {
        return fail(ErrorCode::internal, "OpenSSL makes no TLS context: {}", openssl_reason());
    }
    // TLS 1.3 and nothing else; every key set from a full handshake: no tickets, no resumption, no
    // early data. The compatibility mode for middleboxes makes no sense inside SCTP messages.
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_clear_options(context, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    // Intermediates come from the certificate file; looking for a chain costs time in every
    // handshake.
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify_depth(context, kMaxChain);
    SSL_CTX_set_cert_verify_callback(context, &TlsConnection::verify_peer, nullptr);
    if (auto set = set_algorithms(context, settings); !set) {
        return tl::unexpected(set.error());
    }
    if (settings.secret_log) {
        out->secret_log = settings.secret_log;
        SSL_CTX_set_app_data(context, out->secret_log.get());
        SSL_CTX_set_keylog_callback(context, &log_secret);
    }

    const std::string file = settings.certificate.string();
    if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1) {
        return fail(ErrorCode::invalid_argument, "{}: no PEM certificate chain: {}", file,
                    openssl_reason());
    }
    auto passphrase = read_passphrase(settings);
    if (!passphrase) {
        return tl::unexpected(passphrase.error());
    }
    auto key = settings.private_key.starts_with("pkcs11:")
                   ? read_stored_key(settings.private_key, *passphrase)
                   : read_pem_key(settings.private_key, *passphrase);
    if (!key) {
        return tl::unexpected(key.error());
    }
    if (SSL_CTX_use_PrivateKey(context, key->get()) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        return fail(ErrorCode::invalid_argument, "the private key {} does not belong to {}: {}",
                    settings.private_key, file, openssl_reason());
    }
    if (auto loaded = load_authorities(SSL_CTX_get_cert_store(context), settings); !loaded) {
        return tl::unexpected(loaded.error());
    }
    if (auto checked = check_own_chain(*out, file); !checked) {
        return tl::unexpected(checked.error());
    }
    ERR_clear_error();
    return out;
}

Result<std::shared_ptr<CredentialStore>> CredentialStore::open(CredentialSettings settings) {
    std::shared_ptr<CredentialStore> out(new CredentialStore(std::move(settings)));
    if (auto loaded = out->reload(); !loaded) {
        return tl::unexpected(loaded.error());
    }
    return out;
}

Result<void> CredentialStore::reload() {
    auto loaded = Credentials::load(settings_);
    if (!loaded) {
        return tl::unexpected(loaded.error());
    }
    current_ = std::move(*loaded);
    return {};
}

}  // namespace sdg::keymgmt::tls13
