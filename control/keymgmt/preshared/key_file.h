// The file with pre-shared key material for method 0.
//
// Text; '#' starts a comment; exactly one line `psk: <hex>` with 32 to 256 octets of hex. Make one:
//     (umask 077; echo "psk: $(openssl rand -hex 32)" > trunk.psk)
// Owner-only rights are required (owner_only_file.h). Control thread.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt {

inline constexpr size_t kMinPresharedOctets = 32;
inline constexpr size_t kMaxPresharedOctets = 256;

// invalid_argument naming file and line, never the content; also what owner_only_file.h says.
[[nodiscard]] Result<SecretBytes> read_preshared_key_file(const std::filesystem::path& path);

// The text of such a file; name stands for it in errors.
[[nodiscard]] Result<SecretBytes> parse_preshared_key(std::span<const uint8_t> text,
                                                      const std::string& name);

// Hex digits to octets. The error does not quote the digits.
[[nodiscard]] Result<SecretBytes> secret_from_hex(std::string_view hex);

}  // namespace sdg::keymgmt
