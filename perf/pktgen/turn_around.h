// What stands in for the control plane: every packet that a worker hands up goes back down as a
// packet of the association's other leg, in the same buffer.
//
// One thread per ring set it works on: round(w) takes from worker w's rings and may put into the
// from_control ring of any worker that owns an association, or only into w's own (`own_ring`, for
// the worker's own thread; the data plane then hands over what another worker owns).
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/worker/bridge.h"
#include "perf/pktgen/associations.h"
#include "perf/pktgen/options.h"

namespace sdg::traffic {

// Where packets of an association of the table go.
struct FarSide {
    keys::AssociationId association;
    uint32_t tag = 0;  // towards the generator
    uint16_t owner = 0;
    Leg leg = Leg::plain;
};

// How a leg is reached.
struct LegPort {
    LegAddresses addresses;
    uint16_t port = 0;  // of the port table
};

// Single writer: the thread that calls round().
struct alignas(64) TurnCounters {
    std::atomic<uint64_t> turned{0};
    std::atomic<uint64_t> unknown{0};    // of no association
    std::atomic<uint64_t> ring_full{0};  // towards the worker
    std::atomic<uint64_t> first{0};      // cycles: first and last packet
    std::atomic<uint64_t> last{0};
};

class TurnAround {
 public:
    // far_sides: by AssociationId::index. legs: by Leg. All must outlive this.
    TurnAround(const std::vector<worker::WorkerRings>& rings, const std::vector<FarSide>& far_sides,
               const std::array<LegPort, 2>& legs)
        : rings_(rings), far_sides_(far_sides), legs_(legs) {}

    // Returns packets handled. now: cycles.
    size_t round(unsigned worker, bool own_ring, uint64_t now);
    [[nodiscard]] const TurnCounters& counters() const { return counters_; }

 private:
    void enqueue(unsigned worker, rte_mbuf** packets, unsigned count);

    const std::vector<worker::WorkerRings>& rings_;
    const std::vector<FarSide>& far_sides_;
    const std::array<LegPort, 2>& legs_;
    TurnCounters counters_;
};

}  // namespace sdg::traffic
