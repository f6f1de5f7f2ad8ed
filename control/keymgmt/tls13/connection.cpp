#include "control/keymgmt/tls13/connection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "control/keymgmt/tls13/peer_check.h"

namespace sdg::keymgmt::tls13 {
namespace {

// RFC 8446, section 4.1.3: the random of a HelloRetryRequest begins so.
constexpr std::array<uint8_t, 8> kHelloRetryRandom = {0xcf, 0x21, 0xad, 0x74,
                                                      0xe5, 0x9a, 0x61, 0x11};
constexpr size_t kRandomOffset = 6;  // handshake header, legacy_version

bool is_hello_retry(const uint8_t* message, size_t length) {
    return length >= kRandomOffset + kHelloRetryRandom.size() &&
           message[0] == SSL3_MT_SERVER_HELLO &&
           std::equal(kHelloRetryRandom.begin(), kHelloRetryRandom.end(), message + kRandomOffset);
}

}  // namespace

Result<std::unique_ptr<TlsConnection>> TlsConnection::create(
    std::shared_ptr<const Credentials> credentials, Role role, const PeerNames& names,
    std::optional<PeerIdentity> pinned) {
    ERR_clear_error();
    std::unique_ptr<TlsConnection> out(
        new TlsConnection(std::move(credentials), names, std::move(pinned)));
    out->ssl_.reset(SSL_new(out->credentials_->context.get()));
    BioPointer in{BIO_new(BIO_s_mem())};
    BioPointer to{BIO_new(BIO_s_mem())};
    if (!out->ssl_ || !in || !to) {
        return fail(ErrorCode::resource_exhausted, "OpenSSL makes no TLS connection: {}",
                    openssl_reason());
    }
    SSL* ssl = out->ssl_.get();
    out->in_ = in.get();
    out->out_ = to.get();
    SSL_set_bio(ssl, in.release(), to.release());
    SSL_set_app_data(ssl, out.get());
    SSL_set_msg_callback(ssl, &TlsConnection::watch);
    SSL_set_msg_callback_arg(ssl, out.get());
    if (role == Role::client) {
        SSL_set_connect_state(ssl);
    } else {
        SSL_set_accept_state(ssl);
    }
    return out;
}

void TlsConnection::watch(int writing, int /*version*/, int content_type, const void* data,
                          size_t length, SSL* /*connection*/, void* self) {
    if (content_type != SSL3_RT_HANDSHAKE || length == 0) {
        return;
    }
    auto& connection = *static_cast<TlsConnection*>(self);
    const auto* message = static_cast<const uint8_t*>(data);
    if (writing != 0) {
        connection.hello_retry_ = connection.hello_retry_ || is_hello_retry(message, length);
    } else if (message[0] == SSL3_MT_KEY_UPDATE) {
        connection.key_update_ = true;
    }
}

int TlsConnection::verify_peer(X509_STORE_CTX* chain, void*) {
    const auto* ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx()));
    return static_cast<TlsConnection*>(SSL_get_app_data(ssl))->check_peer(chain) ? 1 : 0;
}

bool TlsConnection::check_peer(X509_STORE_CTX* chain) {
    PeerVerdict verdict = check_peer_chain(chain, names_, pinned_ ? &*pinned_ : nullptr);
    peer_ = std::move(verdict.peer);
    refusal_ = std::move(verdict.refusal);
    return refusal_.empty();
}

TlsConnection::State TlsConnection::fail_with(std::string reason) {
    failure_ = std::move(reason);
    ERR_clear_error();
    return state_ = State::failed;
}

std::string TlsConnection::failure_reason() const {
    if (!refusal_.empty()) {
        return fmt::format("the certificate of peer {} is refused: {}", peer_.to_string(),
                           refusal_);
    }
    const unsigned long code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);
    if (ERR_GET_LIB(code) == ERR_LIB_SSL) {
        if (reason >= SSL_AD_REASON_OFFSET) {
            return fmt::format("the peer refused the handshake with alert \"{}\"",
                               SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
        }
        if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
            return "the peer has shown no certificate";
        }
    }
    const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
    return fmt::format("TLS handshake failed: {}", text == nullptr ? "unknown reason" : text);
}

