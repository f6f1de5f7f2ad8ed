// Relay: listeners, backends, and the pairs of associations between them.
//
// One accepted association is one backend association. The backend is connected once the accepted
// leg is up; until both are up nothing is read, so what a node sends early waits in its own SCTP
// window. Then two flows move messages both ways with back-pressure.
//
//   what happens to one leg           what the other leg gets
//   SHUTDOWN from the peer            everything received before is passed on, then SHUTDOWN
//   ABORT, failure, restart in clear  ABORT
//   protected restart                 by the listener's policy: nothing, or ABORT and a new one
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
#include "control/relay/restored_pair.h"
#include "control/restart/keeper.h"
#include "control/sctp/host.h"
#include "foundation/clock.h"

namespace sdg::relay {

struct BackendSettings {
    std::string name;
    sctp::Endpoints endpoints;  // local_port 0: ephemeral
    sctp::LegSettings leg;
    std::chrono::milliseconds connect_timeout{10'000};
    std::shared_ptr<const keymgmt::Policy> policy;  // null: plain
};

// What a restart under protection of one leg of a pair means for the other leg.
enum class OnRestart : uint8_t {
    keep,   // nothing, where that is possible: it goes on with the restarted leg
    reset,  // it ends, as if the restarted leg had been lost
};

struct ListenerSettings {
    std::string name;
    IpAddress address;
    uint16_t sctp_port = 0;
    uint16_t port = 0;  // gateway port
    sctp::LegSettings leg;
    uint32_t max_associations = 1000;
    std::string backend;                            // its name
    std::shared_ptr<const keymgmt::Policy> policy;  // null: plain
    OnRestart on_restart = OnRestart::keep;
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
    uint64_t pairs_restarted = 0;   // by the peer of a leg, under protection
    uint64_t pairs_restored = 0;    // by us, after a restart of the gateway
    uint64_t restores_failed = 0;
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
    uint64_t associations = 0;  // now
    uint64_t accepted = 0;      // ever
};

// A backend or a listener is there as long as it is configured or has associations; these keep the
// settings that they began with. One that is removed and comes back under its name counts on.
struct Backend {
    std::shared_ptr<const BackendSettings> settings;  // of new associations
    BackendCounters counters;
    bool is_removed = false;
};

struct Listener {
    // Where INITs are taken. Whose they are may change without the host knowing.
    struct Door {
        std::unique_ptr<sctp::Listener> open;
        std::shared_ptr<Listener*> owner;
    };
    std::shared_ptr<const ListenerSettings> settings;  // of new associations
    std::shared_ptr<Backend> backend;                  // of new associations
    ListenerCounters counters;
    bool is_removed = false;
    Door door;  // closed: removed, or the gateway is being stopped
};

class Pair;

class Relay {
 public:
    // host, protection and clock outlive the relay.
    // handshakes: how many with peers that have not authenticated yet may run at a time.
    Relay(sctp::Host& host, keys::ChunkProtection& protection, const Clock& clock,
          size_t handshakes);
    ~Relay();
    // Where restart keys are kept; outlives the relay. Before the first association.
    void keep_restart_keys_in(restart::Keeper& keeper) { keeper_ = &keeper; }
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    // All listeners and backends there are to be from now on. prepare() does whatever can fail and
    // changes nothing; commit() cannot fail. A plan that is dropped leaves no trace. Associations
    // go on as they are; those of listeners that are not there any more, too.
    class Plan;
    struct PlanError : Error {
        std::string listener;  // whose fault it is; empty: none's
    };
    // already_exists: a name or an address twice; not_found: no such backend; unavailable: the
    // gateway is being stopped; else what the host says.
    [[nodiscard]] tl::expected<Plan, PlanError> prepare(std::vector<BackendSettings> backends,
                                                        std::vector<ListenerSettings> listeners);
    // Of the last prepare(); no other call in between.
    void commit(Plan plan);
    void set_handshakes(size_t handshakes) { handshakes_.set_slots(handshakes); }

    // Configured ones only; null: none.
    [[nodiscard]] std::shared_ptr<Listener> find_listener(const std::string& name) const;
    [[nodiscard]] std::shared_ptr<Backend> find_backend(const std::string& name) const;
    // Puts a pair of a former run together again. Both are of this relay.
    void restore(std::shared_ptr<Listener> listener, std::shared_ptr<Backend> backend,
                 RestoredPair restored);
    // One of which not even the keys could be had.
    void note_restore_failed() { ++counters_.restores_failed; }
    // Pairs that are being restored.
    [[nodiscard]] size_t restoring() const { return restoring_; }
    [[nodiscard]] sctp::Host& host() { return host_; }
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
    // In the order of the configuration, then those that are removed and still have associations.
    [[nodiscard]] const std::vector<std::shared_ptr<Listener>>& listeners() const {
        return listeners_;
    }
    [[nodiscard]] const std::vector<std::shared_ptr<Backend>>& backends() const {
        return backends_;
    }

 private:
    friend class Pair;

    void make_ready(Pair& pair);
    void drain_step();
    void note_backend(Backend& backend, bool connected);
    void forget_removed();
    [[nodiscard]] sctp::AssociationObserver* accept(Listener& listener,
                                                    sctp::Association& association);

    sctp::Host& host_;
    keys::ChunkProtection& protection_;
    const Clock& clock_;
    keymgmt::HandshakeQueue handshakes_;
    std::vector<std::shared_ptr<Backend>> backends_;
    std::vector<std::shared_ptr<Listener>> listeners_;
    restart::Keeper* keeper_ = nullptr;
    size_t restoring_ = 0;
    std::list<std::unique_ptr<Pair>> pairs_;
    std::vector<Pair*> ready_;
    std::vector<Pair*> closed_;
    RelayCounters counters_;
    uint64_t last_pair_id_ = 0;
    TimePoint last_tick_{};
    std::optional<TimePoint> drain_started_;
    std::chrono::nanoseconds drain_timeout_{};
};

// What prepare() has made: the sockets of listeners that are new or have other SCTP settings.
class Relay::Plan {
 private:
    friend class Relay;
    struct Entry {
        std::shared_ptr<const ListenerSettings> settings;
        size_t backend = 0;         // index
        Listener* keeps = nullptr;  // whose door it gets; null: its own
        Listener::Door door;
    };
    std::vector<std::shared_ptr<const BackendSettings>> backends_;
    std::vector<Entry> listeners_;
};

}  // namespace sdg::relay
