// Owner of a pool of packet buffers (rte_mempool of mbufs).
//
// Buffers have room for all headers in front (RTE_PKTMBUF_HEADROOM) and kPrivateArea octets of
// private area for the worker's PacketMeta. The control thread makes and destroys pools. A pool
// whose buffers are still out when its owner goes (a frame in a ring that a test owns) is kept
// until they are back and freed when some later pool is made or destroyed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "foundation/result.h"

struct rte_mempool;

namespace sdg::port {

inline constexpr uint16_t kPrivateArea = 64;

class PacketPool {
 public:
    // count: buffers; data_room: octets of the longest frame, headroom not counted.
    [[nodiscard]] static Result<PacketPool> create(const std::string& purpose, uint32_t count,
                                                   uint32_t data_room);
    PacketPool() = default;
    PacketPool(PacketPool&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    PacketPool& operator=(PacketPool&& other) noexcept {
        std::swap(pool_, other.pool_);
        return *this;
    }
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;
    ~PacketPool();

    [[nodiscard]] rte_mempool* get() const { return pool_; }

 private:
    explicit PacketPool(rte_mempool* pool) : pool_(pool) {}
    rte_mempool* pool_ = nullptr;
};

}  // namespace sdg::port
