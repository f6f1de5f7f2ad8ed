#include "perf/pktgen/turn_around.h"

#include <rte_prefetch.h>
#include <rte_ring.h>

#include "dataplane/packet/sctp.h"

namespace sdg::traffic {
namespace {

constexpr unsigned kBurst = 64;

void add(std::atomic<uint64_t>& counter, uint64_t n) {
    counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

void turn(rte_mbuf* packet, const FarSide& far, const LegPort& leg) {
    auto* sctp = rte_pktmbuf_mtod(packet, uint8_t*);
    const packet::CommonHeader header = packet::read_common_header(sctp);
    packet::write_common_header(sctp, {header.destination_port, header.source_port, far.tag});
    worker::PacketMeta& meta = *worker::meta_of(packet);
    meta.local = leg.addresses.gateway.octets;
    meta.peer = leg.addresses.node.octets;
    meta.family = leg.addresses.node.family;
    meta.association = far.association;
    meta.port = leg.port;
    meta.flags = 0;
}

}  // namespace

void TurnAround::enqueue(unsigned worker, rte_mbuf** packets, unsigned count) {
    const unsigned n = rte_ring_enqueue_burst(
        rings_[worker].from_control, reinterpret_cast<void* const*>(packets), count, nullptr);
    add(counters_.turned, n);
    if (n < count) {
        add(counters_.ring_full, count - n);
        rte_pktmbuf_free_bulk(packets + n, count - n);
    }
}

size_t TurnAround::round(unsigned worker, bool own_ring, uint64_t now) {
    std::array<rte_mbuf*, kBurst> packets;
    const unsigned strays =
        rte_ring_dequeue_burst(rings_[worker].to_control_unknown,
                               reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
    if (strays > 0) {
        add(counters_.unknown, strays);
        rte_pktmbuf_free_bulk(packets.data(), strays);
    }
    const unsigned n = rte_ring_dequeue_burst(
        rings_[worker].to_control_known, reinterpret_cast<void**>(packets.data()), kBurst, nullptr);
    if (n == 0) {
        return strays;
    }
    for (unsigned i = 0; i < n; ++i) {
        rte_prefetch0(worker::meta_of(packets[i]));
        rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    }
    // Runs of one target keep their order and cost one ring operation.
    unsigned start = 0;
    unsigned target = worker;
    for (unsigned i = 0; i < n; ++i) {
        const FarSide& far = far_sides_[worker::meta_of(packets[i])->association.index];
        const unsigned to = own_ring ? worker : far.owner;
        if (i > start && to != target) {
            enqueue(target, packets.data() + start, i - start);
            start = i;
        }
        target = to;
        turn(packets[i], far, legs_[index_of(far.leg)]);
    }
    enqueue(target, packets.data() + start, n - start);
    if (counters_.first.load(std::memory_order_relaxed) == 0) {
        counters_.first.store(now, std::memory_order_relaxed);
    }
    counters_.last.store(now, std::memory_order_relaxed);
    return strays + n;
}

}  // namespace sdg::traffic
