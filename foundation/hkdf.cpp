#include "foundation/hkdf.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <initializer_list>
#include <memory>

namespace sdg::hkdf {
namespace {

struct Input {
    const char* name;
    Octets value;
};

Octets octets_of(std::string_view text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Fetching costs more than deriving, so it is done once.
EVP_KDF* plain() {
    static EVP_KDF* const fetched = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
    return fetched;
}
EVP_KDF* with_labels() {
    static EVP_KDF* const fetched = EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr);
    return fetched;
}

Result<SecretBytes> derive(EVP_KDF* kdf, int mode, const char* hash,
                           std::initializer_list<Input> inputs, size_t length) {
    // The library's parameters are not const, its key derivations read only. A null pointer would
    // mean "not given".
    static uint8_t none = 0;
    std::array<OSSL_PARAM, 8> parameters;
    size_t count = 0;
    parameters[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    parameters[count++] =
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash), 0);
    for (const Input& input : inputs) {
        parameters[count++] = OSSL_PARAM_construct_octet_string(
            input.name, input.value.empty() ? &none : const_cast<uint8_t*>(input.value.data()),
            input.value.size());
    }
    parameters[count] = OSSL_PARAM_construct_end();
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf),
                                                                            &EVP_KDF_CTX_free);
    SecretBytes out(length);
    if (!context ||
        EVP_KDF_derive(context.get(), out.mutable_bytes().data(), length, parameters.data()) != 1) {
        return fail(ErrorCode::internal, "OpenSSL's HKDF failed");
    }
    return out;
}

}  // namespace

Result<SecretBytes> extract(const char* hash, Octets salt, Octets key, size_t hash_length) {
    return derive(plain(), EVP_KDF_HKDF_MODE_EXTRACT_ONLY, hash,
                  {{OSSL_KDF_PARAM_KEY, key}, {OSSL_KDF_PARAM_SALT, salt}}, hash_length);
}

Result<SecretBytes> expand(const char* hash, Octets key, Octets info, size_t length) {
    return derive(plain(), EVP_KDF_HKDF_MODE_EXPAND_ONLY, hash,
                  {{OSSL_KDF_PARAM_KEY, key}, {OSSL_KDF_PARAM_INFO, info}}, length);
}

Result<SecretBytes> extract_and_expand(const char* hash, Octets salt, Octets key, Octets info,
                                       size_t length) {
    return derive(
        plain(), EVP_KDF_HKDF_MODE_EXTRACT_AND_EXPAND, hash,
        {{OSSL_KDF_PARAM_KEY, key}, {OSSL_KDF_PARAM_SALT, salt}, {OSSL_KDF_PARAM_INFO, info}},
        length);
}

Result<SecretBytes> expand_label(const char* hash, std::string_view prefix, Octets secret,
                                 std::string_view label, Octets context, size_t length) {
    return derive(with_labels(), EVP_KDF_HKDF_MODE_EXPAND_ONLY, hash,
                  {{OSSL_KDF_PARAM_KEY, secret},
                   {OSSL_KDF_PARAM_PREFIX, octets_of(prefix)},
                   {OSSL_KDF_PARAM_LABEL, octets_of(label)},
                   {OSSL_KDF_PARAM_DATA, context}},
                  length);
}

}  // namespace sdg::hkdf
