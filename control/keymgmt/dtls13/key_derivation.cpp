#include "control/keymgmt/dtls13/key_derivation.h"

#include "control/keymgmt/dtls13/openssl_types.h"

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr std::string_view kLabelPrefix = "dtls13";

OSSL_PARAM octet_param(const char* key, View value) {
    // The library's parameters are not const, its key derivations read only. A null pointer would
    // mean "not given".
    static uint8_t none = 0;
    return OSSL_PARAM_construct_octet_string(
        key, value.empty() ? &none : const_cast<uint8_t*>(value.data()), value.size());
}

// Fetching costs more than deriving, so it is done once.
KdfContext kdf(const char* name) {
    static EVP_KDF* const tls13 = EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr);
    static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    return KdfContext{EVP_KDF_CTX_new(std::string_view(name) == "HKDF" ? hkdf : tls13)};
}

}  // namespace

Hash Hash::of(record::Suite suite) {
    return suite == record::Suite::aes_256_gcm_sha384 ? Hash{"SHA384", 48} : Hash{"SHA256", 32};
}

Checked<Digest> digest(const Hash& hash, View data) {
    Digest out;
    if (EVP_Q_digest(nullptr, hash.name, nullptr, data.data(), data.size(), out.octets.data(),
                     &out.length) != 1) {
        return refuse(AlertDescription::internal_error, "OpenSSL cannot compute {}", hash.name);
    }
    return out;
}

Checked<Digest> hmac(const Hash& hash, View key, View data) {
    Digest out;
    if (EVP_Q_mac(nullptr, "HMAC", nullptr, hash.name, nullptr, key.data(), key.size(), data.data(),
                  data.size(), out.octets.data(), out.octets.size(), &out.length) == nullptr) {
        return refuse(AlertDescription::internal_error, "OpenSSL cannot compute an HMAC");
    }
    return out;
}

Checked<SecretBytes> hkdf_extract(const Hash& hash, View salt, View secret) {
    const KdfContext derivation = kdf("HKDF");
    const std::array<uint8_t, 64> zeros{};
    int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
    const std::array parameters{
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash.name), 0),
        octet_param(OSSL_KDF_PARAM_KEY, secret),
        octet_param(OSSL_KDF_PARAM_SALT, salt.empty() ? View(zeros).first(hash.length) : salt),
        OSSL_PARAM_construct_end(),
    };
    SecretBytes out{hash.length};
    if (!derivation || EVP_KDF_derive(derivation.get(), out.mutable_bytes().data(), out.size(),
                                      parameters.data()) != 1) {
        return refuse(AlertDescription::internal_error, "HKDF-Extract failed");
    }
    return out;
}

Checked<SecretBytes> expand_label(const Hash& hash, View secret, std::string_view label,
                                  View context, size_t length) {
    const KdfContext derivation = kdf("TLS13-KDF");
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const std::array parameters{
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash.name), 0),
        octet_param(OSSL_KDF_PARAM_KEY, secret),
        octet_param(OSSL_KDF_PARAM_PREFIX, octets_of(kLabelPrefix)),
        octet_param(OSSL_KDF_PARAM_LABEL, octets_of(label)),
        octet_param(OSSL_KDF_PARAM_DATA, context),
        OSSL_PARAM_construct_end(),
    };
    SecretBytes out{length};
    if (!derivation || EVP_KDF_derive(derivation.get(), out.mutable_bytes().data(), length,
                                      parameters.data()) != 1) {
        return refuse(AlertDescription::internal_error, "HKDF-Expand-Label failed");
    }
    return out;
}

Checked<SecretBytes> derive_secret(const Hash& hash, View secret, std::string_view label,
                                   View transcript_hash) {
    return expand_label(hash, secret, label, transcript_hash, hash.length);
}

Checked<SecretBytes> derive_secret_of_nothing(const Hash& hash, View secret,
                                              std::string_view label) {
    return digest(hash, {}).and_then([&](const Digest& of_nothing) {
        return derive_secret(hash, secret, label, of_nothing.bytes());
    });
}

Checked<SecretBytes> tls_exporter(const Hash& hash, View exporter_secret, std::string_view label,
                                  View context, size_t length) {
    const auto derived = derive_secret_of_nothing(hash, exporter_secret, label);
    const auto context_hash = digest(hash, context);
    if (!derived || !context_hash) {
        return refuse(AlertDescription::internal_error, "the exporter failed");
    }
    return expand_label(hash, derived->bytes(), "exporter", context_hash->bytes(), length);
}

Checked<Digest> finished_verify_data(const Hash& hash, View base_key, View transcript_hash) {
    const auto finished_key = expand_label(hash, base_key, "finished", {}, hash.length);
    if (!finished_key) {
        return tl::unexpected(finished_key.error());
    }
    return hmac(hash, finished_key->bytes(), transcript_hash);
}

}  // namespace sdg::keymgmt::dtls13
