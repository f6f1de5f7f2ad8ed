// The other handshake messages: EncryptedExtensions, CertificateRequest, Certificate,
// CertificateVerify (RFC 8446, sections 4.3 and 4.4), ExtendedKeyUpdate.
//
// Views in parsed messages refer to the body given. Pure, any thread.
#pragma once

#include "control/keymgmt/dtls13/extensions.h"
#include "control/keymgmt/dtls13/openssl_types.h"

namespace sdg::keymgmt::dtls13 {

struct EncryptedExtensions {
    bool extended_key_update = false;
};
// offered: we have offered extended key update.
[[nodiscard]] Checked<EncryptedExtensions> parse_encrypted_extensions(View body, bool offered);
[[nodiscard]] Octets encrypted_extensions_body(const EncryptedExtensions& message);

struct CertificateRequest {
    View context;  // certificate_request_context
    std::vector<SignatureScheme> signature_schemes;
};
// Extensions that we do not know are skipped, as they must be.
[[nodiscard]] Checked<CertificateRequest> parse_certificate_request(View body);
[[nodiscard]] Octets certificate_request_body(const CertificateRequest& message);

inline constexpr size_t kMaxChain = 10;  // certificates

struct CertificateMessage {
    View context;
    std::vector<CertificatePointer> chain;  // leaf first; may be empty
};
// bad_certificate: not X.509, or too many; unsupported_extension: we offer none for certificates.
[[nodiscard]] Checked<CertificateMessage> parse_certificate(View body);
[[nodiscard]] Octets certificate_body(View context, std::span<const Octets> chain);

struct CertificateVerify {
    SignatureScheme scheme = SignatureScheme::none;
    View signature;
};
[[nodiscard]] Checked<CertificateVerify> parse_certificate_verify(View body);
[[nodiscard]] Octets certificate_verify_body(const CertificateVerify& message);

struct ExtendedKeyUpdate {
    ExtendedKeyUpdateType type = ExtendedKeyUpdateType::new_key_update;
    KeyShareEntry key_share;  // not of new_key_update
};
// unexpected_message: a subtype that nobody knows.
[[nodiscard]] Checked<ExtendedKeyUpdate> parse_extended_key_update(View body);
[[nodiscard]] Octets extended_key_update_body(const ExtendedKeyUpdate& message);

}  // namespace sdg::keymgmt::dtls13
