// Other TLS implementations as peers: versions before 1.3 must not be used, and no session is
// resumed (draft-porfiri-tsvwg-sctp-dtls-handshake).
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <memory>
#include <vector>

#include "control/keymgmt/tls13/connection.h"
#include "tests/support/pki.h"

namespace sdg::keymgmt::tls13 {
namespace {

// An OpenSSL that speaks one version, over memory.
class OtherEnd {
 public:
    OtherEnd(const test::Pki& pki, bool server, int version)
        : context_(SSL_CTX_new(TLS_method()), &SSL_CTX_free),
          ssl_(nullptr, &SSL_free),
          in_(BIO_new(BIO_s_mem())),
          out_(BIO_new(BIO_s_mem())) {
        const std::string chain = pki.folder() / "a.pem";
        const std::string key = pki.folder() / "a.key";
        SSL_CTX_set_security_level(context_.get(), 0);
        EXPECT_EQ(SSL_CTX_set_min_proto_version(context_.get(), version), 1);
        EXPECT_EQ(SSL_CTX_set_max_proto_version(context_.get(), version), 1);
        EXPECT_EQ(SSL_CTX_use_certificate_chain_file(context_.get(), chain.c_str()), 1);
        EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_.get(), key.c_str(), SSL_FILETYPE_PEM), 1);
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_bio(ssl_.get(), in_, out_);
        server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
    }
    // What it says to these octets.
    std::vector<uint8_t> advance(const std::vector<uint8_t>& octets) {
        if (!octets.empty()) {
            EXPECT_EQ(BIO_write(in_, octets.data(), static_cast<int>(octets.size())),
                      static_cast<int>(octets.size()));
        }
        static_cast<void>(SSL_do_handshake(ssl_.get()));
        std::vector<uint8_t> said(BIO_ctrl_pending(out_));
        static_cast<void>(BIO_read(out_, said.data(), static_cast<int>(said.size())));
        return said;
    }
    [[nodiscard]] bool is_established() const { return SSL_is_init_finished(ssl_.get()) == 1; }
    // It has been given a ticket.
    [[nodiscard]] bool could_resume() {
        uint8_t octet = 0;
        EXPECT_LE(SSL_read(ssl_.get(), &octet, 1), 0);  // takes what came after the handshake
        return SSL_SESSION_is_resumable(SSL_get0_session(ssl_.get())) == 1;
    }

 private:
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
    BIO* in_;   // of ssl_
    BIO* out_;  // of ssl_
};

class TlsVersion : public testing::TestWithParam<std::tuple<int, TlsConnection::Role>> {};

TEST_P(TlsVersion, is_1_3_and_nothing_else) {
    const auto [version, role] = GetParam();
    const bool ours_is_server = role == TlsConnection::Role::server;
    test::Pki pki;
    pki.issue("a", "a.example");
    CredentialSettings settings;
    settings.certificate = pki.folder() / "a.pem";
    settings.private_key = (pki.folder() / "a.key").string();
    settings.authorities = {pki.folder() / "ca.pem"};
    settings.suites = {record::Suite::aes_128_gcm_sha256};
    const auto credentials = Credentials::load(settings);
    ASSERT_TRUE(credentials) << credentials.error().message;
    const PeerNames anybody{.any = true, .names = {}};
    const auto ours = TlsConnection::create(*credentials, role, anybody, std::nullopt);
    ASSERT_TRUE(ours) << ours.error().message;

    OtherEnd other(pki, !ours_is_server, version);
    std::vector<uint8_t> said;
    if (!ours_is_server) {
        EXPECT_EQ((*ours)->advance({}), TlsConnection::State::handshaking);
        said = (*ours)->take_output();
    }
    for (int flights = 0; flights < 4; ++flights) {
        said = other.advance(said);
        static_cast<void>((*ours)->advance(said));
        said = (*ours)->take_output();
    }
    const bool works = version == TLS1_3_VERSION;
    EXPECT_EQ((*ours)->state(),
              works ? TlsConnection::State::established : TlsConnection::State::failed)
        << (*ours)->failure();
    EXPECT_EQ(other.is_established(), works);
    if (works) {
        EXPECT_FALSE(ours_is_server && other.could_resume());
    } else {
        EXPECT_NE((*ours)->failure().find("protocol"), std::string::npos) << (*ours)->failure();
    }
}

INSTANTIATE_TEST_SUITE_P(
    Of, TlsVersion,
    testing::Combine(testing::Values(TLS1_3_VERSION, TLS1_2_VERSION, TLS1_1_VERSION, TLS1_VERSION),
                     testing::Values(TlsConnection::Role::server, TlsConnection::Role::client)));

}  // namespace
}  // namespace sdg::keymgmt::tls13
