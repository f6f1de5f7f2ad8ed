#include "dataplane/worker/handover.h"

#include <rte_ring.h>

namespace sdg::worker {
namespace {

void flush(WorkerState& state, unsigned worker) {
    HandoverBatch& batch = state.handovers[worker];
    const unsigned sent = rte_ring_mp_enqueue_burst(
        state.rings[worker].handover, reinterpret_cast<void* const*>(batch.packets.data()),
        batch.count, nullptr);
    count(state.counters.handed_over, sent);
    for (unsigned i = sent; i < batch.count; ++i) {
        drop(state, batch.packets[i], DropReason::ring_full_handover);
    }
    batch.count = 0;
}

}  // namespace

void hand_over(WorkerState& state, unsigned worker, Stage stage, rte_mbuf* packet) {
    if (worker >= state.handovers.size()) {
        drop(state, packet, DropReason::ring_full_handover);
        return;
    }
    meta_of(packet)->stage = static_cast<uint8_t>(stage);
    HandoverBatch& batch = state.handovers[worker];
    batch.packets[batch.count++] = packet;
    if (batch.count == kMaxBurst) {
        flush(state, worker);
    }
}

void flush_handovers(WorkerState& state) {
    for (unsigned worker = 0; worker < state.handovers.size(); ++worker) {
        if (state.handovers[worker].count > 0) {
            flush(state, worker);
        }
    }
}

}  // namespace sdg::worker
