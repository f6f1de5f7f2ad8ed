// A peer that speaks key-management method 192 straight from the draft
// (draft-porfiri-tsvwg-sctp-dtls-handshake), on OpenSSL alone: nothing of the gateway's key
// management is used, so that a common misreading cannot pass. Sans I/O; either TLS role; any
// number of epochs.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sdg::test {

using Octets = std::vector<uint8_t>;

class DraftPeer {
 public:
    // One direction's keys of one role.
    struct Keys {
        uint16_t suite = 0;  // TLS registry
        Octets key;
        Octets sn_key;
        Octets iv;
        friend bool operator==(const Keys&, const Keys&) = default;
    };
    // What it does, in its order; all optional.
    struct Steps {
        std::function<void(Octets)> send;  // a user message with PPID 4242
        std::function<void(uint16_t epoch, const Keys&)> install_read;
        std::function<void(uint16_t epoch, const Keys&)> install_write;
        std::function<void()> require_protection;
        std::function<void()> protection_up;
    };

    // files: authority PEM, and certificate and key as "<identity>.pem", "<identity>.key".
    // The parameters as on the wire: of the association's client and server role.
    DraftPeer(const std::filesystem::path& authority, const std::filesystem::path& identity,
              Octets client_parameter, Octets server_parameter, Steps steps);
    ~DraftPeer();
    DraftPeer(const DraftPeer&) = delete;
    DraftPeer& operator=(const DraftPeer&) = delete;

    // Becomes the TLS client of the next epoch and sends its ClientHello.
    void start();
    void on_message(std::span<const uint8_t> message);

    [[nodiscard]] uint16_t epoch() const { return epoch_; }  // of the keys in use; 0: none
    [[nodiscard]] const std::string& failure() const { return failure_; }
    // Of a handshake that is complete on this side: exports of this epoch.
    [[nodiscard]] Keys exported(bool client_write, bool restart) const;
    // Misbehaviour, in the connection of the handshake just completed.
    void send_key_update();
    void send_application_data();
    [[nodiscard]] uint16_t next_epoch() const;

 private:
    struct FreeSsl {
        void operator()(SSL* connection) const noexcept { SSL_free(connection); }
        void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
    };

    void open(bool client);
    void run();
    void send_records();
    void fail(const std::string& why);

    std::unique_ptr<SSL_CTX, FreeSsl> context_;
    std::unique_ptr<SSL, FreeSsl> connection_;
    Octets client_parameter_;
    Octets server_parameter_;
    Steps steps_;
    bool tls_client_ = false;
    bool complete_ = false;
    uint16_t epoch_ = 0;
    std::string failure_;
};

}  // namespace sdg::test
