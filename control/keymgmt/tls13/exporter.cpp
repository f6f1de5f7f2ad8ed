#include "control/keymgmt/tls13/exporter.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <memory>

namespace sdg::keymgmt::tls13 {
namespace {

struct FreeKdf {
    void operator()(EVP_KDF* kdf) const noexcept { EVP_KDF_free(kdf); }
    void operator()(EVP_KDF_CTX* context) const noexcept { EVP_KDF_CTX_free(context); }
};

struct Digest {
    std::array<uint8_t, EVP_MAX_MD_SIZE> octets{};
    size_t length = 0;
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {octets.data(), length}; }
};

Result<Digest> hash(const char* name, std::span<const uint8_t> data) {
    Digest digest;
    if (EVP_Q_digest(nullptr, name, nullptr, data.data(), data.size(), digest.octets.data(),
                     &digest.length) != 1) {
        return fail(ErrorCode::internal, "cannot compute {}", name);
    }
    return digest;
}

OSSL_PARAM octet_param(const char* key, std::span<const uint8_t> value) {
    // The library's parameters are not const, its key derivations read only.
    return OSSL_PARAM_construct_octet_string(key, const_cast<uint8_t*>(value.data()), value.size());
}

std::span<const uint8_t> octets(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// HKDF-Expand-Label of RFC 8446, section 7.1.
Result<SecretBytes> expand_label(const char* hash_name, std::span<const uint8_t> secret,
                                 std::string_view label, std::span<const uint8_t> context,
                                 size_t length) {
    std::unique_ptr<EVP_KDF, FreeKdf> kdf{EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr)};
    std::unique_ptr<EVP_KDF_CTX, FreeKdf> derivation{EVP_KDF_CTX_new(kdf.get())};
    if (derivation == nullptr) {
        return fail(ErrorCode::internal, "OpenSSL has no TLS13-KDF");
    }
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const std::array parameters{
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash_name), 0),
        octet_param(OSSL_KDF_PARAM_KEY, secret),
        octet_param(OSSL_KDF_PARAM_PREFIX, octets("tls13 ")),
        octet_param(OSSL_KDF_PARAM_LABEL, octets(label)),
        octet_param(OSSL_KDF_PARAM_DATA, context),
        OSSL_PARAM_construct_end(),
    };
    SecretBytes out{length};
    if (EVP_KDF_derive(derivation.get(), out.mutable_bytes().data(), length, parameters.data()) !=
        1) {
        return fail(ErrorCode::internal, "HKDF-Expand-Label failed");
    }
    return out;
}

}  // namespace

std::vector<uint8_t> export_context(const Export& what) {
    std::vector<uint8_t> context{static_cast<uint8_t>(what.direction),
                                 static_cast<uint8_t>(what.role), static_cast<uint8_t>(what.kind)};
    context.insert(context.end(), what.client_parameter.begin(), what.client_parameter.end());
    context.insert(context.end(), what.server_parameter.begin(), what.server_parameter.end());
    return context;
}

uint32_t export_length(const record::SuiteTraits& suite, ExportKind kind) {
    switch (kind) {
        case ExportKind::key:
            return suite.key_length;
        case ExportKind::sn_key:
            return suite.sn_key_length;
        case ExportKind::iv:
            return suite.iv_length;
    }
    return 0;
}

Result<SecretBytes> derive_export(const record::SuiteTraits& suite,
                                  std::span<const uint8_t> exporter_secret, const Export& what) {
    // TLS-Exporter(label, context, length) =
    //     HKDF-Expand-Label(Derive-Secret(Secret, label, ""), "exporter", Hash(context), length)
    const auto empty_hash = hash(suite.hash, {});
    const auto context_hash = hash(suite.hash, export_context(what));
    if (!empty_hash || !context_hash) {
        return fail(ErrorCode::internal, "cannot compute {}", suite.hash);
    }
    if (exporter_secret.size() != empty_hash->length) {
        return fail(ErrorCode::invalid_argument,
                    "exporter secret of {} must have {} octets, not {}", suite.name,
                    empty_hash->length, exporter_secret.size());
    }
    auto derived = expand_label(suite.hash, exporter_secret, kExportLabel, empty_hash->bytes(),
                                empty_hash->length);
    if (!derived) {
        return derived;
    }
    return expand_label(suite.hash, derived->bytes(), "exporter", context_hash->bytes(),
                        export_length(suite, what.kind));
}

}  // namespace sdg::keymgmt::tls13
