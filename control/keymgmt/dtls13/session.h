// Method 1 for one association: one DTLS 1.3 connection for its life, whose exporter makes every
// key set (draft-ietf-tsvwg-dtls-chunk-key-management). The epochs of the DTLS chunks are those of
// the connection.
//
//   first keys            DTLS client (client role)          DTLS server (server role)
//   established           ClientHello                        -
//   ServerHello..Finished install receive keys, then         -
//                         Certificate..Finished
//   client's Finished     -                                  install receive and send keys, then
//   the
//                                                            ACK, under them
//   ACK                   install send keys, require         -
//                         protection, up
//   first packet opened,  -                                  require protection, up
//   or the sender is dry
//
// New keys come from an extended key update, started by either side; crossed ones make one epoch:
//
//   started by us: request      ...  response: install receive keys, then new_key_update
//                                    ACK: install send keys
//   by the peer:   response     ...  new_key_update: install receive and send keys, then the ACK
//
// The receive keys of an epoch go when those of the next but one go in, at the latest after a drain
// time. The peer authenticates anew (RFC 9261) after an interval and before its certificate ends;
// no update is started meanwhile. Whatever fails ends the association: there is no second
// connection to fall back to.
//
// A protected restart begins a new session: up at once, under the restart keys of the association
// before; then a new connection inside the protected association, tried again by the client role
// when it fails, and only with the same peer. Restart keys come with every key set
// (restart_keys.h).
//
// Work is done in turns (handshake_queue.h). Sans I/O; control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/dtls13/reauthentication.h"
#include "control/keymgmt/key_limits.h"
#include "control/keymgmt/method.h"
#include "control/keymgmt/restart_keys.h"
#include "control/keymgmt/tls13/credentials.h"
#include "control/keymgmt/tls13/exporter.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "foundation/random.h"

namespace sdg::keymgmt::dtls13 {

struct SessionOptions {
    // From ESTABLISHED to protection, and from there to the first packet of the peer that opens.
    std::chrono::nanoseconds handshake_timeout = std::chrono::seconds(10);
    // When to make new keys: whichever comes first.
    std::chrono::nanoseconds update_age = std::chrono::hours(1);
    uint64_t update_octets = 100'000'000'000;  // of records, both directions
    double update_fraction = 0.5;              // of the suite's limits q and v
    // An update that takes longer ends the association.
    std::chrono::nanoseconds update_timeout = std::chrono::seconds(60);
    // The request of a peer that starts updates faster is answered only then.
    std::chrono::nanoseconds min_update_interval = std::chrono::seconds(1);
    // Keys older than that end the association.
    std::chrono::nanoseconds key_lifetime = std::chrono::hours(4);
    // How long the old receive key stays after an update: known or not that the peer has left it.
    std::chrono::nanoseconds drain = std::chrono::seconds(120);
    std::chrono::nanoseconds drain_unconfirmed = std::chrono::seconds(303);
    // When the peer has to authenticate anew: whichever comes first. Zero: no interval.
    std::chrono::nanoseconds reauthentication_interval = std::chrono::hours(24);
    std::chrono::seconds expiry_margin = std::chrono::hours(24);  // before its certificate's end
    // For its answer; later is a failure.
    std::chrono::nanoseconds reauthentication_timeout = std::chrono::seconds(30);
    // After a failed handshake of a restarted association; doubles from the first to the last.
    std::chrono::nanoseconds first_retry = std::chrono::seconds(10);
    std::chrono::nanoseconds last_retry = std::chrono::minutes(5);
};

// What the sessions of one leg of the configuration share. Outlives them. When the configuration
// changes, so does what is in it: the next handshake or authenticator shows and demands what is
// there then, and the options hold from the next key set on.
struct SessionEnvironment {
    std::shared_ptr<tls13::CredentialStore> credentials;
    tls13::PeerNames peer_names;
    SessionOptions options;
    // The configuration has no such policy any more: nobody authenticates under it.
    bool is_withdrawn = false;
    const Clock& clock;
    Random& random;
    std::function<int64_t()> unix_time;  // seconds

    // Of connections that begin now: what the credentials are now.
    [[nodiscard]] Result<std::shared_ptr<const Configuration>> configuration() const;
};

class DtlsSession final : public Session {
 public:
    // More waiting messages, or octets of them, are a peer that does not wait for answers.
    static constexpr size_t kMaxInbox = 32;
    static constexpr size_t kMaxInboxOctets = 256 * 1024;
    // Messages until there are keys; a peer may put each record into one of its own.
    static constexpr size_t kMaxHandshakeMessages = 256;
    // Messages that belong to no connection: the rest of a handshake given up after a restart.
    static constexpr size_t kMaxStray = 32;

