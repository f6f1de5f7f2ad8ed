// A public-key infrastructure made at test time: authorities, certificates of every kind of fault,
// revocation lists, written as PEM files into a folder that goes with it.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sdg::test {

struct FreePki {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

struct Certificate {
    std::unique_ptr<X509, FreePki> certificate;
    std::unique_ptr<EVP_PKEY, FreePki> key;
};

enum class KeyKind { p256, p384, ed25519, rsa2048 };

struct CertificateRequest {
    std::string common_name = "gateway";
    std::string subject_alternative_names{};  // OpenSSL's text: "DNS:a.example,IP:10.0.0.1"
    KeyKind key = KeyKind::p256;
    long not_before = -3600;  // seconds from now
    long not_after = 86400L * 30;
    bool authority = false;
    std::string key_usage{};           // OpenSSL's text; empty: none
    std::string extended_key_usage{};  // the same
};

class Pki {
 public:
    Pki();
    ~Pki();
    Pki(const Pki&) = delete;
    Pki& operator=(const Pki&) = delete;

    // issuer null: self-signed.
    Certificate make(const CertificateRequest& request, const Certificate* issuer);
    // "name.pem" with the chain, "name.key" with mode 0600; the path without its suffix is
    // returned. passphrase: the key is encrypted with it.
    std::filesystem::path write(const std::string& name, const Certificate& certificate,
                                const std::vector<const Certificate*>& intermediates = {},
                                const std::string& passphrase = {});
    // What write() has written, of this or another infrastructure.
    static Certificate load(const std::filesystem::path& path);
    // A list of the issuer with these revoked, current for a day. age: seconds added to its times.
    std::filesystem::path write_revocation_list(const std::string& name, const Certificate& issuer,
                                                const std::vector<const Certificate*>& revoked,
                                                long age = 0);
    std::filesystem::path write_text(const std::string& name, const std::string& text);
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

    // The usual: a root in "ca.pem".
    [[nodiscard]] const Certificate& root() const { return root_; }
    // A certificate of the root with this dNSName, written under the name.
    std::filesystem::path issue(const std::string& name, const std::string& dns_name);

 private:
    std::filesystem::path folder_;
    Certificate root_;
    long serial_ = 1;
};

}  // namespace sdg::test
