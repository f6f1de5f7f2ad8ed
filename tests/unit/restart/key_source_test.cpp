// Where the key-encryption key comes from, and what is said when it does not.
#include "control/restart/key_source.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "control/restart/key_token.h"
#include "tests/unit/restart/child.h"
#include "tests/unit/restart/sample.h"
#include "tests/unit/restart/temp_folder.h"

namespace sdg::restart::test {
namespace {

class KeySources : public testing::Test {
 protected:
    void TearDown() override { ::unsetenv("CREDENTIALS_DIRECTORY"); }
    std::filesystem::path write(const std::string& name, const std::string& content,
                                mode_t mode = 0600) {
        auto path = folder_ / name;
        std::filesystem::remove(path);
        std::ofstream(path, std::ios::binary) << content;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static Error error_of(const KeySource& source) {
        const auto key = load_key_encryption_key(source);
        EXPECT_FALSE(key);
        return key ? Error{} : key.error();
    }
    TempFolder folder_;
    std::string raw_ = [] {
        const SecretBytes key = kek(0);
        return std::string(key.bytes().begin(), key.bytes().end());
    }();
    std::string hex_ = fmt::format("{:02x}", fmt::join(kek(0).bytes(), ""));
};

TEST_F(KeySources, a_file_holds_octets_or_digits) {
    for (const auto& content : {raw_, hex_, hex_ + "\n", " " + hex_ + " \r\n"}) {
        const auto key = load_key_encryption_key(KeyFile{write("kek", content, 0400)});
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_TRUE(*key == kek(0));
    }
}

TEST_F(KeySources, a_file_others_may_use_is_refused) {
    for (const mode_t mode : {0640, 0604, 0620, 0660, 0777}) {
        const Error error = error_of(KeyFile{write("kek", hex_, mode)});
        EXPECT_EQ(error.code, ErrorCode::permission_denied);
        EXPECT_NE(error.message.find("chmod 600"), std::string::npos);
    }
}

TEST_F(KeySources, a_link_is_followed_and_its_target_checked) {
    std::filesystem::create_symlink(write("kek", hex_), folder_ / "link");
    EXPECT_TRUE(load_key_encryption_key(KeyFile{folder_ / "link"}));
    write("kek", hex_, 0644);
    const Error error = error_of(KeyFile{folder_ / "link"});
    EXPECT_EQ(error.code, ErrorCode::permission_denied);
    EXPECT_NE(error.message.find((folder_ / "kek").string()), std::string::npos);
    std::filesystem::remove(folder_ / "kek");
    EXPECT_EQ(error_of(KeyFile{folder_ / "link"}).code, ErrorCode::not_found);
}

TEST_F(KeySources, a_wrong_length_or_digit_is_named_without_the_key) {
    for (const auto& content : {raw_.substr(1), raw_ + "x", hex_.substr(1), hex_ + "0",
                                std::string(), hex_.substr(0, 63) + "g"}) {
        const Error error = error_of(KeyFile{write("kek", content)});
        EXPECT_EQ(error.code, ErrorCode::invalid_argument);
        EXPECT_EQ(error.message.find(hex_.substr(4, 8)), std::string::npos);
    }
    EXPECT_NE(error_of(KeyFile{write("kek", hex_.substr(0, 63) + "g")}).message.find("position 64"),
              std::string::npos);
    EXPECT_NE(error_of(KeyFile{write("kek", raw_.substr(1))}).message.find("31 octets"),
              std::string::npos);
    EXPECT_EQ(error_of(KeyFile{write("kek", std::string(5000, 'a'))}).code,
              ErrorCode::resource_exhausted);
    EXPECT_EQ(error_of(KeyFile{folder_.path()}).code, ErrorCode::permission_denied);
}

TEST_F(KeySources, a_credential_of_systemd) {
    const Error without = error_of(KeyCredential{"kek"});
    EXPECT_EQ(without.code, ErrorCode::not_found);
    EXPECT_NE(without.message.find("LoadCredential=kek"), std::string::npos);
    ::setenv("CREDENTIALS_DIRECTORY", folder_.path().c_str(), 1);
    write("kek", hex_, 0440);  // as an access list shows
    const auto key = load_key_encryption_key(KeyCredential{"kek"});
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_TRUE(*key == kek(0));
    write("kek", hex_, 0460);
    EXPECT_EQ(error_of(KeyCredential{"kek"}).code, ErrorCode::permission_denied);
    write("kek", hex_, 0444);
    EXPECT_EQ(error_of(KeyCredential{"kek"}).code, ErrorCode::permission_denied);
    EXPECT_EQ(error_of(KeyCredential{"other"}).code, ErrorCode::not_found);
    for (const char* name : {"", ".", "..", "../kek", "/etc/passwd"}) {
        EXPECT_EQ(error_of(KeyCredential{name}).code, ErrorCode::invalid_argument);
    }
}

class Token : public KeySources {
 protected:
    // OpenSSL's store opens a PEM file by URI as it opens a token's key.
    std::string make_key(const std::string& name, EVP_PKEY* key) {
        const auto path = folder_ / name;
        FILE* file = std::fopen(path.c_str(), "w");
        EXPECT_EQ(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
        std::fclose(file);
        EVP_PKEY_free(key);
        return "file:" + path.string();
    }
    std::string rsa_key(const std::string& name) { return make_key(name, EVP_RSA_gen(2048)); }
    SystemRandom random_;
};

TEST_F(Token, a_wrapped_key_is_made_and_opened) {
    const KeyToken token{rsa_key("rsa.pem"), folder_ / "wrapped"};
    const auto made = create_wrapped_key(token, random_);
    ASSERT_TRUE(made) << made.error().message;
    struct stat status {};
    ASSERT_EQ(::stat(token.wrapped_key.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    EXPECT_EQ(status.st_size, 256);
    const auto first = load_key_encryption_key(token);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_EQ(first->size(), kKeyEncryptionKeyLength);
    EXPECT_TRUE(*first == *load_key_encryption_key(token));
    EXPECT_TRUE(KeyRing::make(*first));
    EXPECT_EQ(create_wrapped_key(token, random_).error().code, ErrorCode::already_exists);
}

TEST_F(Token, a_key_wrapped_for_another_token_does_not_open) {
    const KeyToken token{rsa_key("rsa.pem"), folder_ / "wrapped"};
    ASSERT_TRUE(create_wrapped_key(token, random_));
    EXPECT_EQ(error_of(KeyToken{rsa_key("other.pem"), token.wrapped_key}).code, ErrorCode::corrupt);
    write("wrapped", "nonsense");
    EXPECT_EQ(error_of(token).code, ErrorCode::corrupt);
    EXPECT_EQ(error_of(KeyToken{token.uri, folder_ / "none"}).code, ErrorCode::not_found);
}

TEST_F(Token, what_is_no_rsa_key_is_refused) {
    const auto wrapped = write("wrapped", "x");
    EXPECT_EQ(error_of(KeyToken{make_key("ec.pem", EVP_EC_gen("P-256")), wrapped}).code,
              ErrorCode::invalid_argument);
    EXPECT_EQ(error_of(KeyToken{"file:" + (folder_ / "none.pem").string(), wrapped}).code,
              ErrorCode::not_found);
    EXPECT_FALSE(load_key_encryption_key(
        KeyToken{"file:" + write("noise.pem", "not a key").string(), wrapped}));
}

TEST_F(Token, without_a_provider_for_the_uri_that_is_said_and_no_pin) {
    const auto wrapped = write("wrapped", "x");
    for (const char* uri : {"handle:0x81000001?pin-value=1234", "nonsense:pin-value=1234;1"}) {
        const Error error = error_of(KeyToken{uri, wrapped});
        EXPECT_EQ(error.code, ErrorCode::unavailable) << error.message;
        EXPECT_NE(error.message.find("provider"), std::string::npos);
        EXPECT_EQ(error.message.find("1234"), std::string::npos) << error.message;
    }
    EXPECT_EQ(presentable_uri("pkcs11:token=a;pin-value=1;object=b?pin-source=/x"),
              "pkcs11:token=a;object=b");
}

// A token in software, behind Debian's PKCS#11 engine. In a child: engine and token stay loaded.
TEST_F(Token, a_token_behind_pkcs11_wraps_and_unwraps) {
    rsa_key("rsa.pem");
    std::filesystem::create_directory(folder_ / "tokens");
    write("softhsm2.conf",
          "directories.tokendir = " + (folder_ / "tokens").string() + "\nlog.level = ERROR\n");
    ::setenv("SOFTHSM2_CONF", (folder_ / "softhsm2.conf").c_str(), 1);
    ::setenv("PKCS11_MODULE_PATH", "/usr/lib/softhsm/libsofthsm2.so", 1);
    const std::string quiet = " >/dev/null 2>&1";
    ASSERT_EQ(std::system(
                  ("softhsm2-util --init-token --free --label sdg --so-pin 1234 --pin 5678" + quiet)
                      .c_str()),
              0);
    ASSERT_EQ(std::system(("softhsm2-util --token sdg --label kek --id 01 --pin 5678 --import " +
                           (folder_ / "rsa.pem").string() + quiet)
                              .c_str()),
              0);
    const std::string uri = "pkcs11:token=sdg;";
    const KeyToken token{uri + "object=kek;type=private?pin-value=5678", folder_ / "wrapped"};
    EXPECT_EQ(in_child([&]() -> std::string {
                  SystemRandom random;
                  if (auto made = create_wrapped_key(token, random); !made) {
                      return made.error().message;
                  }
                  const auto key = load_key_encryption_key(token);
                  return key && key->size() == kKeyEncryptionKeyLength ? "" : "not unwrapped";
              }),
              "");
    EXPECT_EQ(std::filesystem::file_size(token.wrapped_key), 256U);
    // The token's key is the file's, so what the token has wrapped is known to be RSA-OAEP.
    EXPECT_TRUE(load_key_encryption_key(
        KeyToken{"file:" + (folder_ / "rsa.pem").string(), token.wrapped_key}));
    for (const char* wrong : {"object=kek;type=private?pin-value=9999", "object=kek;type=private",
                              "object=none;type=private?pin-value=5678"}) {
        EXPECT_EQ(
            in_child([&]() -> std::string {
                const auto key = load_key_encryption_key(KeyToken{uri + wrong, token.wrapped_key});
                if (key || key.error().message.find("9999") != std::string::npos ||
                    key.error().message.find("token=sdg") == std::string::npos) {
                    return key ? "opened" : key.error().message;
                }
                return "";
            }),
            "");
    }
    ::unsetenv("SOFTHSM2_CONF");
    ::unsetenv("PKCS11_MODULE_PATH");
}

}  // namespace
}  // namespace sdg::restart::test
