#include "tests/sim/link.h"

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "dataplane/packet/frame.h"
#include "dataplane/worker/bridge.h"

namespace sdg::sim {
namespace {

constexpr unsigned kRingSize = 4096;
constexpr size_t kBurst = 64;

rte_ring* make_ring(const std::string& name) {
    rte_ring* ring = rte_ring_create(name.c_str(), kRingSize, SOCKET_ID_ANY, 0);
    if (ring == nullptr) {
        throw std::runtime_error("simulated link: no ring " + name);
    }
    return ring;
}

std::string make_device(const std::string& name, rte_ring* receive, rte_ring* transmit) {
    const int id = rte_eth_from_rings(name.c_str(), &receive, 1, &transmit, 1, 0);
    if (id < 0) {
        throw std::runtime_error("simulated link: no device " + name);
    }
    std::array<char, RTE_ETH_NAME_MAX_LEN> device{};
    rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), device.data());
    return device.data();
}

void drain(rte_ring* ring) {
    void* packet = nullptr;
    while (rte_ring_dequeue(ring, &packet) == 0) {
        rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
}

}  // namespace

Link::Link(const std::string& name, const Impairment& impairment, uint64_t seed, const Clock& clock)
    : impairment_(impairment), random_(seed), clock_(clock) {
    a_transmit_ = make_ring(name + "_at");
    a_receive_ = make_ring(name + "_ar");
    b_transmit_ = make_ring(name + "_bt");
    b_receive_ = make_ring(name + "_br");
    device_a_ = make_device(name + "_a", a_receive_, a_transmit_);
    device_b_ = make_device(name + "_b", b_receive_, b_transmit_);
    pool_ = rte_pktmbuf_pool_create((name + "_pool").c_str(), 8191, 0, sizeof(worker::PacketMeta),
                                    RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool_ == nullptr) {
        throw std::runtime_error("simulated link: no packet buffers");
    }
}

void Link::clear() {
    for (rte_ring* ring : {a_transmit_, a_receive_, b_transmit_, b_receive_}) {
        drain(ring);
    }
    queue_.clear();
}

Link::~Link() {
    for (const std::string& device : {device_a_, device_b_}) {
        rte_vdev_uninit(device.c_str());
    }
    for (rte_ring* ring : {a_transmit_, a_receive_, b_transmit_, b_receive_}) {
        rte_ring_free(ring);
    }
    rte_mempool_free(pool_);
}

bool Link::chance(double probability) {
    return probability > 0 && static_cast<double>(random_.u32()) < probability * 4294967296.0;
}

void Link::inject(Direction direction, std::span<const uint8_t> frame) {
    queue_.emplace(clock_.now() + impairment_.delay,
                   InFlight{direction, std::vector<uint8_t>(frame.begin(), frame.end())});
}

void Link::schedule(Direction direction, std::vector<uint8_t> frame) {
    if (packet::parse(frame).kind != packet::FrameKind::sctp) {
        queue_.emplace(clock_.now() + impairment_.delay, InFlight{direction, std::move(frame)});
        return;
    }
    if (chance(impairment_.loss)) {
        ++counters_.lost;
        return;
    }
    if (chance(impairment_.corrupt)) {
        ++counters_.corrupted;
        const size_t bit = random_.u32() % (frame.size() * 8);
        frame[bit / 8] = static_cast<uint8_t>(frame[bit / 8] ^ (1U << (bit % 8)));
    }
    TimePoint due = clock_.now() + impairment_.delay;
    if (chance(impairment_.reorder)) {
        ++counters_.reordered;
        const auto most = static_cast<uint32_t>(impairment_.reorder_by.count());
        due += std::chrono::microseconds(1 + random_.u32() % std::max<uint32_t>(most, 1));
    }
    if (chance(impairment_.duplicate)) {
        ++counters_.duplicated;
        queue_.emplace(due + std::chrono::microseconds(random_.u32() % 1000),
                       InFlight{direction, frame});
    }
    queue_.emplace(due, InFlight{direction, std::move(frame)});
}

void Link::take_from(rte_ring* ring, Direction direction) {
    std::array<void*, kBurst> burst{};
    while (const unsigned n = rte_ring_dequeue_burst(ring, burst.data(), kBurst, nullptr)) {
        for (unsigned i = 0; i < n; ++i) {
            auto* packet = static_cast<rte_mbuf*>(burst[i]);
            const auto* bytes = rte_pktmbuf_mtod(packet, const uint8_t*);
            std::vector<uint8_t> frame(bytes, bytes + rte_pktmbuf_data_len(packet));
            rte_pktmbuf_free(packet);
            ++counters_.carried;
            if (tap_) {
                tap_(direction, frame);
            }
            if (filter_ && !filter_(direction, frame)) {
                ++counters_.lost;
                continue;
            }
            schedule(direction, std::move(frame));
        }
    }
}

size_t Link::step() {
    take_from(a_transmit_, Direction::a_to_b);
    take_from(b_transmit_, Direction::b_to_a);
    size_t delivered = 0;
    while (!queue_.empty() && queue_.begin()->first <= clock_.now()) {
        const InFlight& next = queue_.begin()->second;
        rte_ring* ring = next.direction == Direction::a_to_b ? b_receive_ : a_receive_;
        rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
        char* room = packet == nullptr
                         ? nullptr
                         : rte_pktmbuf_append(packet, static_cast<uint16_t>(next.frame.size()));
        if (room == nullptr) {
            rte_pktmbuf_free(packet);
            ++counters_.lost;
        } else {
            std::copy(next.frame.begin(), next.frame.end(), reinterpret_cast<uint8_t*>(room));
            if (rte_ring_enqueue(ring, packet) != 0) {
                rte_pktmbuf_free(packet);
                ++counters_.lost;
            } else {
                ++delivered;
            }
        }
        queue_.erase(queue_.begin());
    }
    return delivered;
}

}  // namespace sdg::sim
