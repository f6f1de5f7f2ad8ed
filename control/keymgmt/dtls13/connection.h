// One DTLS 1.3 connection (RFC 9147), client or server: datagrams in, datagrams out.
//
// No sockets and no clock of its own: the caller hands in what arrives, sends what take_datagrams()
// gives, and calls on_time() when deadline() has passed. Randomness of hello messages comes from
// the caller, keys always from OpenSSL. Mutual X.509, extended key update; no PSK, no tickets (one
// that comes is acknowledged and forgotten), no 0-RTT, no connection IDs, no plain KeyUpdate.
//
//   handshaking --> established --> closed
//        `---------------`------> failed
// Once closed or failed nothing more is taken. After every call the caller looks at state(), takes
// the datagrams (also after a failure: the alert) and the application data. Control thread; clock,
// randomness and configuration outlive it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "control/keymgmt/dtls13/client_handshake.h"
#include "control/keymgmt/dtls13/key_updater.h"
#include "control/keymgmt/dtls13/server_handshake.h"

namespace sdg::keymgmt::dtls13 {

// Why a connection has failed.
struct Failure {
    enum class Cause { ours, peers_alert, timed_out };
    Cause cause = Cause::ours;
    AlertDescription alert = AlertDescription::internal_error;  // sent, or received
    std::string reason;                                         // for the log
};

class Connection {
 public:
    enum class State { handshaking, established, closed, failed };
    // Application data that nobody takes; more ends the connection.
    static constexpr size_t kMaxPendingData = 256 * 1024;

    struct Parameters {
        Role role = Role::client;
        std::shared_ptr<const Configuration> configuration;
        PeerCheck check_peer;
        // Server: what the peer's address is, for cookies; any octets, up to 64 KiB.
        Octets peer_address{};
    };
    // invalid_argument: the configuration, or no PeerCheck.
    [[nodiscard]] static Result<std::unique_ptr<Connection>> create(Parameters parameters,
                                                                    const Clock& clock,
                                                                    Random& random);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Client: sends the ClientHello. Once.
    void start();
    // One datagram, or one SCTP user message.
    void receive(View datagram);
    // What is to be sent, each in a datagram of its own.
    [[nodiscard]] std::vector<Octets> take_datagrams() { return transport_.take_datagrams(); }
    // When on_time() wants to be called next; nothing: never.
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    void on_time();

    [[nodiscard]] State state() const { return state_; }
    // Only when failed.
    [[nodiscard]] const Failure& failure() const { return failure_; }
    // The peer is known to have everything that we have sent: for a client, the server's ACK of
    // its Finished.
    [[nodiscard]] bool is_acknowledged() const { return !transport_.has_flight(); }
    // Server: has sent a HelloRetryRequest and may be destroyed; another one with the same cookie
    // key takes the answer.
    [[nodiscard]] bool may_be_forgotten() const { return server_ && server_->waits_for_cookie(); }
    [[nodiscard]] Role role() const { return role_; }
    [[nodiscard]] const Configuration& configuration() const { return *configuration_; }
    // Complete once established.
    [[nodiscard]] const Negotiated& negotiated() const { return negotiated_; }

    // Application data: one record each, at most kMaxPlaintext octets and what fits a datagram.
    // unavailable: not established.
    [[nodiscard]] Result<void> send(View data);
    [[nodiscard]] std::vector<Octets> take_data();
    // Sends close_notify, and is closed.
    void close();

    // Extended key update. unavailable: not negotiated, one is under way, or the peer has not
    // acknowledged the handshake yet.
    [[nodiscard]] Result<void> start_key_update();
    [[nodiscard]] bool is_updating() const { return !updater_.is_idle(); }
    // Epochs of what is received and sent; both 3 after the handshake. They differ while an update
    // is half done.
    [[nodiscard]] uint64_t receive_epoch() const { return updater_.receive_epoch(); }
    [[nodiscard]] uint64_t send_epoch() const { return updater_.send_epoch(); }

    // RFC 8446, section 7.5, with the prefix "dtls13". unavailable: not established.
    [[nodiscard]] Result<SecretBytes> export_secret(std::string_view label, View context,
                                                    size_t length) const;
    // The exporter that follows extended key updates, of this or the previous epoch. not_found:
    // there is nothing of that epoch.
    [[nodiscard]] Result<SecretBytes> export_of_epoch(uint64_t epoch, std::string_view label,
                                                      View context, size_t length) const;
    // Records that may still be sent under the current keys.
    [[nodiscard]] uint64_t seals_left() const { return transport_.records().seals_left(); }
    // Octets of incomplete handshake messages; bounded by Reassembly::kMaxBuffered.
    [[nodiscard]] size_t buffered() const { return transport_.buffered(); }

    // Ends the connection with an alert; for what is built on top of it.
    void abort(const Alert& alert) { fail_with(alert); }

 private:
    Connection(Parameters parameters, const Clock& clock, Random& random);

    [[nodiscard]] HandshakeContext context(Random& random);
    [[nodiscard]] bool is_over() const {
        return state_ == State::closed || state_ == State::failed;
    }
    [[nodiscard]] Checked<void> take_record(const OpenedRecord& record);
    [[nodiscard]] Checked<void> drop(ReadOutcome outcome) const;
    [[nodiscard]] Checked<void> take_clear_record(const OpenedRecord& record);
    [[nodiscard]] Checked<void> take_handshake(const OpenedRecord& record, bool only_repeated);
    [[nodiscard]] Checked<void> take_message(const Reassembly::Message& message);
    [[nodiscard]] Checked<void> take_post_handshake(const Reassembly::Message& message);
    [[nodiscard]] Checked<void> take_ack(const OpenedRecord& record);
    [[nodiscard]] Checked<void> take_alert(const OpenedRecord& record);
    [[nodiscard]] Checked<void> take_application_data(const OpenedRecord& record);
    void fail_with(const Alert& alert);
    void time_out(std::string_view what);
    void limit_handshake();

    Role role_;
    std::shared_ptr<const Configuration> configuration_;
    PeerCheck check_peer_;
    const Clock& clock_;
    MessageTransport transport_;
    KeySchedule schedule_;
    Transcript transcript_;
    Negotiated negotiated_;
    std::optional<ClientHandshake> client_;
    std::optional<ServerHandshake> server_;
    KeyUpdater updater_;

    State state_ = State::handshaking;
    Failure failure_;
    std::optional<TimePoint> handshake_until_;
    bool peer_is_protected_ = false;  // a protected record has opened
    std::vector<Octets> data_;
    size_t data_size_ = 0;
};

}  // namespace sdg::keymgmt::dtls13
