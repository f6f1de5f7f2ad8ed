// The gateway's data plane alone: ports, workers, rings and static associations, and a loop that
// turns packets around where the gateway has its control plane.
//
// The main thread makes, starts, stops and destroys it; workers run on EAL's lcores 1..n. EAL must
// have been started with that many workers.
#pragma once

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "dataplane/port/port_table.h"
#include "dataplane/worker/rings.h"
#include "dataplane/worker/worker.h"
#include "perf/pktgen/associations.h"
#include "perf/pktgen/options.h"
#include "perf/pktgen/turn_around.h"

namespace sdg::traffic {

struct ForwarderSettings {
    struct LegSettings {
        std::string device;
        LegAddresses addresses;
        std::optional<port::MacAddress> node_mac;  // asked by ARP when absent
    };
    LegSettings plain;
    LegSettings protected_leg;  // no device: both legs on the plain leg's
    AssociationSettings associations;
    unsigned workers = 1;
    unsigned burst = 32;
    uint32_t ring_packets = 4096;
    // Who turns packets around: each worker itself, or one thread for all as in the gateway, which
    // calls poll_control().
    bool control_thread = false;
};

class Forwarder {
 public:
    [[nodiscard]] static Result<std::unique_ptr<Forwarder>> create(
        const ForwarderSettings& settings);
    ~Forwarder();
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    [[nodiscard]] Result<void> start();
    void stop();
    // One round of the turning thread, when there is one.
    size_t poll_control();

    struct Totals {
        uint64_t received = 0;
        uint64_t transmitted = 0;
        uint64_t opened = 0;
        uint64_t sealed = 0;
        uint64_t dropped = 0;
    };
    [[nodiscard]] Totals totals() const;
    // Of the leg's port: what frames must be sent to where nobody asks by ARP.
    [[nodiscard]] port::MacAddress mac(Leg leg) const {
        return ports_->port(legs_[index_of(leg)].port).device->mac();
    }
    [[nodiscard]] nlohmann::json report() const;

 private:
    // What one lcore works with; the counters are its own.
    struct alignas(64) Loop {
        worker::Worker* worker = nullptr;
        TurnAround* turn = nullptr;  // null: the control thread turns
        const std::atomic<bool>* stop = nullptr;
        unsigned index = 0;
        std::atomic<uint64_t> busy_cycles{0};
        std::atomic<uint64_t> sleeps{0};
    };

    explicit Forwarder(const ForwarderSettings& settings)
        : settings_(settings), associations_(settings.associations) {}
    [[nodiscard]] std::vector<port::PortSettings> port_settings() const;
    [[nodiscard]] Result<void> add_associations();
    static int run(void* loop);

    ForwarderSettings settings_;
    Associations associations_;
    std::unique_ptr<port::PortTable> ports_;
    std::unique_ptr<keys::ChunkProtection> protection_;
    std::unique_ptr<worker::WorkerRingSet> rings_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::array<LegPort, 2> legs_;
    std::vector<FarSide> far_sides_;
    std::vector<std::unique_ptr<TurnAround>> turns_;  // one per worker, or one
    std::vector<std::unique_ptr<Loop>> loops_;
    unsigned launched_ = 0;
    std::atomic<bool> stop_{false};
};

}  // namespace sdg::traffic
