// A port whose other side is the test: a net_ring device made from rings, with frames as octets.
// One thread of the test, beside those of the gateway. EAL must run.
#pragma once

#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/port/packet_pool.h"
#include "dataplane/port/thread_sanitizer.h"

namespace sdg::test {

using Octets = std::vector<uint8_t>;

class TestWire {
 public:
    // ring_size: frames each way and queue, a power of two less one fits.
    explicit TestWire(uint16_t queues = 1, unsigned ring_size = 1024) {
        static unsigned serial = 0;
        const std::string name = "wire" + std::to_string(serial++);
        for (uint16_t q = 0; q < queues; ++q) {
            to_port_.push_back(make_ring(name + "r" + std::to_string(q), ring_size));
            from_port_.push_back(make_ring(name + "t" + std::to_string(q), ring_size));
        }
        const int id =
            rte_eth_from_rings(name.c_str(), to_port_.data(), queues, from_port_.data(), queues, 0);
        if (id < 0) {
            throw std::runtime_error("no ring device");
        }
        std::array<char, RTE_ETH_NAME_MAX_LEN> device{};
        rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), device.data());
        device_ = device.data();
        pool_ = rte_pktmbuf_pool_create((name + "_pool").c_str(), 2047, 0, port::kPrivateArea,
                                        RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
        if (pool_ == nullptr) {
            throw std::runtime_error("no packet buffers");
        }
        port::order_buffers_of(pool_);
        for (uint16_t q = 0; q < queues; ++q) {
            rte_eth_add_rx_callback(static_cast<uint16_t>(id), q, &received, nullptr);
            rte_eth_add_tx_callback(static_cast<uint16_t>(id), q, &transmitted, nullptr);
        }
    }
    // After the gateway's side has been closed.
    ~TestWire() {
        rte_eal_hotplug_remove("vdev", device_.c_str());
        for (auto* rings : {&to_port_, &from_port_}) {
            for (rte_ring* ring : *rings) {
                void* frame = nullptr;
                while (rte_ring_dequeue(ring, &frame) == 0) {
                    rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
                }
                rte_ring_free(ring);
            }
        }
        rte_mempool_free(pool_);
    }
    TestWire(const TestWire&) = delete;
    TestWire& operator=(const TestWire&) = delete;

    [[nodiscard]] const std::string& device() const { return device_; }
    [[nodiscard]] uint16_t queues() const { return static_cast<uint16_t>(to_port_.size()); }
    // Buffers of frames that were sent and not freed by the gateway yet.
    [[nodiscard]] unsigned in_use() const { return rte_mempool_in_use_count(pool_); }

    [[nodiscard]] rte_mbuf* make_frame(std::span<const uint8_t> octets) const {
        rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
        if (frame == nullptr) {
            throw std::runtime_error("test wire: out of packet buffers");
        }
        char* room = rte_pktmbuf_append(frame, static_cast<uint16_t>(octets.size()));
        std::copy(octets.begin(), octets.end(), reinterpret_cast<uint8_t*>(room));
        return frame;
    }
    void send(rte_mbuf* frame, uint16_t queue = 0) {
        port::hands_over(frame);
        if (rte_ring_enqueue(to_port_[queue], frame) != 0) {
            throw std::runtime_error("test wire: full");
        }
    }
    void send(std::span<const uint8_t> octets, uint16_t queue = 0) {
        send(make_frame(octets), queue);
    }
    // Everything the gateway has sent, oldest first.
    [[nodiscard]] std::vector<Octets> take(uint16_t queue = 0) {
        std::vector<Octets> frames;
        void* taken = nullptr;
        while (rte_ring_dequeue(from_port_[queue], &taken) == 0) {
            auto* frame = static_cast<rte_mbuf*>(taken);
            port::takes_over(frame);
            const auto* at = rte_pktmbuf_mtod(frame, const uint8_t*);
            frames.emplace_back(at, at + rte_pktmbuf_data_len(frame));
            rte_pktmbuf_free(frame);
        }
        return frames;
    }

 private:
    // At the gateway's end, where the driver is DPDK's.
    static uint16_t received(uint16_t, uint16_t, rte_mbuf** frames, uint16_t count, uint16_t,
                             void*) {
        std::for_each_n(frames, count, [](rte_mbuf* frame) { port::takes_over(frame); });
        return count;
    }
    static uint16_t transmitted(uint16_t, uint16_t, rte_mbuf** frames, uint16_t count, void*) {
        std::for_each_n(frames, count, [](rte_mbuf* frame) { port::hands_over(frame); });
        return count;
    }
    static rte_ring* make_ring(const std::string& name, unsigned size) {
        rte_ring* ring = rte_ring_create(name.c_str(), size, SOCKET_ID_ANY, 0);
        if (ring == nullptr) {
            throw std::runtime_error("no ring " + name);
        }
        return ring;
    }

    std::string device_;
    std::vector<rte_ring*> to_port_;
    std::vector<rte_ring*> from_port_;
    rte_mempool* pool_ = nullptr;
};

}  // namespace sdg::test
