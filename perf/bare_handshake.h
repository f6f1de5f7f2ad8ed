// The floor of the handshake benchmarks: mutual TLS 1.3 between two libssl connections over memory
// buffers, with certificates of a test::Pki and none of our callbacks. One thread.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "control/keymgmt/tls13/openssl_types.h"

namespace sdg::perf {

class BareHandshake {
 public:
    // folder: ca.pem, and client's and server's .pem and .key. group: as libssl calls it.
    BareHandshake(const std::filesystem::path& folder, const std::string& client,
                  const std::string& server, const char* group)
        : contexts_{context(folder, client, group), context(folder, server, group)} {}

    // One handshake to its end.
    void run() const {
        std::array<keymgmt::tls13::SslPointer, 2> ends = {
            keymgmt::tls13::SslPointer{SSL_new(contexts_[0].get())},
            keymgmt::tls13::SslPointer{SSL_new(contexts_[1].get())}};
        for (auto& end : ends) {
            SSL_set_bio(end.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        }
        SSL_set_connect_state(ends[0].get());
        SSL_set_accept_state(ends[1].get());
        std::vector<uint8_t> buffer(16 * 1024);
        bool done = false;
        while (!done) {
            done = true;
            bool moved = false;
            for (size_t i = 0; i < 2; ++i) {
                done = SSL_do_handshake(ends[i].get()) == 1 && done;
                const int length = BIO_read(SSL_get_wbio(ends[i].get()), buffer.data(),
                                            static_cast<int>(buffer.size()));
                if (length > 0) {
                    moved = true;
                    BIO_write(SSL_get_rbio(ends[1 - i].get()), buffer.data(), length);
                }
            }
            if (!done && !moved) {
                throw std::runtime_error("the bare handshake failed");
            }
        }
        ERR_clear_error();
    }

 private:
    static keymgmt::tls13::SslContextPointer context(const std::filesystem::path& folder,
                                                     const std::string& own, const char* group) {
        keymgmt::tls13::SslContextPointer out{SSL_CTX_new(TLS_method())};
        SSL_CTX* made = out.get();
        SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
        SSL_CTX_set_num_tickets(made, 0);
        SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(made, SSL_MODE_NO_AUTO_CHAIN);
        SSL_CTX_clear_options(made, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
        SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        const auto file = (folder / own).string();
        if (SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") != 1 ||
            SSL_CTX_set1_groups_list(made, group) != 1 ||
            SSL_CTX_load_verify_file(made, (folder / "ca.pem").c_str()) != 1 ||
            SSL_CTX_use_certificate_chain_file(made, (file + ".pem").c_str()) != 1 ||
            SSL_CTX_use_PrivateKey_file(made, (file + ".key").c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("no context for the bare handshake");
        }
        return out;
    }

    std::array<keymgmt::tls13::SslContextPointer, 2> contexts_;
};

}  // namespace sdg::perf
