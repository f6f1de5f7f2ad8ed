// HKDF (RFC 5869) and HKDF-Expand-Label (RFC 8446, section 7.1), by OpenSSL.
//
// Pure functions, any thread. Hashes are named as OpenSSL names them; lengths are octets. The only
// error is internal: OpenSSL failing, which happens when memory runs out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::hkdf {

using Octets = std::span<const uint8_t>;

[[nodiscard]] Result<SecretBytes> extract(const char* hash, Octets salt, Octets key,
                                          size_t hash_length);
[[nodiscard]] Result<SecretBytes> expand(const char* hash, Octets key, Octets info, size_t length);
[[nodiscard]] Result<SecretBytes> extract_and_expand(const char* hash, Octets salt, Octets key,
                                                     Octets info, size_t length);
// prefix: of the label, "tls13 " or "dtls13".
[[nodiscard]] Result<SecretBytes> expand_label(const char* hash, std::string_view prefix,
                                               Octets secret, std::string_view label,
                                               Octets context, size_t length);

}  // namespace sdg::hkdf
