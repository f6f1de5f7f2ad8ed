#include "control/keymgmt/dtls13/signature.h"

#include <openssl/rsa.h>

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

struct SchemeTraits {
    SignatureScheme scheme;
    std::string_view name;
    int key;            // EVP_PKEY_*
    const char* curve;  // of EC keys, as OpenSSL names the group
    const char* hash;   // null: the scheme has its own
};
constexpr std::array kSchemes{
    SchemeTraits{SignatureScheme::ecdsa_secp256r1_sha256, "ecdsa_secp256r1_sha256", EVP_PKEY_EC,
                 "prime256v1", "SHA256"},
    SchemeTraits{SignatureScheme::ecdsa_secp384r1_sha384, "ecdsa_secp384r1_sha384", EVP_PKEY_EC,
                 "secp384r1", "SHA384"},
    SchemeTraits{SignatureScheme::ed25519, "ed25519", EVP_PKEY_ED25519, nullptr, nullptr},
    SchemeTraits{SignatureScheme::rsa_pss_rsae_sha256, "rsa_pss_rsae_sha256", EVP_PKEY_RSA, nullptr,
                 "SHA256"},
    SchemeTraits{SignatureScheme::rsa_pss_rsae_sha384, "rsa_pss_rsae_sha384", EVP_PKEY_RSA, nullptr,
                 "SHA384"},
    SchemeTraits{SignatureScheme::rsa_pss_rsae_sha512, "rsa_pss_rsae_sha512", EVP_PKEY_RSA, nullptr,
                 "SHA512"},
};
constexpr std::array kPreferred{
    SignatureScheme::ecdsa_secp256r1_sha256,
    SignatureScheme::ecdsa_secp384r1_sha384,
    SignatureScheme::ed25519,
    SignatureScheme::rsa_pss_rsae_sha256,
    SignatureScheme::rsa_pss_rsae_sha384,
    SignatureScheme::rsa_pss_rsae_sha512,
};

constexpr size_t kPadding = 64;
constexpr uint8_t kPaddingOctet = 0x20;

const SchemeTraits* traits_of(SignatureScheme scheme) {
    const auto* const found = std::find_if(kSchemes.begin(), kSchemes.end(),
                                           [&](const auto& one) { return one.scheme == scheme; });
    return found == kSchemes.end() ? nullptr : found;
}

bool set_pss(const SchemeTraits& traits, EVP_PKEY_CTX* context) {
    return traits.key != EVP_PKEY_RSA ||
           (EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1);
}

}  // namespace

std::span<const SignatureScheme> supported_signature_schemes() {
    return kPreferred;
}

std::string_view signature_scheme_name(SignatureScheme scheme) {
    const SchemeTraits* traits = traits_of(scheme);
    return traits == nullptr ? std::string_view{} : traits->name;
}

bool fits(SignatureScheme scheme, const EVP_PKEY* key) {
    const SchemeTraits* traits = traits_of(scheme);
    if (traits == nullptr || EVP_PKEY_get_base_id(key) != traits->key) {
        return false;
    }
    if (traits->curve == nullptr) {
        return true;
    }
    std::array<char, 32> group{};
    size_t length = 0;
    return EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) == 1 &&
           std::string_view(group.data(), length) == traits->curve;
}

Octets signature_content(std::string_view context, View transcript_hash) {
    Writer out;
    for (size_t i = 0; i < kPadding; ++i) {
        out.u8(kPaddingOctet);
    }
    out.bytes(octets_of(context)).u8(0).bytes(transcript_hash);
    return out.take();
}

Checked<Octets> sign(SignatureScheme scheme, EVP_PKEY* key, View content) {
    const SchemeTraits* traits = traits_of(scheme);
    const DigestContext context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* options = nullptr;
    size_t length = 0;
    Octets out;
    if (traits == nullptr || !context ||
        EVP_DigestSignInit_ex(context.get(), &options, traits->hash, nullptr, nullptr, key,
                              nullptr) != 1 ||
        !set_pss(*traits, options) ||
        EVP_DigestSign(context.get(), nullptr, &length, content.data(), content.size()) != 1) {
        ERR_clear_error();
        return refuse(AlertDescription::internal_error, "our private key cannot sign");
    }
    out.resize(length);
    if (EVP_DigestSign(context.get(), out.data(), &length, content.data(), content.size()) != 1) {
        ERR_clear_error();
        return refuse(AlertDescription::internal_error, "our private key cannot sign");
    }
    out.resize(length);
    return out;
}

Checked<void> verify(SignatureScheme scheme, EVP_PKEY* key, View content, View signature) {
    const SchemeTraits* traits = traits_of(scheme);
    if (traits == nullptr || !fits(scheme, key)) {
        return refuse(AlertDescription::illegal_parameter,
                      "a signature scheme that does not fit the certificate's key");
    }
    const DigestContext context{EVP_MD_CTX_new()};
    EVP_PKEY_CTX* options = nullptr;
    if (!context ||
        EVP_DigestVerifyInit_ex(context.get(), &options, traits->hash, nullptr, nullptr, key,
                                nullptr) != 1 ||
        !set_pss(*traits, options)) {
        ERR_clear_error();
        return refuse(AlertDescription::internal_error, "OpenSSL cannot verify {}", traits->name);
    }
    if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), content.data(),
                         content.size()) != 1) {
        ERR_clear_error();
        return refuse(AlertDescription::decrypt_error, "the peer's signature is wrong");
    }
    return {};
}

}  // namespace sdg::keymgmt::dtls13
