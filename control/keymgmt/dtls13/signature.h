// The signatures of CertificateVerify (RFC 8446, section 4.4.3), by libcrypto.
//
// Pure functions over keys, any thread.
#pragma once

#include <string_view>

#include "control/keymgmt/dtls13/alert.h"
#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/codec.h"
#include "control/keymgmt/dtls13/openssl_types.h"

namespace sdg::keymgmt::dtls13 {

inline constexpr std::string_view kServerVerify = "TLS 1.3, server CertificateVerify";
inline constexpr std::string_view kClientVerify = "TLS 1.3, client CertificateVerify";

// Every scheme the engine has, most preferred first.
[[nodiscard]] std::span<const SignatureScheme> supported_signature_schemes();
[[nodiscard]] std::string_view signature_scheme_name(SignatureScheme scheme);
// May a key of this kind and curve be used with the scheme?
[[nodiscard]] bool fits(SignatureScheme scheme, const EVP_PKEY* key);

// The octets that are signed: padding, context string, transcript hash.
[[nodiscard]] Octets signature_content(std::string_view context, View transcript_hash);
[[nodiscard]] Checked<Octets> sign(SignatureScheme scheme, EVP_PKEY* key, View content);
// illegal_parameter: the scheme does not fit the key; decrypt_error: the signature is wrong.
[[nodiscard]] Checked<void> verify(SignatureScheme scheme, EVP_PKEY* key, View content,
                                   View signature);

}  // namespace sdg::keymgmt::dtls13
