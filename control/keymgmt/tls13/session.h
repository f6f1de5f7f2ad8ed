// Method 192 for one association: every key set from a mutually authenticated TLS 1.3 handshake
// (draft-porfiri-tsvwg-sctp-dtls-handshake).
//
//   first keys             TLS client (client role)          TLS server (server role)
//   established            ClientHello                        -
//   ServerHello..Finished  export, install receive keys,      -
//                          then Certificate..Finished
//   client's Finished      -                                  export, install receive and send
//                                                             keys, require protection, up, then
//                                                             Protection Established, under them
//   Protection Established install send keys, require         -
//                          protection, up
//   first packet opened    -                                  confirmed; none in time: failed
//
// A rekey is the same inside the protected association, with whoever starts it as TLS client; the
// receive key of the old epoch goes after a drain time. When both start, the ClientHello of the
// client role wins. A failed rekey is tried again while the keys in use are inside their limits.
//
// A protected restart begins a new session: up at once, under the restart keys of the association
// before; then first keys as above, but inside the protected association, tried again like a rekey,
// and only with the same peer. Restart keys come with every key set (restart_keys.h).
//
// TLS work is done in turns (handshake_queue.h). Sans I/O; control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/key_limits.h"
#include "control/keymgmt/method.h"
#include "control/keymgmt/restart_keys.h"
#include "control/keymgmt/tls13/connection.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/exporter.h"
#include "control/keymgmt/tls13/message.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "foundation/random.h"

namespace sdg::keymgmt::tls13 {

struct SessionOptions {
    // From ESTABLISHED to protection, and from there to the first packet of the peer that opens.
    std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(10);
    // When to make new keys: whichever comes first.
    std::chrono::nanoseconds rekey_age = std::chrono::hours(1);
    uint64_t rekey_octets = 100'000'000'000;                      // of records, both directions
    double rekey_fraction = 0.5;                                  // of the suite's limits q and v
    std::chrono::seconds expiry_margin = std::chrono::hours(24);  // before a certificate's end
    // Keys older than that end the association.
    std::chrono::nanoseconds key_lifetime = std::chrono::hours(4);
    // How long the old receive key stays after a rekey: delivery of its last message known or not.
    std::chrono::nanoseconds drain = std::chrono::seconds(120);
    std::chrono::nanoseconds drain_unconfirmed = std::chrono::seconds(303);
    // A peer that starts rekeys faster has to wait.
    std::chrono::nanoseconds min_rekey_interval = std::chrono::seconds(1);
    // After a failed rekey; doubles from the first to the last.
    std::chrono::nanoseconds first_retry = std::chrono::seconds(10);
    std::chrono::nanoseconds last_retry = std::chrono::minutes(5);
};

// What the sessions of one leg of the configuration share. Outlives them. When the configuration
// changes, so does what is in it: the next handshake shows and demands what is there then, and the
// options hold for the keys that come of it.
struct SessionEnvironment {
    std::shared_ptr<CredentialStore> credentials;
    PeerNames peer_names;
    SessionOptions options;
    // The configuration has no such policy any more: no handshake succeeds, and the associations
    // end with their keys.
    bool is_withdrawn = false;
    const Clock& clock;
    Random& random;
    std::function<int64_t()> unix_time;  // seconds
};

class TlsSession final : public Session {
 public:
    // More waiting messages, or octets of them, are a peer that does not wait for answers.
    static constexpr size_t kMaxInbox = 32;
    static constexpr size_t kMaxInboxOctets = 256 * 1024;
    // Messages of one handshake; a peer may put each record into one of its own.
    static constexpr size_t kMaxHandshakeMessages = 256;
    // Messages that belong to no handshake, per epoch: a close_notify, the rest of one given up.
    static constexpr size_t kMaxStray = 32;

    TlsSession(SessionContext context, std::shared_ptr<const SessionEnvironment> environment);
    ~TlsSession() override;

    Actions on_parameters_agreed() override;
    Actions on_established() override;
    Actions on_first_opened() override;
    Actions on_message(std::span<const uint8_t> octets) override;
    Actions on_sender_dry() override { return {}; }
    Actions on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) override;
    Actions on_turn(bool has_slot) override;
    Actions on_rekey_requested() override;
    // Every handshake of this method authenticates both sides: a rekey does it.
    Actions on_reauthentication_requested() override;
    Actions on_restart_keys_kept(uint16_t epoch, bool kept) override;
    [[nodiscard]] std::string peer_name() const override {
        return peer_ ? peer_->to_string() : std::string();
    }
    [[nodiscard]] Authentications authentications() const override { return authentications_; }

