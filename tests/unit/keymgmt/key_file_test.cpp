// Files that hold secrets: who may read them, what they say when they are wrong.
#include "control/keymgmt/preshared/key_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "control/keymgmt/key_log.h"
#include "control/keymgmt/preshared/lab_raw.h"

namespace sdg::keymgmt {
namespace {

const std::string kHex(64, 'a');

class KeyFiles : public testing::Test {
 protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "sdg-keys-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path write(const std::string& name, const std::string& text, mode_t mode) {
        const auto path = folder_ / name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static std::string error_of(const std::filesystem::path& path) {
        const auto key = read_preshared_key_file(path);
        return key ? "" : key.error().message;
    }
    std::filesystem::path folder_;
};

TEST_F(KeyFiles, an_owner_only_file_is_read) {
    for (const mode_t mode : {0600, 0400}) {
        const auto key = read_preshared_key_file(
            write("k" + std::to_string(mode), "# ours\npsk: " + kHex + "  # x\n", mode));
        ASSERT_TRUE(key) << key.error().message;
        EXPECT_EQ(key->size(), 32U);
        EXPECT_EQ(key->bytes()[0], 0xaa);
    }
}

TEST_F(KeyFiles, rights_for_others_are_refused_with_the_remedy) {
    for (const mode_t mode : {0640, 0604, 0620, 0602, 0610, 0777}) {
        const auto message = error_of(write("open", "psk: " + kHex, mode));
        EXPECT_NE(message.find("chmod 600"), std::string::npos) << message;
    }
}

// systemd lets the service's user read by an access list, whose mask looks like rights of the
// group.
TEST_F(KeyFiles, a_credential_of_systemd_may_be_readable_by_its_group_only) {
    const auto path = write("gateway.psk", "psk: " + kHex, 0440);
    EXPECT_NE(error_of(path), "");
    ::setenv("CREDENTIALS_DIRECTORY", (folder_.string() + "/").c_str(), 1);
    EXPECT_EQ(error_of(path), "");
    for (const mode_t mode : {0444, 0460, 0441}) {
        EXPECT_NE(error_of(write("open", "psk: " + kHex, mode)), "");
    }
    std::filesystem::create_directory(folder_ / "below");
    EXPECT_NE(error_of(write("below/gateway.psk", "psk: " + kHex, 0440)), "");
    ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(KeyFiles, what_is_not_a_regular_file_is_refused) {
    const auto good = write("good", "psk: " + kHex, 0600);
    std::filesystem::create_symlink(good, folder_ / "link");
    EXPECT_NE(error_of(folder_ / "link").find("symbolic link"), std::string::npos);
    ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
    EXPECT_NE(error_of(folder_ / "fifo").find("not a regular file"), std::string::npos);
    EXPECT_NE(error_of(folder_), "");
    EXPECT_NE(error_of(folder_ / "absent").find("cannot be opened"), std::string::npos);
    EXPECT_NE(error_of(write("big", std::string(20'000, '#'), 0600)).find("at most"),
              std::string::npos);
}

TEST_F(KeyFiles, somebody_elses_file_is_refused) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give a file away";
    }
    const auto path = write("theirs", "psk: " + kHex, 0600);
    ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
    EXPECT_NE(error_of(path).find("belongs to user 12345"), std::string::npos);
}

TEST_F(KeyFiles, errors_name_the_line_and_never_the_key) {
    const std::string secret = "deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
    const std::pair<std::string, std::string> cases[] = {
        {"", "no line"},
        {"# nothing\n", "no line"},
        {"\nkey: " + secret, ":2: expected"},
        {"psk: " + secret + "0", ":1: odd number"},
        {"psk: " + secret.substr(1) + "g", ":1: not a hex digit at position 63"},
        {"psk: " + secret.substr(2), ":1: key of 31 octets"},
        {"psk: " + std::string(514, 'd'), ":1: key of 257 octets"},
        {"psk: " + secret + "\npsk: " + secret, ":2: a second key"},
    };
    for (const auto& [text, expected] : cases) {
        const auto message = error_of(write("case", text, 0600));
        EXPECT_NE(message.find(expected), std::string::npos) << message;
        EXPECT_EQ(message.find("deadbeef"), std::string::npos) << message;
    }
}

std::string raw_text(const std::string& send_key, const std::string& extra = "") {
    const std::string rest =
        ", iv: " + std::string(24, '1') + ", sn_key: " + std::string(32, '2') + " }\n";
    return "suite: TLS_AES_128_GCM_SHA256\nsend:\n  primary: { key: " + send_key + rest +
           "receive:\n  primary: { key: " + std::string(32, '3') + rest + extra;
}

TEST_F(KeyFiles, raw_keys_are_read_and_serve_one_association_at_a_time) {
    auto keys = read_raw_keys_file(write("raw", raw_text(std::string(32, '4')), 0600));
    ASSERT_TRUE(keys) << keys.error().message;
    EXPECT_EQ(keys->first_epoch, 3);
    EXPECT_FALSE(keys->same_both_ways());
    auto method = make_raw_keys_method(std::move(*keys), {});
    auto first = method->start({});
    ASSERT_TRUE(first);
    EXPECT_FALSE(method->start({})) << "a second association at the same time";
    first->reset();
    EXPECT_TRUE(method->start({}));
}

TEST_F(KeyFiles, wrong_raw_keys_are_explained_without_the_keys) {
    const std::pair<std::string, std::string> cases[] = {
        {raw_text("4444"), "send.primary"},
        {raw_text(std::string(31, '4') + "x"), "not a hex digit"},
        {raw_text(std::string(32, '4'), "surprise: 1\n"), "unknown key"},
        {raw_text(std::string(32, '4'), "first_epoch: 2\n"), "first_epoch"},
        {raw_text(std::string(32, '4'), "first_epoch: five\n"), "first_epoch"},
        {raw_text(std::string(32, '4'), "first_epoch: 65536\n"), "first_epoch"},
        {raw_text(std::string(32, '4'), "suite: TLS_AES_128_CCM_SHA256\n"), "given twice"},
        {"suite: nonsense\n", "suite"},
        {"[1, 2", "not valid YAML"},
        {"suite: TLS_AES_128_GCM_SHA256\n", "send: is missing"},
    };
    for (const auto& [text, expected] : cases) {
        const auto keys = read_raw_keys_file(write("raw", text, 0600));
        ASSERT_FALSE(keys);
        EXPECT_NE(keys.error().message.find(expected), std::string::npos) << keys.error().message;
        EXPECT_EQ(keys.error().message.find("44444"), std::string::npos);
    }
    EXPECT_FALSE(read_raw_keys_file(write("raw", raw_text(std::string(32, '4')), 0644)));
}

TEST_F(KeyFiles, the_key_log_has_one_line_per_key) {
    const auto path = folder_ / "keys.log";
    {
        auto log = KeyLog::open(path);
        ASSERT_TRUE(log) << log.error().message;
        record::KeyMaterial material;
        material.key = *secret_from_hex("000102030405060708090a0b0c0d0e0f");
        material.iv = *secret_from_hex("101112131415161718191a1b");
        material.sn_key = *secret_from_hex("202122232425262728292a2b2c2d2e2f");
        (*log)->write(0x00c0ffee, 3, keys::KeyRole::primary, material);
        (*log)->write(1, 4, keys::KeyRole::restart, material);
        (*log)->write_line("CLIENT_RANDOM 00c0ffee of another kind");
        (*log)->write(0x00c0ffee, 4, keys::KeyRole::primary, material);
        const auto lines = (*log)->lines([](uint32_t tag) { return tag == 0x00c0ffee; });
        const std::string text(lines.bytes().begin(), lines.bytes().end());
        EXPECT_EQ(std::ranges::count(text, '\n'), 2);
        EXPECT_TRUE(text.starts_with("DTLS_CHUNK 00c0ffee 3 P 1301 0001")) << text;
        EXPECT_NE(text.find("\nDTLS_CHUNK 00c0ffee 4 P 1301 0001"), std::string::npos) << text;
    }
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    EXPECT_EQ(line,
              "DTLS_CHUNK 00c0ffee 3 P 1301 000102030405060708090a0b0c0d0e0f "
              "101112131415161718191a1b 202122232425262728292a2b2c2d2e2f");
    std::getline(in, line);
    EXPECT_TRUE(line.starts_with("DTLS_CHUNK 00000001 4 R 1301 ")) << line;
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    ::chmod(path.c_str(), 0644);
    EXPECT_FALSE(KeyLog::open(path)) << "a file that others can read";
}

}  // namespace
}  // namespace sdg::keymgmt
