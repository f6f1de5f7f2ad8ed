#include "control/keymgmt/preshared/derivation.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <array>
#include <memory>
#include <string_view>
#include <vector>

namespace sdg::keymgmt {
namespace {

constexpr std::string_view kSalt = "SCTP DTLS chunk method 0";
constexpr std::string_view kLabel = "sctp-dtls-chunk psk v1";

enum class Part : uint8_t { key = 0, sn_key = 1, iv = 2 };

void put_be16(std::vector<uint8_t>& out, size_t value) {
    out.push_back(static_cast<uint8_t>(value >> 8));
    out.push_back(static_cast<uint8_t>(value));
}

void put_be32(std::vector<uint8_t>& out, uint32_t value) {
    put_be16(out, value >> 16);
    put_be16(out, value & 0xffff);
}

std::vector<uint8_t> info_of(record::Suite suite, const SessionContext& context,
                             keys::KmRole writer, keys::KeyRole role, uint16_t epoch, Part part) {
    std::vector<uint8_t> info(kLabel.begin(), kLabel.end());
    put_be16(info, static_cast<uint16_t>(suite));
    put_be16(info, epoch);
    info.push_back(writer == keys::KmRole::client ? 0 : 1);
    info.push_back(static_cast<uint8_t>(role));
    info.push_back(static_cast<uint8_t>(part));
    put_be32(info, context.client_tag);
    put_be32(info, context.server_tag);
    for (const auto* parameter : {&context.client_parameter, &context.server_parameter}) {
        put_be16(info, parameter->size());
        info.insert(info.end(), parameter->begin(), parameter->end());
    }
    return info;
}

Result<SecretBytes> hkdf(const char* hash, const SecretBytes& key, std::span<const uint8_t> info,
                         size_t length) {
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
        EVP_KDF_fetch(nullptr, OSSL_KDF_NAME_HKDF, nullptr), &EVP_KDF_free);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
        kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr, &EVP_KDF_CTX_free);
    if (!context) {
        return fail(ErrorCode::internal, "OpenSSL has no HKDF");
    }
    // OpenSSL takes non-const pointers and does not write through them.
    const std::array<OSSL_PARAM, 5> parameters = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(hash), 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                          const_cast<uint8_t*>(key.bytes().data()), key.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<char*>(kSalt.data()),
                                          kSalt.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<uint8_t*>(info.data()),
                                          info.size()),
        OSSL_PARAM_construct_end()};
    SecretBytes out(length);
    if (EVP_KDF_derive(context.get(), out.mutable_bytes().data(), length, parameters.data()) != 1) {
        return fail(ErrorCode::internal, "OpenSSL's HKDF failed");
    }
    return out;
}

}  // namespace

Result<record::KeyMaterial> derive_preshared(const SecretBytes& preshared_key, record::Suite suite,
                                             const SessionContext& context, keys::KmRole writer,
                                             keys::KeyRole role, uint16_t epoch) {
    const record::SuiteTraits* traits = record::traits(suite);
    if (traits == nullptr) {
        return fail(ErrorCode::invalid_argument, "unknown cipher suite {:#06x}",
                    static_cast<uint16_t>(suite));
    }
    record::KeyMaterial material;
    material.suite = suite;
    struct Wanted {
        Part part;
        SecretBytes* where;
        size_t length;
    };
    for (const Wanted& wanted : {Wanted{Part::key, &material.key, traits->key_length},
                                 Wanted{Part::sn_key, &material.sn_key, traits->sn_key_length},
                                 Wanted{Part::iv, &material.iv, traits->iv_length}}) {
        auto octets =
            hkdf(traits->hash, preshared_key,
                 info_of(suite, context, writer, role, epoch, wanted.part), wanted.length);
        if (!octets) {
            return tl::unexpected(octets.error());
        }
        *wanted.where = std::move(*octets);
    }
    return material;
}

}  // namespace sdg::keymgmt