 private:
    enum class State {
        negotiating,
        keying,      // established, no keys yet
        confirming,  // server: keys are in, nothing of the peer has been opened yet
        protected_,
        failed
    };
    enum class Phase {
        waiting,  // client: for a turn to begin
        handshaking,
        finished_sent,  // client: for Protection Established
    };
    struct Handshake {
        TlsConnection::Role role = TlsConnection::Role::client;
        Phase phase = Phase::waiting;
        uint16_t epoch = 0;
        TimePoint deadline{};
        size_t messages = 0;
        std::unique_ptr<TlsConnection> tls;
    };
    struct Draining {
        // Unset: the restart keys of a restarted association.
        std::optional<uint16_t> epoch;
        TimePoint since{};
        bool confirmed = false;
    };

    [[nodiscard]] uint16_t next_epoch() const;
    // Nothing protects the association yet.
    [[nodiscard]] bool is_first() const { return epoch_ == 0 && !context_.restarted; }
    // Whose limits count.
    [[nodiscard]] KeysInUse current_keys() const;
    [[nodiscard]] bool is_client(const Handshake& handshake) const {
        return handshake.role == TlsConnection::Role::client;
    }
    void fail(Actions& actions, std::string reason);
    void request_turn(Actions& actions);
    void start_rekey(Actions& actions, const std::string& why);
    void begin_client(Actions& actions);
    void begin_server(Actions& actions);
    bool open_connection(Actions& actions);
    void take_message(Actions& actions, bool has_slot);
    void on_records(Actions& actions, const KeyMessage& message);
    bool on_client_hello(Actions& actions);
    void on_stray(Actions& actions);
    void on_protection_established(Actions& actions, const KeyMessage& message);
    void advance(Actions& actions, std::span<const uint8_t> records);
    void send_output(Actions& actions);
    [[nodiscard]] Result<record::KeyMaterial> keys_of(TlsConnection::Role writer,
                                                      ExportRole role = ExportRole::primary) const;
    void install_receive(Actions& actions, record::KeyMaterial material);
    [[nodiscard]] bool install_restart_keys(Actions& actions);
    [[nodiscard]] bool is_same_peer(Actions& actions);
    void on_client_established(Actions& actions);
    void on_server_established(Actions& actions);
    void complete(Actions& actions, record::KeyMaterial send_keys);
    void handshake_failed(Actions& actions, const std::string& reason);
    void check_first_keys(Actions& actions, TimePoint now,
                          std::span<const keys::EpochStatistics> epochs);
    void check_limits(Actions& actions, TimePoint now,
                      std::span<const keys::EpochStatistics> epochs);
    void check_drain(Actions& actions, TimePoint now,
                     std::span<const keys::EpochStatistics> epochs);
    void end_drain(Actions& actions);
    [[nodiscard]] std::string reason_to_rekey(TimePoint now,
                                              std::span<const keys::EpochStatistics> epochs) const;

    SessionContext context_;
    std::shared_ptr<const SessionEnvironment> environment_;
    SessionOptions options_;  // since the last key set
    State state_ = State::negotiating;
    bool first_opened_ = false;
    uint16_t epoch_ = 0;  // of the primary send key in use; 0: none yet
    RestartKeys restart_keys_;
    TimePoint deadline_{};
    std::optional<Handshake> handshake_;
    std::optional<Draining> draining_;
    std::deque<std::vector<uint8_t>> inbox_;
    size_t inbox_octets_ = 0;
    size_t stray_ = 0;
    std::optional<PeerIdentity> peer_;
    Authentications authentications_;
    int64_t not_after_ = 0;  // of the certificates last used, seconds of Unix time
    TimePoint keyed_at_{};
    std::optional<TimePoint> served_at_;  // the last handshake that the peer began
    TimePoint rekey_at_{};
    std::string wanted_;             // why a rekey was started that has not succeeded yet
    TimePoint no_rekey_before_{};    // after a failure
    TimePoint next_expiry_rekey_{};  // renewed certificates may not be there yet
    std::chrono::nanoseconds retry_{};
};

}  // namespace sdg::keymgmt::tls13
