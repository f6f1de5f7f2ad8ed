#include "dataplane/port/thread_sanitizer.h"

#ifdef __SANITIZE_THREAD__

#include <rte_mempool.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sdg::port {
namespace {

constexpr char kName[] = "ring_ordered";

rte_mempool_ops ring;  // DPDK's own

int put(rte_mempool* pool, void* const* buffers, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        hands_over(buffers[i]);
    }
    return ring.enqueue(pool, buffers, count);
}

int get(rte_mempool* pool, void** buffers, unsigned count) {
    const int error = ring.dequeue(pool, buffers, count);
    for (unsigned i = 0; error == 0 && i < count; ++i) {
        takes_over(buffers[i]);
    }
    return error;
}

int find(const char* name) {
    for (unsigned i = 0; i < rte_mempool_ops_table.num_ops; ++i) {
        if (std::strcmp(rte_mempool_ops_table.ops[i].name, name) == 0) {
            return static_cast<int>(i);
        }
    }
    return -1;
}

// The drivers of pools are loaded when EAL starts.
int register_ordered() {
    const int plain = find("ring_mp_mc");
    if (plain < 0) {
        std::fputs("thread sanitizer: DPDK has no pools of the kind ring_mp_mc\n", stderr);
        std::abort();
    }
    ring = rte_mempool_ops_table.ops[plain];
    rte_mempool_ops ordered = ring;
    std::memcpy(ordered.name, kName, sizeof kName);
    ordered.enqueue = put;
    ordered.dequeue = get;
    return rte_mempool_register_ops(&ordered);
}

}  // namespace

void order_buffers_of(rte_mempool* pool) {
    static const int ordered = register_ordered();
    pool->ops_index = ordered;
}

}  // namespace sdg::port

#endif
