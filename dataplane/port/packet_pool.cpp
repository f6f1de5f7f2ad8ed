#include "dataplane/port/packet_pool.h"

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "dataplane/port/thread_sanitizer.h"

namespace sdg::port {
namespace {

constexpr unsigned kCache = 250;  // buffers kept per lcore

class Waiting {
 public:
    void add(rte_mempool* pool) {
        const std::scoped_lock lock(mutex_);
        pools_.push_back(pool);
        free_complete();
    }
    void sweep() {
        const std::scoped_lock lock(mutex_);
        free_complete();
    }

 private:
    void free_complete() {
        std::erase_if(pools_, [](rte_mempool* pool) {
            const bool complete = rte_mempool_full(pool) != 0;
            if (complete) {
                rte_mempool_free(pool);
            }
            return complete;
        });
    }
    std::mutex mutex_;
    std::vector<rte_mempool*> pools_;
};

Waiting& waiting() {
    static Waiting instance;
    return instance;
}

}  // namespace

Result<PacketPool> PacketPool::create(const std::string& purpose, uint32_t count,
                                      uint32_t data_room) {
    static std::atomic<unsigned> serial{0};
    waiting().sweep();
    const uint32_t room = RTE_PKTMBUF_HEADROOM + data_room;
    if (room > UINT16_MAX) {
        return fail(ErrorCode::invalid_argument, "packet buffers of {} octets for {}", room,
                    purpose);
    }
    const std::string name = fmt::format("sdg_pool_{}", serial.fetch_add(1));
    // A pool wants one and a half of its cache to be in it.
    const unsigned cache = std::min(kCache, count / 2);
    rte_mempool* pool =
        rte_pktmbuf_pool_create(name.c_str(), count, cache, kPrivateArea,
                                static_cast<uint16_t>(room), static_cast<int>(rte_socket_id()));
    if (pool == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no memory for {} packet buffers of {}: {}",
                    count, purpose, rte_strerror(rte_errno));
    }
    order_buffers_of(pool);
    return PacketPool(pool);
}

PacketPool::~PacketPool() {
    if (pool_ != nullptr) {
        waiting().add(pool_);
    }
}

}  // namespace sdg::port
