#include "dataplane/worker/bridge.h"

#include <rte_mempool.h>
#include <rte_ring.h>

#include <algorithm>
#include <cstring>

#include "dataplane/packet/sctp.h"
#include "dataplane/record/dtls_chunk.h"

namespace sdg::worker {
namespace {

IpAddress address_of(const std::array<uint8_t, 16>& octets, IpAddress::Family family) {
    return family == IpAddress::Family::v4 ? IpAddress::v4(octets.data())
                                           : IpAddress::v6(octets.data());
}

}  // namespace

ControlBridge::ControlBridge(std::vector<WorkerRings> rings, rte_mempool* pool)
    : rings_(std::move(rings)), pool_(pool) {
}

ControlBridge::~ControlBridge() = default;

size_t ControlBridge::dequeue(size_t worker, bool known, std::span<rte_mbuf*> burst) {
    rte_ring* ring = known ? rings_[worker].to_control_known : rings_[worker].to_control_unknown;
    std::array<void*, kBurst> taken;
    const unsigned n = rte_ring_dequeue_burst(
        ring, taken.data(), static_cast<unsigned>(std::min(burst.size(), taken.size())), nullptr);
    for (unsigned i = 0; i < n; ++i) {
        burst[i] = static_cast<rte_mbuf*>(taken[i]);
        rte_prefetch0(rte_mbuf_to_priv(burst[i]));
    }
    (known ? counters_.received_known : counters_.received_unknown) += n;
    return n;
}

ReceivedPacket ControlBridge::describe(rte_mbuf* packet) {
    const PacketMeta& meta = *meta_of(packet);
    ReceivedPacket out;
    out.local = address_of(meta.local, meta.family);
    out.peer = address_of(meta.peer, meta.family);
    out.port = meta.port;
    if ((meta.flags & kPacketAssociation) != 0) {
        out.association = meta.association;
    }
    out.opened = (meta.flags & kPacketOpened) != 0;
    out.restart = (meta.flags & kPacketRestart) != 0;
    out.epoch = meta.epoch;
    out.sctp = {rte_pktmbuf_mtod(packet, uint8_t*), rte_pktmbuf_data_len(packet)};
    return out;
}

bool ControlBridge::send(const OutgoingPacket& packet) {
    // Protection grows the packet at both ends; the front is in the headroom anyway.
    const size_t most = rte_pktmbuf_data_room_size(pool_) - size_t{RTE_PKTMBUF_HEADROOM};
    if (packet.sctp.size() < packet::kCommonHeader + packet::kChunkHeader ||
        packet.sctp.size() + record::kMaxOverhead > most) {
        ++counters_.send_too_long;
        return false;
    }
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) {
        ++counters_.send_no_mbuf;
        return false;
    }
    const auto length = static_cast<uint16_t>(packet.sctp.size());
    std::memcpy(rte_pktmbuf_mtod(mbuf, uint8_t*), packet.sctp.data(), length);
    mbuf->data_len = length;
    mbuf->pkt_len = length;
    PacketMeta& meta = *meta_of(mbuf);
    meta = PacketMeta{};
    meta.local = packet.local.octets;
    meta.peer = packet.peer.octets;
    meta.association = packet.association;
    meta.port = packet.port;
    meta.family = packet.local.family;
    meta.flags = packet.keep_clear ? uint8_t{kPacketKeepClear} : uint8_t{0};
    if (packet.worker >= rings_.size() ||
        rte_ring_enqueue(rings_[packet.worker].from_control, mbuf) != 0) {
        ++counters_.send_ring_full;
        rte_pktmbuf_free(mbuf);
        return false;
    }
    ++counters_.sent;
    return true;
}

}  // namespace sdg::worker
