// Relay: listeners, backends, and the pairs of associations between them.
//
// One accepted association is one backend association. The backend is connected once the accepted
// leg is up; until both are up nothing is read, so what a node sends early waits in its own SCTP
// window. Then two flows move messages both ways with back-pressure.
//
//   what happens to one leg           what the other leg gets
//   SHUTDOWN from the peer            everything received before is passed on, then SHUTDOWN
//   ABORT, failure, restart           ABORT
//   a message after the other's end   ABORT (dropped and counted when the gateway is stopping)
//   backend refuses or is silent      ABORT, and one log line that says why
//   a message that cannot be relayed  ABORT on both (never a silent loss)
//
// Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/protection.h"
#include "control/relay/flow.h"
#include "control/sctp/host.h"
#include "foundation/clock.h"

namespace sdg::relay {

struct BackendSettings {
    std::string name;
    sctp::Endpoints endpoints;  // local_port 0: ephemeral
    sctp::LegSettings leg;
    std::chrono::milliseconds connect_timeout{10'000};
    const keymgmt::Policy* policy = nullptr;  // null: plain
};

struct ListenerSettings {
    std::string name;
    IpAddress address;
    uint16_t sctp_port = 0;
    uint16_t port = 0;  // gateway port
    sctp::LegSettings leg;
    uint32_t max_associations = 1000;
    size_t backend = 0;  // index
    const keymgmt::Policy* policy = nullptr;
};

struct RelayCounters {
    FlowCounters to_backend;
    FlowCounters from_backend;
    uint64_t pairs_accepted = 0;  // legs accepted
    uint64_t pairs_relaying = 0;  // ever: both legs up
    uint64_t backend_failures = 0;
    uint64_t protection_failures = 0;
    uint64_t messages_refused = 0;  // could not be relayed: the pair was aborted
    uint64_t messages_cut = 0;      // relayed in part when a leg died
    uint64_t messages_late = 0;     // came when the other side had been shut down
    uint64_t closed_gracefully = 0;
    uint64_t closed_by_abort = 0;
};

// Of one backend.
struct BackendCounters {
    uint64_t associations = 0;  // now
    uint64_t connected = 0;     // ever: its leg came up
    uint64_t failures = 0;      // could not be connected, or ended with an error of its own
    std::optional<bool> last_connected;  // how the last of these ended; unset: none yet
};

// Of one listener.
struct ListenerCounters {
    std::string name;
    uint64_t associations = 0;  // now
    uint64_t accepted = 0;      // ever
};

class Pair;

class Relay {
 public:
    // host, protection, clock and the policies outlive the relay.
    // handshakes: how many with peers that have not authenticated yet may run at a time.
    Relay(sctp::Host& host, keys::ChunkProtection& protection, const Clock& clock,
          std::vector<BackendSettings> backends, size_t handshakes);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    [[nodiscard]] Result<void> listen(const ListenerSettings& settings);
    // One round: moves messages of the pairs that are ready, a bounded amount each, and ticks key
    // management about once a second. Returns how much was done.
    size_t run();

    // New keys for every protected association, as soon as it is their turn.
    void request_rekey();

    // No new associations; each pair is shut down once nothing is on its way in it, at the latest
    // after half of timeout; what is left at timeout is aborted.
    void drain(std::chrono::milliseconds timeout);
    [[nodiscard]] bool is_draining() const { return drain_started_.has_value(); }
    [[nodiscard]] size_t pair_count() const { return pairs_.size(); }
    [[nodiscard]] const RelayCounters& counters() const { return counters_; }
    // For the operator. In the order of their ids.
    [[nodiscard]] const std::list<std::unique_ptr<Pair>>& pairs() const { return pairs_; }
    [[nodiscard]] Pair* find(uint64_t id) const;  // null: no such pair
    [[nodiscard]] const std::vector<BackendSettings>& backends() const { return backends_; }
    [[nodiscard]] const std::list<ListenerCounters>& listener_counters() const {
        return listener_counters_;
    }
    // In the order of backends().
    [[nodiscard]] const std::vector<BackendCounters>& backend_counters() const {
        return backend_counters_;
    }

 private:
    friend class Pair;

    void make_ready(Pair& pair);
    void drain_step();
    // backend: one of backends_.
    void note_backend(const BackendSettings& backend, bool connected);
    [[nodiscard]] BackendCounters& counters_of(const BackendSettings& backend) {
        return backend_counters_[static_cast<size_t>(&backend - backends_.data())];
    }

    sctp::Host& host_;
    keys::ChunkProtection& protection_;
    const Clock& clock_;
    keymgmt::HandshakeQueue handshakes_;
    std::vector<BackendSettings> backends_;
    std::vector<BackendCounters> backend_counters_;
    std::list<ListenerCounters> listener_counters_;  // pairs refer to them
    std::vector<std::unique_ptr<sctp::Listener>> listeners_;
    std::list<std::unique_ptr<Pair>> pairs_;
    std::vector<Pair*> ready_;
    std::vector<Pair*> closed_;
    RelayCounters counters_;
    uint64_t last_pair_id_ = 0;
    TimePoint last_tick_{};
    std::optional<TimePoint> drain_started_;
    std::chrono::nanoseconds drain_timeout_{};
};

}  // namespace sdg::relay
