// The derivations of RFC 8446, section 7.1, with DTLS 1.3's label prefix (RFC 9147, section 5.9).
//
// Pure functions, any thread. The only error is libcrypto failing (internal_error), which happens
// when memory runs out.
#pragma once

#include <array>
#include <string_view>

#include "control/keymgmt/dtls13/alert.h"
#include "control/keymgmt/dtls13/codec.h"
#include "dataplane/record/suite.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt::dtls13 {

// The hash of a suite.
struct Hash {
    const char* name = "SHA256";  // as OpenSSL names it
    size_t length = 32;           // octets

    [[nodiscard]] static Hash of(record::Suite suite);
};

struct Digest {
    std::array<uint8_t, 64> octets{};
    size_t length = 0;
    [[nodiscard]] View bytes() const { return View(octets).first(length); }
};

[[nodiscard]] Checked<Digest> digest(const Hash& hash, View data);
[[nodiscard]] Checked<Digest> hmac(const Hash& hash, View key, View data);

// HKDF-Extract. An empty salt counts as Hash.length zeros.
[[nodiscard]] Checked<SecretBytes> hkdf_extract(const Hash& hash, View salt, View secret);
// HKDF-Expand-Label(secret, label, context, length) with the prefix "dtls13".
[[nodiscard]] Checked<SecretBytes> expand_label(const Hash& hash, View secret,
                                                std::string_view label, View context,
                                                size_t length);
// Derive-Secret, given the transcript hash.
[[nodiscard]] Checked<SecretBytes> derive_secret(const Hash& hash, View secret,
                                                 std::string_view label, View transcript_hash);
// Derive-Secret(secret, label, "").
[[nodiscard]] Checked<SecretBytes> derive_secret_of_nothing(const Hash& hash, View secret,
                                                            std::string_view label);
// TLS-Exporter of section 7.5 from an exporter secret.
[[nodiscard]] Checked<SecretBytes> tls_exporter(const Hash& hash, View exporter_secret,
                                                std::string_view label, View context,
                                                size_t length);
// verify_data of a Finished under the traffic secret of its sender.
[[nodiscard]] Checked<Digest> finished_verify_data(const Hash& hash, View base_key,
                                                   View transcript_hash);

}  // namespace sdg::keymgmt::dtls13
