// One TLS 1.3 handshake over memory: records in, records out, keys exported at its end.
//
// Either role; mutual authentication always; the peer's chain, name and (at a rekey) unchanged
// identity are checked inside the handshake, so that a refusal is a TLS alert. Nothing but the
// handshake ever runs: application data and KeyUpdate are errors. Control thread; wiped when it
// goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/exporter.h"
#include "control/keymgmt/tls13/openssl_types.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "dataplane/record/key_material.h"

namespace sdg::keymgmt::tls13 {

class TlsConnection {
 public:
    enum class Role { client, server };
    enum class State { handshaking, established, failed };

    // names outlive the connection. pinned: the identity of this association so far.
    [[nodiscard]] static Result<std::unique_ptr<TlsConnection>> create(
        std::shared_ptr<const Credentials> credentials, Role role, const PeerNames& names,
        std::optional<PeerIdentity> pinned);
    TlsConnection(const TlsConnection&) = delete;
    TlsConnection& operator=(const TlsConnection&) = delete;

    // Takes whole records (none to begin as client) and goes as far as they allow.
    State advance(std::span<const uint8_t> records);
    // What is to be sent, whole records; also the alert after a failure. Empty: nothing.
    [[nodiscard]] std::vector<uint8_t> take_output();
    // Adds close_notify to the output. Only when established.
    void close();

    [[nodiscard]] State state() const { return state_; }
    // Why it failed; names the peer where it is known.
    [[nodiscard]] const std::string& failure() const { return failure_; }
    // Server: has asked for another ClientHello.
    [[nodiscard]] bool has_sent_hello_retry() const { return hello_retry_; }

    // The rest only when established.
    [[nodiscard]] record::Suite suite() const { return suite_; }
    [[nodiscard]] const PeerIdentity& peer() const { return peer_; }
    [[nodiscard]] int64_t own_not_after() const { return credentials_->not_after; }
    // "TLS_AES_128_GCM_SHA256, x25519", for the log.
    [[nodiscard]] std::string describe() const;
    // The three keys of one direction and role.
    [[nodiscard]] Result<record::KeyMaterial> export_keys(
        ExportDirection direction, ExportRole role, std::span<const uint8_t> client_parameter,
        std::span<const uint8_t> server_parameter) const;

    // For SSL_CTX_set_cert_verify_callback().
    static int verify_peer(X509_STORE_CTX* chain, void*);

 private:
    TlsConnection(std::shared_ptr<const Credentials> credentials, const PeerNames& names,
                  std::optional<PeerIdentity> pinned)
        : credentials_(std::move(credentials)), names_(names), pinned_(std::move(pinned)) {}

    static void watch(int writing, int version, int content_type, const void* data, size_t length,
                      SSL* connection, void* self);
    State go_on();
    State read_after_handshake();
    State finish_handshake();
    State fail_with(std::string reason);
    [[nodiscard]] std::string failure_reason() const;
    [[nodiscard]] bool check_peer(X509_STORE_CTX* chain);

    std::shared_ptr<const Credentials> credentials_;
    const PeerNames& names_;
    std::optional<PeerIdentity> pinned_;
    SslPointer ssl_;
    BIO* in_ = nullptr;   // owned by ssl_
    BIO* out_ = nullptr;  // owned by ssl_
    State state_ = State::handshaking;
    record::Suite suite_ = record::Suite::aes_128_gcm_sha256;
    PeerIdentity peer_;
    std::string refusal_;  // of the peer's certificate
    std::string failure_;
    bool hello_retry_ = false;
    bool key_update_ = false;
};

}  // namespace sdg::keymgmt::tls13
