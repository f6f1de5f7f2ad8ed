#include "dataplane/worker/rings.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <atomic>

namespace sdg::worker {
namespace {

void drain_and_free(rte_ring* ring) {
    if (ring == nullptr) {
        return;
    }
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
    rte_ring_free(ring);
}

}  // namespace

Result<std::unique_ptr<WorkerRingSet>> WorkerRingSet::create(unsigned workers, unsigned packets) {
    static std::atomic<unsigned> serial{0};
    const unsigned number = serial.fetch_add(1);
    if (workers == 0 || packets == 0) {
        return fail(ErrorCode::invalid_argument, "{} workers with rings of {} packets", workers,
                    packets);
    }
    std::unique_ptr<WorkerRingSet> set(new WorkerRingSet);
    set->rings_.resize(workers);
    for (unsigned w = 0; w < workers; ++w) {
        WorkerRings& rings = set->rings_[w];
        const auto make = [&](rte_ring*& ring, const char* purpose, unsigned flags) {
            const std::string name = fmt::format("sdg_{}_{}_{}", number, w, purpose);
            ring = rte_ring_create(name.c_str(), packets, static_cast<int>(rte_socket_id()),
                                   flags | RING_F_EXACT_SZ);
            return ring != nullptr;
        };
        constexpr unsigned kOneToOne = RING_F_SP_ENQ | RING_F_SC_DEQ;
        if (!make(rings.to_control_known, "known", kOneToOne) ||
            !make(rings.to_control_unknown, "unknown", kOneToOne) ||
            !make(rings.from_control, "send", kOneToOne) ||
            !make(rings.handover, "handover", RING_F_SC_DEQ)) {
            return fail(ErrorCode::resource_exhausted, "no ring of {} packets for worker {}: {}",
                        packets, w, rte_strerror(rte_errno));
        }
    }
    return set;
}

WorkerRingSet::~WorkerRingSet() {
    for (const WorkerRings& rings : rings_) {
        drain_and_free(rings.to_control_known);
        drain_and_free(rings.to_control_unknown);
        drain_and_free(rings.from_control);
        drain_and_free(rings.handover);
    }
}

}  // namespace sdg::worker
