// Gateway: data plane, bridge, SCTP host and relay of one configuration, put together.
//
// Needs a started EAL. The thread that creates it is the control thread. Several can live in one
// process (tests run two, on simulated links, with workers polled by the test); the program runs
// one, with workers on their lcores.
//
// Start-up order: policies (key files), ports, key tables, rings, workers, host, listeners. Shut
// down in reverse; every step that fails undoes the ones before it.
#pragma once

#include <atomic>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "config/configuration.h"
#include "control/keymgmt/key_log.h"
#include "control/relay/relay.h"
#include "control/relay/restoration.h"
#include "control/restart/keeper.h"
#include "control/sctp/host.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/port/port_table.h"
#include "dataplane/record/crypto_device.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/result.h"
#include "gateway/plan.h"

namespace sdg::gateway {

class Gateway {
 public:
    // clock and random outlive the gateway. keeper: where restart keys are kept; null: nowhere.
    // The error names what could not be set up.
    [[nodiscard]] static Result<std::unique_ptr<Gateway>> create(
        const config::Configuration& configuration, const Clock& clock, Random& random,
        std::unique_ptr<restart::Keeper> keeper = nullptr);
    // Stops the workers first; aborts nothing: drain before.
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    // Starts every worker on its lcore (Eal::worker_lcore).
    [[nodiscard]] Result<void> start_workers();
    void stop_workers();
    // For a test that owns the thread instead.
    [[nodiscard]] const std::vector<std::unique_ptr<worker::Worker>>& workers() { return workers_; }

    // One round of the control loop. Returns how much was done; 0: idle.
    size_t poll_control();

    void drain();
    // Ends without ending the associations: they are left to the next process, or the standby,
    // which brings them back from the restart store by protected restart. From now on the control
    // loop must not run any more; stop the workers next. The destructor waits for the store.
    // refused: there is no store, or the gateway is being drained.
    Result<void> leave();
    [[nodiscard]] bool is_leaving() const { return leaving_; }
    // Another gateway owns the associations of our group now: end, and send nothing more.
    [[nodiscard]] bool is_fenced() const { return keeper_ && keeper_->is_fenced(); }
    // Another configuration for what can change while associations are up: listeners, backends,
    // protection policies with all their files, and what config/difference.h calls live. prepare()
    // does whatever can fail and changes nothing; commit() cannot fail. One that is dropped leaves
    // no trace.
    class Reconfiguration;
    struct Refusal {
        std::string key;  // as in the outline: "protection[trunk]"; may be that of a whole list
        std::string reason;
    };
    [[nodiscard]] tl::expected<Reconfiguration, Refusal> prepare(
        const config::Configuration& configuration);
    // Of the last prepare(). Associations go on: see docs/operations.md for what a change means to
    // them.
    void commit(Reconfiguration reconfiguration);
    // New keys for every protected association.
    void request_rekey() { relay_->request_rekey(); }
    [[nodiscard]] bool is_drained() const {
        return relay_->is_draining() && relay_->pair_count() == 0;
    }

    [[nodiscard]] relay::Relay& relay() { return *relay_; }
    // Null: restart keys are not kept.
    [[nodiscard]] restart::Keeper* keeper() { return keeper_.get(); }
    [[nodiscard]] sctp::Host& host() { return *host_; }
    [[nodiscard]] keys::ChunkProtection& protection() { return *protection_; }
    [[nodiscard]] port::PortTable& ports() { return *ports_; }
    [[nodiscard]] const worker::ControlBridge& bridge() const { return *bridge_; }
    // For the operator.
    [[nodiscard]] const std::vector<std::unique_ptr<worker::Worker>>& workers() const {
        return workers_;
    }
    [[nodiscard]] const relay::Relay& relay() const { return *relay_; }
    [[nodiscard]] const restart::Keeper* keeper() const { return keeper_.get(); }
    // With a keeper, null without.
    [[nodiscard]] const relay::Restoration* restoration() const { return restoration_.get(); }
    [[nodiscard]] const sctp::Host& host() const { return *host_; }
    [[nodiscard]] const keys::ChunkProtection& protection() const { return *protection_; }
    [[nodiscard]] const port::PortTable& ports() const { return *ports_; }
    [[nodiscard]] const Policies& policies() const { return policies_; }
    // Null: this is no laboratory.
    [[nodiscard]] keymgmt::KeyLog* key_log() const { return key_log_.get(); }
    [[nodiscard]] const Clock& clock() const { return clock_; }
    [[nodiscard]] TimePoint started() const { return started_; }
    [[nodiscard]] std::chrono::milliseconds drain_timeout() const { return drain_timeout_; }
    [[nodiscard]] uint64_t drops(packet::DropReason reason) const;
    // The content of stats_file: see docs/operations.md. Every drop reason is there, zero or not.
    [[nodiscard]] nlohmann::json statistics() const;

 private:
    Gateway(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
    static int run_worker(void* argument);
    Result<void> open_crypto_device(const config::Configuration& configuration);

    const Clock& clock_;
    Random& random_;
    config::Configuration configuration_;
    bool has_restart_tables_ = false;
    TimePoint started_{};
    std::chrono::milliseconds drain_timeout_{};
    Policies policies_;
    std::shared_ptr<keymgmt::KeyLog> key_log_;
    std::unique_ptr<port::PortTable> ports_;
    std::unique_ptr<record::CryptoDevice> crypto_device_;  // null: IPsec-MB
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<worker::WorkerRingSet> rings_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<worker::ControlBridge> bridge_;
    std::unique_ptr<sctp::Host> host_;
    std::unique_ptr<restart::Keeper> keeper_;
    std::unique_ptr<relay::Relay> relay_;
    std::unique_ptr<relay::Restoration> restoration_;
    struct Launch {
        worker::Worker* worker = nullptr;
        const std::atomic<bool>* stop = nullptr;
        unsigned lcore = 0;
    };
    std::vector<Launch> launched_;
    bool leaving_ = false;
    alignas(64) std::atomic<bool> stop_{false};  // written by the control thread, read by workers
};

class Gateway::Reconfiguration {
 public:
    [[nodiscard]] const Policies& policies() const { return policies_; }

 private:
    friend class Gateway;
    config::Configuration configuration_;
    Policies policies_;
    relay::Relay::Plan plan_;
};

}  // namespace sdg::gateway
