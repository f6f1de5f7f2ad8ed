#include "tests/support/draft_peer.h"

#include <openssl/err.h>

#include <stdexcept>
#include <utility>

namespace sdg::test {

DraftPeer::DraftPeer(const std::filesystem::path& authority, const std::filesystem::path& identity,
                     Octets client_parameter, Octets server_parameter, Steps steps)
    : context_(SSL_CTX_new(TLS_method())),
      client_parameter_(std::move(client_parameter)),
      server_parameter_(std::move(server_parameter)),
      steps_(std::move(steps)) {
    SSL_CTX* context = context_.get();
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    if (SSL_CTX_load_verify_file(context, authority.c_str()) != 1 ||
        SSL_CTX_use_certificate_chain_file(context, (identity.string() + ".pem").c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, (identity.string() + ".key").c_str(),
                                    SSL_FILETYPE_PEM) != 1) {
        throw std::runtime_error("draft peer: no certificate");
    }
}

DraftPeer::~DraftPeer() = default;

uint16_t DraftPeer::next_epoch() const {
    return epoch_ == 0 ? 3 : static_cast<uint16_t>(epoch_ + 1);
}

void DraftPeer::fail(const std::string& why) {
    if (failure_.empty()) {
        failure_ = why;
    }
}

void DraftPeer::open(bool client) {
    connection_.reset(SSL_new(context_.get()));
    SSL_set_bio(connection_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    tls_client_ = client;
    complete_ = false;
    if (client) {
        SSL_set_connect_state(connection_.get());
    } else {
        SSL_set_accept_state(connection_.get());
    }
}

void DraftPeer::start() {
    open(true);
    run();
}

void DraftPeer::send_records() {
    BIO* out = SSL_get_wbio(connection_.get());
    Octets message(1 + BIO_ctrl_pending(out));
    if (message.size() == 1) {
        return;
    }
    message[0] = next_epoch() & 0x7f;
    BIO_read(out, message.data() + 1, static_cast<int>(message.size() - 1));
    steps_.send(std::move(message));
}

DraftPeer::Keys DraftPeer::exported(bool client_write, bool restart) const {
    const auto one = [&](uint8_t kind, size_t length) {
        Octets context = {static_cast<uint8_t>(client_write ? 0 : 1),
                          static_cast<uint8_t>(restart ? 1 : 0), kind};
        context.insert(context.end(), client_parameter_.begin(), client_parameter_.end());
        context.insert(context.end(), server_parameter_.begin(), server_parameter_.end());
        const std::string label = "EXPORTER_TLS_FOR_DTLS_IN_SCTP";
        Octets out(length);
        if (SSL_export_keying_material(connection_.get(), out.data(), length, label.data(),
                                       label.size(), context.data(), context.size(), 1) != 1) {
            throw std::runtime_error("draft peer: no export");
        }
        return out;
    };
    Keys out;
    out.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(connection_.get()));
    const size_t length = out.suite == 0x1301 || out.suite == 0x1304 ? 16 : 32;
    out.key = one(0, length);
    out.sn_key = one(1, length);
    out.iv = one(2, 12);
    return out;
}

void DraftPeer::run() {
    const int result = SSL_do_handshake(connection_.get());
    if (result != 1) {
        if (SSL_get_error(connection_.get(), result) != SSL_ERROR_WANT_READ) {
            const char* reason = ERR_reason_error_string(ERR_peek_error());
            fail(reason == nullptr ? "TLS" : reason);
            ERR_clear_error();
        }
        send_records();
        return;
    }
    if (complete_) {
        return;
    }
    complete_ = true;
    const uint16_t epoch = next_epoch();
    if (tls_client_) {
        // Read keys before the last flight leaves.
        steps_.install_read(epoch, exported(false, false));
        send_records();
        return;
    }
    steps_.install_read(epoch, exported(true, false));
    steps_.install_write(epoch, exported(false, false));
    const bool first = epoch_ == 0;
    if (first) {
        steps_.require_protection();
        steps_.protection_up();
    }
    steps_.send({static_cast<uint8_t>(0x80 | (epoch & 0x7f)), 0x01});
    epoch_ = epoch;
}

void DraftPeer::on_message(std::span<const uint8_t> message) {
    if (message.size() < 2) {
        fail("short message");
        return;
    }
    if ((message[0] & 0x80) != 0) {
        if (message.size() != 2 || message[1] != 0x01 || !complete_ || !tls_client_ ||
            message[0] != (0x80 | (next_epoch() & 0x7f))) {
            fail("unexpected control message");
            return;
        }
        const bool first = epoch_ == 0;
        const uint16_t epoch = next_epoch();
        steps_.install_write(epoch, exported(true, false));
        if (first) {
            steps_.require_protection();
            steps_.protection_up();
        }
        epoch_ = epoch;
        return;
    }
    if (message[0] == (epoch_ & 0x7f)) {
        return;  // close_notify of the handshake before
    }
    if (message[0] != (next_epoch() & 0x7f)) {
        fail("records of another epoch");
        return;
    }
    const bool is_hello = message.size() > 6 && message[1] == 22 && message[6] == 1;
    if (is_hello && (!connection_ || complete_)) {
        open(false);
    }
    if (!connection_) {
        fail("records without a handshake");
        return;
    }
    BIO_write(SSL_get_rbio(connection_.get()), message.data() + 1,
              static_cast<int>(message.size() - 1));
    run();
}

void DraftPeer::send_key_update() {
    SSL_key_update(connection_.get(), SSL_KEY_UPDATE_NOT_REQUESTED);
    SSL_do_handshake(connection_.get());
    send_records();
}

void DraftPeer::send_application_data() {
    SSL_write(connection_.get(), "x", 1);
    send_records();
}

}  // namespace sdg::test
