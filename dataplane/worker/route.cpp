#include <rte_ethdev.h>

#include "dataplane/port/frame_writer.h"
#include "dataplane/worker/link.h"
#include "dataplane/worker/transmit.h"

namespace sdg::worker {
namespace {

constexpr unsigned kTransmitTries = 4;

void flush(WorkerState& state, TransmitBatch& batch) {
    if (batch.count == 0) {
        return;
    }
    uint16_t ready = batch.count;
    if (batch.prepare) {
        ready = rte_eth_tx_prepare(batch.device, batch.queue, batch.packets.data(), batch.count);
    }
    uint16_t sent = 0;
    for (unsigned tries = 0; sent < ready && tries < kTransmitTries; ++tries) {
        sent = static_cast<uint16_t>(sent + rte_eth_tx_burst(batch.device, batch.queue,
                                                             batch.packets.data() + sent,
                                                             static_cast<uint16_t>(ready - sent)));
    }
    count(state.counters.transmitted, sent);
    if (sent < batch.count) {
        count_drop(state, DropReason::transmit_full, batch.count - sent);
        rte_pktmbuf_free_bulk(batch.packets.data() + sent, batch.count - sent);
    }
    batch.count = 0;
}

}  // namespace

void flush(WorkerState& state) {
    for (TransmitBatch& batch : state.batches) {
        flush(state, batch);
    }
}

void queue_frame(WorkerState& state, uint16_t port, rte_mbuf* frame) {
    TransmitBatch& batch = state.batches[port];
    batch.packets[batch.count++] = frame;
    if (batch.count == kMaxBurst) {
        flush(state, batch);
    }
}

void route_packets(WorkerState& state, std::span<rte_mbuf* const> packets) {
    // Neighbouring packets of a burst mostly go the same way: remember the last answer.
    IpAddress last;
    uint16_t last_port = 0;
    port::MacAddress mac{};
    for (rte_mbuf* packet : packets) {
        const PacketMeta& meta = *meta_of(packet);
        port::Port& port = state.ports.port(meta.port);
        const bool ours = port.owner == state.settings.index;
        if (!state.batches[meta.port].has_queue) {
            hand_over(state, port.owner, Stage::routed, packet);
            continue;
        }
        IpAddress peer;
        peer.octets = meta.peer;
        peer.family = meta.family;
        if (last_port != meta.port || last != peer) {
            last = {};
            const std::optional<IpAddress> next_hop = port.next_hops.towards(peer);
            if (!next_hop) {
                drop(state, packet, DropReason::no_route);
                continue;
            }
            if (!port.neighbours->find(*next_hop, mac)) {
                if (ours) {
                    wait_for_neighbour(state, meta.port, *next_hop, packet);
                } else {
                    hand_over(state, port.owner, Stage::routed, packet);
                }
                continue;
            }
            last = peer;
            last_port = meta.port;
        }
        port::push_ethernet(
            packet, mac, port.device->mac(), port.vlan,
            meta.family == IpAddress::Family::v4 ? packet::kEtherTypeIpv4 : packet::kEtherTypeIpv6);
        queue_frame(state, meta.port, packet);
    }
}

}  // namespace sdg::worker
