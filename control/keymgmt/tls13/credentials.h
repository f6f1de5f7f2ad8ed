// What the gateway shows and trusts in TLS handshakes: certificate chain, private key, trusted
// authorities, revocation lists, and the algorithms allowed.
//
// Credentials are immutable once loaded; a CredentialStore swaps them as a whole on reload(), so
// handshakes under way end with what they began with and the next one uses the new ones. Control
// thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/key_log.h"
#include "control/keymgmt/tls13/openssl_types.h"
#include "dataplane/record/suite.h"
#include "foundation/result.h"

namespace sdg::keymgmt::tls13 {

struct CredentialSettings {
    std::filesystem::path certificate;  // PEM: leaf first, then the intermediates
    std::string private_key;            // PEM file, or a "pkcs11:" URI (RFC 7512)
    std::optional<std::filesystem::path> passphrase_file;  // of an encrypted PEM key, owner only
    std::vector<std::filesystem::path> authorities;        // PEM, at least one certificate in all
    std::vector<std::filesystem::path> revocation_lists;   // PEM; given: every chain is checked
    std::vector<record::Suite> suites;                     // most preferred first
    std::vector<std::string> groups{"x25519", "secp256r1", "secp384r1"};  // TLS registry names
    std::vector<std::string> signature_algorithms;  // TLS registry names; empty: all
    std::shared_ptr<KeyLog> secret_log;             // laboratory: of every handshake; may be null
};

struct Credentials {
    std::shared_ptr<KeyLog> secret_log;  // the context writes to it
    SslContextPointer context;
    std::string subject;                // for the log
    int64_t not_after = 0;              // the chain's earliest end, seconds of Unix time
    std::vector<std::string> warnings;  // usable, but perhaps not as meant

    // The error names the file and what was expected of it; never what is in a key.
    [[nodiscard]] static Result<std::shared_ptr<const Credentials>> load(
        const CredentialSettings& settings);
};

class CredentialStore {
 public:
    [[nodiscard]] static Result<std::shared_ptr<CredentialStore>> open(CredentialSettings settings);

    [[nodiscard]] const std::shared_ptr<const Credentials>& current() const { return current_; }
    [[nodiscard]] const CredentialSettings& settings() const { return settings_; }
    // Reads all files again. On an error nothing changes.
    [[nodiscard]] Result<void> reload();

 private:
    explicit CredentialStore(CredentialSettings settings) : settings_(std::move(settings)) {}

    CredentialSettings settings_;
    std::shared_ptr<const Credentials> current_;
};

// Puts OpenSSL's private keys into memory that is locked, kept out of core dumps and wiped. Once,
// before any key is loaded. False: the memory could not be locked (RLIMIT_MEMLOCK); it works
// without.
bool secure_private_keys();

// The earliest end of a certificate's life, seconds of Unix time; 0 when it cannot be told.
[[nodiscard]] int64_t not_after_of(X509* certificate);

}  // namespace sdg::keymgmt::tls13
