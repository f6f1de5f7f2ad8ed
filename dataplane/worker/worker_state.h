// What the stages of one worker share. Internal to dataplane/worker; touched by the worker's own
// thread only, except for the counters.
//
// A stage is a function over an array of at most kMaxBurst packets that it owns from then on: each
// packet leaves it into a ring, to a port, to another worker, or as a counted drop.
#pragma once

#include <rte_mbuf.h>
#include <rte_rcu_qsbr.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/capture/tap.h"
#include "dataplane/keys/association_table.h"
#include "dataplane/packet/drop_reason.h"
#include "dataplane/port/port_table.h"
#include "dataplane/record/record.h"
#include "dataplane/worker/worker.h"

namespace sdg::worker {

using packet::DropReason;

inline constexpr size_t kMaxBurst = 64;
static_assert(kMaxBurst <= record::kMaxBurst);

// Where a packet that came from another worker goes on (PacketMeta::stage).
enum class Stage : uint8_t {
    received,  // plain IP stripped, checksum verified: look up and open
    link,      // a whole ARP or ICMPv6 frame
    outgoing,  // from the control plane: seal
    routed,    // IP packet: next hop and link header
};

// A queue of a port that this worker polls.
struct PolledQueue {
    uint16_t port;
    uint16_t device;
    uint16_t queue;
};

// Frames ready for one port's queue of this worker.
struct TransmitBatch {
    std::array<rte_mbuf*, kMaxBurst> packets;
    uint16_t count = 0;
    uint16_t device = 0;
    uint16_t queue = 0;
    bool has_queue = false;
    bool prepare = false;  // checksums left to the port: rte_eth_tx_prepare() first
};

// Packets on their way to one other worker.
struct HandoverBatch {
    std::array<rte_mbuf*, kMaxBurst> packets;
    uint16_t count = 0;
};

struct WorkerState {
    WorkerState(const WorkerSettings& wanted, port::PortTable& table, const StrangerBudget& budget)
        : settings(wanted), ports(table), strangers(budget) {}

    WorkerSettings settings;
    port::PortTable& ports;
    keys::AssociationTable* associations = nullptr;
    rte_rcu_qsbr* quiescence = nullptr;
    std::vector<WorkerRings> rings;
    std::unique_ptr<record::RecordEngine> engine;
    StrangerBudget strangers;
    // Of the burst in hand. Here, because making 64 of them anew costs 2 cycles a packet.
    std::array<record::OpenRequest, kMaxBurst> open_requests;
    std::array<record::SealRequest, kMaxBurst> seal_requests;
    std::vector<PolledQueue> polled;
    std::vector<TransmitBatch> batches;    // by port
    std::vector<HandoverBatch> handovers;  // by worker
    uint64_t now = 0;                      // cycles, of the current round; 0: there was none yet
    bool was_busy = false;                 // the last round
    uint64_t next_tick = 0;
    uint64_t cycles_per_tick = 0;
    bool announced = false;
    capture::Tap* tap = nullptr;  // in the current round; mostly none
    StageWatch watch;
    WorkerCounters counters;
    // Written by the control thread.
    alignas(64) std::atomic<capture::Tap*> given_tap{nullptr};
};

inline void count(WorkerCounters::Counter& counter, uint64_t n = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

inline void count_drop(WorkerState& state, DropReason reason, uint64_t n = 1) {
    count(state.counters.drops[static_cast<size_t>(reason)], n);
}

// The time since the end of the stage before belongs to this one.
inline void end_stage(WorkerState& state, CostStage stage) {
    if constexpr (kCountsStageCycles) {
        count(state.counters.stage_cycles[static_cast<size_t>(stage)], state.watch.lap());
    }
}

inline void drop(WorkerState& state, rte_mbuf* packet, DropReason reason) {
    count_drop(state, reason);
    rte_pktmbuf_free(packet);
}

inline std::span<uint8_t> octets_of(rte_mbuf* packet) {
    return {rte_pktmbuf_mtod(packet, uint8_t*), rte_pktmbuf_data_len(packet)};
}

// Narrows an mbuf of one segment to a part of its data.
inline void narrow(rte_mbuf* packet, size_t offset, size_t length) {
    packet->data_off = static_cast<uint16_t>(packet->data_off + offset);
    packet->data_len = static_cast<uint16_t>(length);
    packet->pkt_len = static_cast<uint32_t>(length);
}

}  // namespace sdg::worker