TlsConnection::State TlsConnection::advance(std::span<const uint8_t> records) {
    if (state_ == State::failed) {
        return state_;
    }
    ERR_clear_error();
    if (!records.empty() && BIO_write(in_, records.data(), static_cast<int>(records.size())) !=
                                static_cast<int>(records.size())) {
        return fail_with("out of memory");
    }
    return go_on();
}

TlsConnection::State TlsConnection::go_on() {
    if (state_ == State::handshaking) {
        const int result = SSL_do_handshake(ssl_.get());
        if (result != 1) {
            if (SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ) {
                return state_;
            }
            return fail_with(failure_reason());
        }
        if (finish_handshake() == State::failed) {
            return state_;
        }
    }
    return read_after_handshake();
}

TlsConnection::State TlsConnection::finish_handshake() {
    const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl_.get());
    const auto suite = cipher == nullptr
                           ? std::nullopt
                           : record::suite_from_id(SSL_CIPHER_get_protocol_id(cipher));
    if (SSL_version(ssl_.get()) != TLS1_3_VERSION || !suite ||
        SSL_get0_peer_certificate(ssl_.get()) == nullptr) {
        return fail_with("TLS ended without version 1.3, a known suite or a peer certificate");
    }
    suite_ = *suite;
    return state_ = State::established;
}

// Only alerts are expected after the handshake; a NewSessionTicket is skipped.
TlsConnection::State TlsConnection::read_after_handshake() {
    std::array<uint8_t, 1> octet{};
    const int result = SSL_read(ssl_.get(), octet.data(), static_cast<int>(octet.size()));
    if (key_update_) {
        return fail_with("the peer sent a TLS KeyUpdate, which method 192 forbids");
    }
    if (result > 0) {
        return fail_with("the peer sent TLS application data, which method 192 forbids");
    }
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_ZERO_RETURN:
            ERR_clear_error();
            return state_;
        default:
            return fail_with(failure_reason());
    }
}

std::vector<uint8_t> TlsConnection::take_output() {
    std::vector<uint8_t> out(BIO_ctrl_pending(out_));
    if (!out.empty() &&
        BIO_read(out_, out.data(), static_cast<int>(out.size())) != static_cast<int>(out.size())) {
        out.clear();
    }
    return out;
}

void TlsConnection::close() {
    if (state_ == State::established) {
        static_cast<void>(SSL_shutdown(ssl_.get()));
        ERR_clear_error();
    }
}

std::string TlsConnection::describe() const {
    const auto number = static_cast<int>(SSL_get_negotiated_group(ssl_.get()));
    const char* group = SSL_group_to_name(ssl_.get(), number);
    return fmt::format("{}, {}", record::traits(suite_)->name, group == nullptr ? "?" : group);
}

Result<record::KeyMaterial> TlsConnection::export_keys(
    ExportDirection direction, ExportRole role, std::span<const uint8_t> client_parameter,
    std::span<const uint8_t> server_parameter) const {
    const record::SuiteTraits& suite = *record::traits(suite_);
    const auto one = [&](ExportKind kind, SecretBytes& out) {
        const auto context = export_context({.direction = direction,
                                             .role = role,
                                             .kind = kind,
                                             .client_parameter = client_parameter,
                                             .server_parameter = server_parameter});
        out = SecretBytes(export_length(suite, kind));
        return SSL_export_keying_material(ssl_.get(), out.mutable_bytes().data(), out.size(),
                                          kExportLabel.data(), kExportLabel.size(), context.data(),
                                          context.size(), 1) == 1;
    };
    record::KeyMaterial out;
    out.suite = suite_;
    if (!one(ExportKind::key, out.key) || !one(ExportKind::sn_key, out.sn_key) ||
        !one(ExportKind::iv, out.iv)) {
        return fail(ErrorCode::internal, "TLS exports no keys: {}", openssl_reason());
    }
    return out;
}

}  // namespace sdg::keymgmt::tls13
