#include "tests/support/pki.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>

namespace sdg::test {
namespace {

void must(bool done, const char* what) {
    if (!done) {
        throw std::runtime_error(std::string("test PKI: ") + what);
    }
}

EVP_PKEY* generate(KeyKind kind) {
    switch (kind) {
        case KeyKind::p256:
            return EVP_EC_gen("P-256");
        case KeyKind::p384:
            return EVP_EC_gen("P-384");
        case KeyKind::ed25519:
            return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
        case KeyKind::rsa2048:
            return EVP_RSA_gen(2048);
    }
    return nullptr;
}

void add_extension(X509* to, X509* issuer, int kind, const std::string& text) {
    if (text.empty()) {
        return;
    }
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, text.c_str());
    must(extension != nullptr && X509_add_ext(to, extension, -1) == 1, text.c_str());
    X509_EXTENSION_free(extension);
}

const EVP_MD* digest_of(const EVP_PKEY* key) {
    return EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
}

struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File create(const std::filesystem::path& path) {
    File out{std::fopen(path.c_str(), "w")};
    must(out != nullptr, path.c_str());
    must(::chmod(path.c_str(), 0600) == 0, "chmod");
    return out;
}

}  // namespace

Pki::Pki() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sdg-pki-XXXXXX").string();
    must(::mkdtemp(pattern.data()) != nullptr, "no scratch folder");
    folder_ = pattern;
    root_ = make({.common_name = "test root",
                  .authority = true,
                  .key_usage = "critical,keyCertSign,cRLSign"},
                 nullptr);
    write("ca", root_);
}

Pki::~Pki() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

Certificate Pki::make(const CertificateRequest& request, const Certificate* issuer) {
    Certificate out;
    out.key.reset(generate(request.key));
    out.certificate.reset(X509_new());
    X509* made = out.certificate.get();
    must(out.key && made != nullptr, "key");
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial_++);
    X509_gmtime_adj(X509_getm_notBefore(made), request.not_before);
    X509_gmtime_adj(X509_getm_notAfter(made), request.not_after);
    X509_set_pubkey(made, out.key.get());
    X509_NAME* subject = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(request.common_name.c_str()),
                               -1, -1, 0);
    X509* signer = issuer == nullptr ? made : issuer->certificate.get();
    X509_set_issuer_name(made, X509_get_subject_name(signer));
    add_extension(made, signer, NID_basic_constraints,
                  request.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(made, signer, NID_key_usage, request.key_usage);
    add_extension(made, signer, NID_ext_key_usage, request.extended_key_usage);
    add_extension(made, signer, NID_subject_alt_name, request.subject_alternative_names);
    add_extension(made, signer, NID_subject_key_identifier, "hash");
    if (issuer != nullptr) {
        add_extension(made, signer, NID_authority_key_identifier, "keyid:always");
    }
    EVP_PKEY* key = issuer == nullptr ? out.key.get() : issuer->key.get();
    must(X509_sign(made, key, digest_of(key)) > 0, "signature");
    return out;
}

std::filesystem::path Pki::write(const std::string& name, const Certificate& certificate,
                                 const std::vector<const Certificate*>& intermediates,
                                 const std::string& passphrase) {
    auto path = folder_ / name;
    const File chain = create(path.string() + ".pem");
    PEM_write_X509(chain.get(), certificate.certificate.get());
    for (const Certificate* more : intermediates) {
        PEM_write_X509(chain.get(), more->certificate.get());
    }
    const File key = create(path.string() + ".key");
    must(PEM_write_PKCS8PrivateKey(key.get(), certificate.key.get(),
                                   passphrase.empty() ? nullptr : EVP_aes_256_cbc(),
                                   passphrase.empty() ? nullptr : passphrase.c_str(),
                                   static_cast<int>(passphrase.size()), nullptr, nullptr) == 1,
         "private key");
    return path;
}

Certificate Pki::load(const std::filesystem::path& path) {
    Certificate out;
    const File chain{std::fopen((path.string() + ".pem").c_str(), "r")};
    const File key{std::fopen((path.string() + ".key").c_str(), "r")};
    must(chain && key, path.c_str());
    out.certificate.reset(PEM_read_X509(chain.get(), nullptr, nullptr, nullptr));
    out.key.reset(PEM_read_PrivateKey(key.get(), nullptr, nullptr, nullptr));
    must(out.certificate && out.key, path.c_str());
    return out;
}

std::filesystem::path Pki::write_revocation_list(const std::string& name, const Certificate& issuer,
                                                 const std::vector<const Certificate*>& revoked,
                                                 long age) {
    X509_CRL* list = X509_CRL_new();
    X509_CRL_set_version(list, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer.certificate.get()));
    ASN1_TIME* time = X509_gmtime_adj(nullptr, -3600 - age);
    X509_CRL_set1_lastUpdate(list, time);
    X509_gmtime_adj(time, 86400 - age);
    X509_CRL_set1_nextUpdate(list, time);
    X509_gmtime_adj(time, -1800 - age);
    for (const Certificate* one : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate.get()));
        X509_REVOKED_set_revocationDate(entry, time);
        X509_CRL_add0_revoked(list, entry);
    }
    ASN1_TIME_free(time);
    X509_CRL_sort(list);
    must(X509_CRL_sign(list, issuer.key.get(), digest_of(issuer.key.get())) > 0, "list");
    auto path = folder_ / (name + ".crl");
    {
        const File file = create(path);
        PEM_write_X509_CRL(file.get(), list);
    }
    X509_CRL_free(list);
    return path;
}

std::filesystem::path Pki::write_text(const std::string& name, const std::string& text) {
    auto path = folder_ / name;
    const File file = create(path);
    std::fwrite(text.data(), 1, text.size(), file.get());
    return path;
}

std::filesystem::path Pki::issue(const std::string& name, const std::string& dns_name) {
    return write(
        name, make({.common_name = name, .subject_alternative_names = "DNS:" + dns_name}, &root_));
}

}  // namespace sdg::test
