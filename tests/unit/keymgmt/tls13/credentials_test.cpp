// Certificates, keys, authorities and lists as files: what loads, and what is said about what does
// not.
#include "control/keymgmt/tls13/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/pki.h"

namespace sdg::keymgmt::tls13 {
namespace {

class CredentialFiles : public testing::Test {
 protected:
    CredentialFiles() {
        pki.issue("gateway", "gateway.example");
        settings.certificate = pki.folder() / "gateway.pem";
        settings.private_key = (pki.folder() / "gateway.key").string();
        settings.authorities = {pki.folder() / "ca.pem"};
        settings.suites = {record::Suite::aes_128_gcm_sha256};
    }

    std::string error() const {
        const auto loaded = Credentials::load(settings);
        return loaded ? "" : loaded.error().message;
    }
    void expect_error(const std::string& part) const {
        const std::string text = error();
        EXPECT_NE(text.find(part), std::string::npos) << "got: " << text;
        EXPECT_EQ(text.find('\n'), std::string::npos);
    }

    test::Pki pki;
    CredentialSettings settings;
};

TEST_F(CredentialFiles, load) {
    const auto loaded = Credentials::load(settings);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ((*loaded)->subject, "dns:gateway.example");
    EXPECT_TRUE((*loaded)->warnings.empty());
    EXPECT_GT((*loaded)->not_after, std::time(nullptr) + 29 * 86400);
}

TEST_F(CredentialFiles, every_kind_of_key_and_suite) {
    settings.suites = {record::Suite::aes_128_gcm_sha256, record::Suite::aes_256_gcm_sha384,
                       record::Suite::chacha20_poly1305_sha256, record::Suite::aes_128_ccm_sha256};
    for (const auto kind : {test::KeyKind::p256, test::KeyKind::p384, test::KeyKind::ed25519,
                            test::KeyKind::rsa2048}) {
        pki.write("gateway", pki.make({.key = kind}, &pki.root()));
        EXPECT_EQ(error(), "");
    }
}

TEST_F(CredentialFiles, encrypted_keys_need_their_passphrase) {
    pki.write("gateway", pki.make({}, &pki.root()), {}, "correct horse");
    expect_error("is encrypted and no passphrase_file is given");
    settings.passphrase_file = pki.write_text("pass", "wrong\n");
    expect_error("the passphrase does not fit");
    settings.passphrase_file = pki.write_text("pass", "correct horse\n");
    EXPECT_EQ(error(), "");
    ::chmod(settings.passphrase_file->c_str(), 0644);
    expect_error("mode 0644");
}

TEST_F(CredentialFiles, errors_name_the_file_and_the_fault) {
    const CredentialSettings good = settings;
    settings.certificate = pki.folder() / "absent.pem";
    expect_error("absent.pem: no PEM certificate chain");
    settings = good;
    settings.private_key = (pki.folder() / "absent.key").string();
    expect_error("absent.key: cannot be opened");
    settings.private_key = (pki.folder() / "ca.key").string();
    expect_error("does not belong to");
    settings.private_key = pki.write_text("junk.key", "junk").string();
    expect_error("junk.key: no PEM private key");
    settings = good;
    settings.authorities = {pki.write_text("junk.pem", "junk")};
    expect_error("junk.pem: no PEM certificates of authorities");
    settings = good;
    settings.revocation_lists = {pki.folder() / "ca.pem"};
    expect_error("no PEM revocation list");
    settings = good;
    settings.groups = {"ffdhe2048"};
    expect_error("group \"ffdhe2048\" is not known");
    settings = good;
    settings.signature_algorithms = {"rsa_pkcs1_sha1"};
    expect_error("signature algorithm \"rsa_pkcs1_sha1\" is not known");
    settings = good;
    ::chmod(settings.private_key.c_str(), 0640);
    expect_error("mode 0640");
}

TEST_F(CredentialFiles, a_pkcs11_key_without_a_provider_says_so) {
    settings.private_key = "pkcs11:token=gateway;object=key";
    const std::string text = error();
    EXPECT_TRUE(text.find("no provider named pkcs11") != std::string::npos ||
                text.find("cannot be loaded") != std::string::npos)
        << text;
}

TEST_F(CredentialFiles, dates_and_usages_are_checked) {
    pki.write("gateway", pki.make({.not_before = -7200, .not_after = -3600}, &pki.root()));
    expect_error("has expired");
    pki.write("gateway", pki.make({.not_before = 3600}, &pki.root()));
    expect_error("is not valid yet");
    pki.write("gateway", pki.make({.key_usage = "keyEncipherment"}, &pki.root()));
    expect_error("digitalSignature");
    pki.write("gateway", pki.make({.extended_key_usage = "serverAuth"}, &pki.root()));
    const auto loaded = Credentials::load(settings);
    ASSERT_TRUE(loaded);
    ASSERT_EQ((*loaded)->warnings.size(), 1U);
    EXPECT_NE((*loaded)->warnings[0].find("clientAuth"), std::string::npos);
}

TEST_F(CredentialFiles, the_chain_ends_with_its_first_certificate_to_end) {
    const auto intermediate = pki.make({.common_name = "intermediate",
                                        .not_after = 5000,
                                        .authority = true,
                                        .key_usage = "keyCertSign,cRLSign"},
                                       &pki.root());
    pki.write("gateway", pki.make({}, &intermediate), {&intermediate});
    const auto loaded = Credentials::load(settings);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_LE((*loaded)->not_after, std::time(nullptr) + 5000);
}

TEST_F(CredentialFiles, a_failed_reload_changes_nothing) {
    const auto store = CredentialStore::open(settings);
    ASSERT_TRUE(store);
    const auto before = (*store)->current();
    pki.write_text("gateway.pem", "junk");
    EXPECT_FALSE((*store)->reload());
    EXPECT_EQ((*store)->current(), before);
    pki.issue("gateway", "gateway.example");
    EXPECT_TRUE((*store)->reload());
    EXPECT_NE((*store)->current(), before);
}

}  // namespace
}  // namespace sdg::keymgmt::tls13