    DtlsSession(SessionContext context, std::shared_ptr<const SessionEnvironment> environment);
    ~DtlsSession() override;

    Actions on_parameters_agreed() override;
    Actions on_established() override;
    Actions on_first_opened() override;
    Actions on_message(std::span<const uint8_t> octets) override;
    Actions on_sender_dry() override;
    Actions on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) override;
    Actions on_turn(bool has_slot) override;
    Actions on_rekey_requested() override;
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
    struct Draining {
        // Unset: the restart keys of a restarted association.
        std::optional<uint16_t> epoch;
        TimePoint since{};
        bool confirmed = false;
    };

    // Nothing protects the association yet.
    [[nodiscard]] bool is_first() const { return epoch_ == 0 && !context_.restarted; }
    [[nodiscard]] bool is_client() const { return context_.role == keys::KmRole::client; }
    [[nodiscard]] Role role() const { return is_client() ? Role::client : Role::server; }
    [[nodiscard]] KeysInUse current_keys() const;
    [[nodiscard]] bool is_steady() const;
    void fail(Actions& actions, std::string reason);
    // The peer is told by an alert.
    void refuse_peer(Actions& actions, AlertDescription alert, std::string reason);
    void request_turn(Actions& actions);
    void begin_handshake(Actions& actions);
    bool open_connection(Actions& actions);
    [[nodiscard]] PeerCheck peer_check();
    void take_message(Actions& actions, bool has_slot);
    void start_work(Actions& actions);
    void run_timers();
    // What the connection has come to: keys first, then what it has to say.
    void follow(Actions& actions);
    [[nodiscard]] bool keep_pace(Actions& actions);
    [[nodiscard]] bool is_acceptable(Actions& actions);
    void take_data(Actions& actions);
    void send_output(Actions& actions);
    void connection_over(Actions& actions);
    [[nodiscard]] bool install_receive(Actions& actions, uint16_t epoch);
    [[nodiscard]] Result<record::KeyMaterial> keys_of(Role sender, tls13::ExportRole role,
                                                      uint16_t epoch) const;
    [[nodiscard]] bool complete(Actions& actions);
    void begin_reauthentication();
    void require_protection(Actions& actions);
    void check_first_keys(Actions& actions, TimePoint now,
                          std::span<const keys::EpochStatistics> epochs);
    void check_limits(Actions& actions, TimePoint now,
                      std::span<const keys::EpochStatistics> epochs);
    void check_drain(Actions& actions, TimePoint now,
                     std::span<const keys::EpochStatistics> epochs);
    void end_drain(Actions& actions);
    void check_work(Actions& actions, TimePoint now, std::span<const keys::EpochStatistics> epochs);
    void schedule_reauthentication();
    [[nodiscard]] TimePoint after(std::chrono::nanoseconds time) const;

    SessionContext context_;
    std::shared_ptr<const SessionEnvironment> environment_;
    SessionOptions options_;  // since the last key set
    State state_ = State::negotiating;
    bool first_opened_ = false;
    bool required_ = false;
    uint16_t receive_epoch_ = 0;  // of the newest primary receive key; 0: none yet
    uint16_t epoch_ = 0;          // of the primary send key in use; 0: none yet
    RestartKeys restart_keys_;
    TimePoint deadline_{};
    std::unique_ptr<Connection> connection_;
    std::optional<Reauthentication> reauthentication_;  // goes before the connection
    size_t messages_ = 0;                               // before there were keys
    size_t stray_ = 0;
    std::optional<Draining> draining_;
    std::deque<std::vector<uint8_t>> inbox_;
    size_t inbox_octets_ = 0;
    std::optional<tls13::PeerIdentity> shown_;  // by the certificate looked at last
    std::optional<tls13::PeerIdentity> peer_;   // who it has proved to be
    Authentications authentications_;
    bool is_stranger_ = false;  // somebody else than before the restart
    TimePoint keyed_at_{};
    TimePoint update_at_{};
    bool begin_wanted_ = false;  // a handshake, in the next turn
    std::string update_wanted_;  // why an update is to be started
    bool ask_wanted_ = false;    // the peer, to authenticate anew
    uint64_t reauthenticated_ = 0;
    std::optional<TimePoint> ask_at_;  // by interval
    TimePoint next_expiry_ask_{};      // a renewed certificate may not be there yet
    TimePoint no_handshake_before_{};  // after a failure
    std::chrono::nanoseconds retry_{};
};

}  // namespace sdg::keymgmt::dtls13
