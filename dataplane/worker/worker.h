// Worker: one poll-mode loop. Receive -> parse -> look up -> open -> hand to the control plane, and
// the way back: take from the control plane -> seal -> headers -> transmit.
//
// A worker owns its associations' sequence numbers and replay windows. Nothing on its path
// allocates, locks, logs, throws or makes a system call (idle back-off and ports whose driver is
// the kernel excepted). poll_once() runs one round and may be called directly by a test that owns
// the thread; run() loops with idle back-off until stop is set.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "dataplane/packet/drop_reason.h"
#include "dataplane/port/port_table.h"
#include "dataplane/worker/bridge.h"
#include "foundation/result.h"

namespace sdg::worker {

// Single writer: the worker. Read by the control thread with relaxed loads.
struct alignas(64) WorkerCounters {
    using Counter = std::atomic<uint64_t>;
    Counter received{0};
    Counter transmitted{0};
    Counter opened{0};  // DTLS chunks that authenticated
    Counter sealed{0};
    Counter clear_received{0};  // SCTP packets without protection handed to the control plane
    Counter clear_sent{0};
    Counter handed_over{0};  // to another worker
    Counter arp_answered{0};
    Counter icmp_answered{0};
    Counter neighbours_solicited{0};
    Counter idle_rounds{0};
    Counter busy_rounds{0};
    std::array<Counter, packet::kDropReasonCount> drops{};
};

struct WorkerSettings {
    unsigned index = 0;
    unsigned burst = 32;          // packets per port and round, 1..64
    unsigned idle_sleep_us = 50;  // longest sleep when idle; 0: never sleep, only yield
};

class Worker {
 public:
    // rings[w] are the rings of worker w (own index: its own; others: their handover rings).
    [[nodiscard]] static Result<std::unique_ptr<Worker>> create(const WorkerSettings& settings,
                                                                port::PortTable& ports,
                                                                keys::ChunkProtection& protection,
                                                                std::vector<WorkerRings> rings);
    virtual ~Worker() = default;
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // One round over all ports, rings and timers of this worker. Returns packets handled.
    virtual size_t poll_once() = 0;
    // Registers with quiescence, loops until stop, unregisters. Returns when stop is seen.
    virtual void run(const std::atomic<bool>& stop) = 0;
    [[nodiscard]] virtual const WorkerCounters& counters() const = 0;

 protected:
    Worker() = default;
};

}  // namespace sdg::worker
