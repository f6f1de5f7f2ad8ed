// Worker: one poll-mode loop. Receive -> parse -> look up -> open -> hand to the control plane, and
// the way back: take from the control plane -> seal -> headers -> transmit.
//
// A worker owns its associations' sequence numbers and replay windows. Nothing on its path
// allocates, locks, logs, throws or makes a system call (idle back-off and ports whose driver is
// the kernel excepted). poll_once() runs one round and may be called directly by a test that owns
// the thread; run() loops with idle back-off until stop is set.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/drop_reason.h"
#include "dataplane/port/port_table.h"
#include "dataplane/worker/bridge.h"
#include "dataplane/worker/stage_cycles.h"
#include "dataplane/worker/stranger_budget.h"
#include "foundation/result.h"

namespace sdg::capture {
class Tap;
}

namespace sdg::worker {

// Single writer: the worker. Read by the control thread with relaxed loads.
struct alignas(64) WorkerCounters {
    using Counter = std::atomic<uint64_t>;
    Counter received{0};  // frames, from the ports
    Counter transmitted{0};
    Counter opened{0};  // DTLS chunks that authenticated
    Counter sealed{0};
    Counter clear_received{0};  // SCTP packets without protection handed to the control plane
    Counter clear_sent{0};
    Counter handed_over{0};  // to another worker
    Counter arp_answered{0};
    Counter icmp_answered{0};  // echo and neighbour solicitations
    Counter neighbours_solicited{0};
    Counter idle_rounds{0};
    Counter busy_rounds{0};
    Counter sleeps{0};
    Counter handled{0};  // packets taken in: from ports, other workers and the control plane
    // Of the time stamp counter: rounds that handled something, and all others, sleeps included. By
    // the start of each round, so that a round costs one reading of the counter.
    Counter busy_cycles{0};
    Counter idle_cycles{0};
    std::array<Counter, packet::kDropReasonCount> drops{};
    std::array<Counter, kCostStages> stage_cycles{};  // see stage_cycles.h

    [[nodiscard]] uint64_t drop(packet::DropReason reason) const {
        return drops[static_cast<size_t>(reason)].load(std::memory_order_relaxed);
    }
};

struct WorkerSettings {
    unsigned index = 0;
    unsigned burst = 32;          // packets per port and round, 1..64
    unsigned idle_sleep_us = 50;  // longest sleep between packets (see idle.h); 0: only yield
    record::AeadProvider* aead = nullptr;  // as in ChunkProtection::Settings
    StrangerLimits strangers{};            // of this worker
};

struct WorkerState;

class Worker {
 public:
    // rings[w] are the rings of worker w (own index: its own; others: their handover rings).
    // ports, protection and rings must outlive the worker.
    [[nodiscard]] static Result<std::unique_ptr<Worker>> create(const WorkerSettings& settings,
                                                                port::PortTable& ports,
                                                                keys::ChunkProtection& protection,
                                                                std::vector<WorkerRings> rings);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // One round over all ports, rings and timers of this worker. Returns packets handled.
    size_t poll_once();
    // The same at a given time, in cycles of the time stamp counter; for tests of timers. Times
    // must not run backwards.
    size_t poll_at(uint64_t now);
    // Registers with quiescence, loops until stop, unregisters. Returns when stop is seen; at most
    // the longest sleep later.
    void run(const std::atomic<bool>& stop);
    // Any thread.
    [[nodiscard]] const WorkerCounters& counters() const;
    // Control thread. What the worker sees from its next round on is given to the tap, too; null:
    // to none. The tap before may go when the worker has passed a quiescent state.
    void set_tap(capture::Tap* tap);

 private:
    explicit Worker(std::unique_ptr<WorkerState> state);
    std::unique_ptr<WorkerState> state_;
};

}  // namespace sdg::worker
