// The secrets of one connection: handshake, application epochs, exporters, and the chain of
// extended key updates (RFC 8446, section 7.1; draft-ietf-tls-extended-key-update, "Updating
// Traffic Keys" and "Exporter").
//
// Order of calls: choose, enter_handshake, enter_application, finish, then next_epoch once per
// update. The main secret itself is not kept, only Derive-Secret(main, "derived", "") of it. The
// transcript hash of an update goes into Derive-Secret as it is. Control thread.
#pragma once

#include <functional>
#include <map>

#include "control/keymgmt/dtls13/hello.h"
#include "control/keymgmt/dtls13/key_derivation.h"

namespace sdg::keymgmt::dtls13 {

// One line of an SSLKEYLOGFILE, without its end. Laboratory only: it holds a secret.
using KeyLogSink = std::function<void(std::string_view line)>;

struct TrafficSecrets {
    SecretBytes client;
    SecretBytes server;
    [[nodiscard]] View of(Role sender) const {
        return sender == Role::client ? client.bytes() : server.bytes();
    }
};

class KeySchedule {
 public:
    // Epochs whose exporter secret is kept: the current one and the one before.
    static constexpr size_t kExporters = 2;

    // with_shared_secrets: also ECDHE_SECRET, and ECDHE_SECRET_n of the n-th update.
    void set_log(KeyLogSink sink, bool with_shared_secrets = false) {
        log_ = std::move(sink);
        log_shared_secrets_ = with_shared_secrets;
    }
    void choose(record::Suite suite, const HelloRandom& client_random);
    [[nodiscard]] const Hash& hash() const { return hash_; }

    // hello_hash: ClientHello..ServerHello.
    [[nodiscard]] Checked<void> enter_handshake(View shared_secret, View hello_hash);
    // hash: ClientHello..server Finished.
    [[nodiscard]] Checked<void> enter_application(View transcript_hash);
    // hash: ClientHello..client Finished. The handshake secrets are wiped.
    void finish(View transcript_hash);
    // request, response: the two messages with their TLS headers.
    [[nodiscard]] Checked<TrafficSecrets> next_epoch(View shared_secret, View request,
                                                     View response);

    [[nodiscard]] const TrafficSecrets& handshake() const { return handshake_; }
    // Of the first application epoch; wiped by finish().
    [[nodiscard]] const TrafficSecrets& application() const { return application_; }
    // verify_data of the sender's Finished.
    [[nodiscard]] Checked<Digest> verify_data(Role sender, View transcript_hash) const;

    // TLS-Exporter under exporter_secret of the handshake, the same for the connection's life.
    [[nodiscard]] Checked<SecretBytes> export_secret(std::string_view label, View context,
                                                     size_t length) const;
    // The epoch-aware exporter. Nothing is left of epochs before the last two.
    [[nodiscard]] bool has_exporter(uint64_t epoch) const { return exporters_.contains(epoch); }
    [[nodiscard]] Checked<SecretBytes> export_of_epoch(uint64_t epoch, std::string_view label,
                                                       View context, size_t length) const;

 private:
    void log(std::string_view label, View secret) const;
    void log_shared_secret(std::string_view label, View secret) const;
    void keep_exporter(uint64_t epoch, SecretBytes secret);

    KeyLogSink log_;
    bool log_shared_secrets_ = false;
    Hash hash_;
    HelloRandom client_random_{};
    SecretBytes derived_;  // the salt of the next HKDF-Extract
    TrafficSecrets handshake_;
    TrafficSecrets application_;
    SecretBytes exporter_;
    std::map<uint64_t, SecretBytes> exporters_;
    uint64_t epoch_ = kFirstApplicationEpoch;
    Digest transcript_hash_;  // of generation epoch_ - 3
};

}  // namespace sdg::keymgmt::dtls13
