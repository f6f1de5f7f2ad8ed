#include "control/keymgmt/dtls13/key_derivation.h"

#include <openssl/evp.h>

#include "foundation/hkdf.h"

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr std::string_view kLabelPrefix = "dtls13";

Checked<SecretBytes> checked(Result<SecretBytes> derived) {
    if (!derived) {
        return refuse(AlertDescription::internal_error, "{}", derived.error().message);
    }
    return std::move(*derived);
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
    const std::array<uint8_t, 64> zeros{};
    return checked(hkdf::extract(hash.name, salt.empty() ? View(zeros).first(hash.length) : salt,
                                 secret, hash.length));
}

Checked<SecretBytes> expand_label(const Hash& hash, View secret, std::string_view label,
                                  View context, size_t length) {
    return checked(hkdf::expand_label(hash.name, kLabelPrefix, secret, label, context, length));
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
