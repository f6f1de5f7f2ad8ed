// Re-authentication of an established connection by exported authenticators (RFC 9261), either side
// asking, as application data of the connection (docs of method 1: one octet of kind, then RFC
// 9261's octets).
//
// Authenticators are made and checked under the exporter of the epoch that is current when nothing
// is being updated: a request that arrives during an extended key update is answered after it, and
// an update must not be started while is_waiting() or has_pending() (the draft's "Serialization").
// The context of a request is the requester's epoch (eight octets) and sixteen random ones.
//
// What goes wrong ends the connection: a wrong or missing authenticator, a refusal, one that comes
// too late, a request out of turn. Control thread; connection, clock and randomness outlive it.
#pragma once

#include <chrono>
#include <deque>

#include "control/keymgmt/dtls13/exported_authenticator.h"

namespace sdg::keymgmt::dtls13 {

class Reauthentication {
 public:
    enum class Kind : uint8_t { request = 1, authenticator = 2, refusal = 3 };

    struct Options {
        // For the peer's answer.
        std::chrono::nanoseconds timeout = std::chrono::seconds(30);
        // A request that comes sooner after the last one is answered only then.
        std::chrono::nanoseconds min_interval = std::chrono::seconds(1);
        // False: every request is answered with a refusal.
        bool answer = true;
        // What to answer with when the certificates have changed since the handshake, asked every
        // time; may be empty, and may give null: the connection's.
        std::function<std::shared_ptr<const Configuration>()> current{};
    };

    // check_peer should be pinned to the identity that the handshake has shown.
    Reauthentication(Connection& connection, PeerCheck check_peer, Options options,
                     const Clock& clock, Random& random)
        : connection_(connection),
          check_peer_(std::move(check_peer)),
          options_(std::move(options)),
          clock_(clock),
          random_(random) {}

    // Asks the peer. unavailable: not established, an update or a request is under way.
    [[nodiscard]] Result<void> request();
    // Application data of the connection.
    void on_data(View data);
    // After anything has happened to the connection: answers what had to wait.
    void progress();
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    void on_time();

    // Our request is not answered yet.
    [[nodiscard]] bool is_waiting() const { return !request_.empty(); }
    // The peer's request is not answered yet.
    [[nodiscard]] bool has_pending() const { return !pending_.empty(); }
    // How often the peer has authenticated anew.
    [[nodiscard]] uint64_t completed() const { return completed_; }

 private:
    static constexpr size_t kRememberedContexts = 16;

    [[nodiscard]] bool is_steady() const;
    [[nodiscard]] Checked<void> take(View data);
    [[nodiscard]] Checked<void> take_request(View octets);
    [[nodiscard]] Checked<void> take_answer(Kind kind, View octets);
    [[nodiscard]] Checked<void> answer();
    [[nodiscard]] Checked<void> send(Kind kind, View octets);

    Connection& connection_;
    PeerCheck check_peer_;
    Options options_;
    const Clock& clock_;
    Random& random_;
    Octets request_;                      // ours, sent
    std::optional<TimePoint> answer_by_;  // the peer
    Octets pending_;                      // the peer's
    std::optional<TimePoint> last_answer_;
    std::deque<Octets> answered_;  // contexts
    uint64_t completed_ = 0;
};

}  // namespace sdg::keymgmt::dtls13
