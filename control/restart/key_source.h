// Where the key-encryption key comes from: a file, a systemd credential, or a token behind OpenSSL.
//
// Errors name the source and the remedy, never the key; a URI is named without its query and
// attributes that could hold a PIN. Start-up and operator commands; a token may take seconds.
#pragma once

#include <filesystem>
#include <string>
#include <variant>

#include "foundation/random.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::restart {

// 32 octets, or 64 hexadecimal digits and white space. Regular, of the effective user or root, no
// rights for group and others; a symbolic link is followed and what it leads to is checked.
struct KeyFile {
    std::filesystem::path path;
};

// LoadCredential= or LoadCredentialEncrypted= of systemd: $CREDENTIALS_DIRECTORY/name, content as
// of KeyFile.
struct KeyCredential {
    std::string name;
};

// A private RSA key OpenSSL's store opens by URI, and a file with the key-encryption key encrypted
// to it (RSA-OAEP, SHA-256): the RSA key never leaves the token. OpenSSL 3.0 has no symmetric keys
// in stores, hence the detour. "pkcs11:..." and "handle:..." (TPM) need a provider loaded by
// openssl.cnf; without one for PKCS#11, which Debian 12 does not package, the engine of
// libengine-pkcs11-openssl is used. "file:..." needs nothing and protects nothing.
struct KeyToken {
    std::string uri;
    std::filesystem::path wrapped_key;  // not secret, but nobody else may write it
};

using KeySource = std::variant<KeyFile, KeyCredential, KeyToken>;

// 32 octets. not_found, permission_denied (rights, wrong PIN, key not allowed), invalid_argument
// (length, digits, name), unavailable (no provider or
// engine knows the URI's scheme), corrupt (the wrapped
// key does not open).
[[nodiscard]] Result<SecretBytes> load_key_encryption_key(const KeySource& source);

// Makes a new random key-encryption key and writes it, wrapped for the token's key, to
// token.wrapped_key (mode 0600, durably). already_exists when there is such a file.
[[nodiscard]] Result<void> create_wrapped_key(const KeyToken& token, Random& random);

}  // namespace sdg::restart
