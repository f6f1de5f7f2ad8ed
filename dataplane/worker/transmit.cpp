#include "dataplane/worker/transmit.h"

#include <rte_ethdev.h>

#include <cstring>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/record/dtls_chunk.h"

namespace sdg::worker {
namespace {

using keys::AssociationEntry;
using keys::ClearPolicy;

struct Decision {
    DropReason reason = DropReason::none;
    record::SealContext* seal = nullptr;  // null: leaves in clear
    bool elsewhere = false;               // another worker's association
    unsigned owner = 0;
};

Decision decide(const WorkerState& state, rte_mbuf* packet, const AssociationEntry* entry) {
    Decision out;
    const PacketMeta& meta = *meta_of(packet);
    if (!meta.association.is_set()) {
        return out;
    }
    if (entry == nullptr) {
        out.reason = DropReason::association_gone;
        return out;
    }
    // Sequence numbers have one writer.
    if (entry->owner_worker != state.settings.index) [[unlikely]] {
        out.elsewhere = true;
        out.owner = entry->owner_worker;
        return out;
    }
    const uint8_t type = octets_of(packet)[packet::kCommonHeader];
    if (type == packet::kChunkInit || type == packet::kChunkInitAck ||
        (meta.flags & kPacketKeepClear) != 0) {
        return out;
    }
    out.seal = entry->selected_send.load(std::memory_order_acquire);
    if (out.seal == nullptr &&
        entry->policy.load(std::memory_order_acquire) == ClearPolicy::initiation_only) {
        out.reason = DropReason::seal_no_key;
    }
    return out;
}

// Makes room for chunk header, pre-padding and record header between common header and content.
DropReason prepare_seal(rte_mbuf* packet, record::SealContext* context,
                        record::SealRequest& request) {
    const uint32_t content =
        rte_pktmbuf_data_len(packet) - static_cast<uint32_t>(packet::kCommonHeader);
    if (content == 0 || content > record::kMaxContent ||
        rte_pktmbuf_headroom(packet) < record::kContentOffset + port::kHeaderRoom ||
        rte_pktmbuf_tailroom(packet) + content + record::kContentOffset <
            record::dtls_chunk_length(content)) {
        return DropReason::seal_too_long;
    }
    uint8_t* start = port::prepend(packet, record::kContentOffset);
    std::memmove(start, start + record::kContentOffset, packet::kCommonHeader);
    request.context = context;
    request.record = start + packet::kCommonHeader + record::kRecordOffset;
    request.content_length = content;
    request.dtls_padding = 0;
    request.room = record::record_length(content);
    return DropReason::none;
}

DropReason finish_seal(rte_mbuf* packet, const record::SealRequest& request) {
    switch (request.outcome) {
        case record::SealOutcome::sealed:
            break;
        case record::SealOutcome::too_long:
            return DropReason::seal_too_long;
        case record::SealOutcome::seal_limit:
            return DropReason::send_key_exhausted;
        case record::SealOutcome::failed:
            // Cannot happen with a context that was made; to the peer it is as if there were no
            // key.
            return DropReason::seal_no_key;
    }
    uint8_t* start = octets_of(packet).data();
    const uint32_t chunk = record::write_dtls_chunk(
        start + packet::kCommonHeader, request.context->restart(), request.record_length);
    narrow(packet, 0, packet::kCommonHeader + chunk);
    return DropReason::none;
}

// CRC32c, or what lets the port compute it.
DropReason finish_sctp(WorkerState& state, rte_mbuf* packet) {
    const PacketMeta& meta = *meta_of(packet);
    if (meta.port >= state.ports.size() || meta.family == IpAddress::Family::none) [[unlikely]] {
        return DropReason::no_route;
    }
    const port::Port& port = state.ports.port(meta.port);
    const bool v4 = meta.family == IpAddress::Family::v4;
    const size_t ip = v4 ? packet::kIpv4Header : packet::kIpv6Header;
    if (rte_pktmbuf_data_len(packet) + ip > port.mtu) [[unlikely]] {
        return DropReason::frame_too_long;
    }
    packet->ol_flags = 0;
    if (port.device->fills_sctp()) {
        packet::store_be32(octets_of(packet).data() + packet::kChecksumOffset, 0);
        packet->ol_flags |=
            RTE_MBUF_F_TX_SCTP_CKSUM | (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    } else {
        packet::set_checksum(octets_of(packet));
    }
    return DropReason::none;
}

// Precondition: finish_sctp() has found nothing wrong.
void push_ip(const WorkerState& state, rte_mbuf* packet) {
    const PacketMeta& meta = *meta_of(packet);
    if (meta.family == IpAddress::Family::v4) {
        const bool offload = state.ports.port(meta.port).device->fills_ipv4();
        port::push_ipv4(packet, meta.local.data(), meta.peer.data(), packet::kIpProtocolSctp,
                        !offload);
        if (offload) {
            packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
        }
    } else {
        port::push_ipv6(packet, meta.local.data(), meta.peer.data(), packet::kIpProtocolSctp);
    }
}

}  // namespace

void send_packets(WorkerState& state, std::span<rte_mbuf* const> packets) {
    constexpr uint8_t kClear = 0xff;
    std::array<keys::AssociationId, kMaxBurst> ids;
    std::array<AssociationEntry*, kMaxBurst> entries;
    for (size_t i = 0; i < packets.size(); ++i) {
        __builtin_prefetch(rte_pktmbuf_mtod(packets[i], const void*), 1);
        ids[i] = meta_of(packets[i])->association;
    }
    state.associations->find({ids.data(), packets.size()}, {entries.data(), packets.size()});

    std::array<rte_mbuf*, kMaxBurst> kept;
    std::array<uint8_t, kMaxBurst> request_of;
    std::array<record::SealRequest, kMaxBurst> requests;
    size_t n = 0;
    size_t sealing = 0;
    for (size_t i = 0; i < packets.size(); ++i) {
        rte_mbuf* packet = packets[i];
        const Decision decision = decide(state, packet, entries[i]);
        if (decision.elsewhere) [[unlikely]] {
            hand_over(state, decision.owner, Stage::outgoing, packet);
            continue;
        }
        DropReason reason = decision.reason;
        if (reason == DropReason::none && decision.seal != nullptr) {
            reason = prepare_seal(packet, decision.seal, requests[sealing]);
        }
        if (reason != DropReason::none) [[unlikely]] {
            drop(state, packet, reason);
            continue;
        }
        request_of[n] = decision.seal != nullptr ? static_cast<uint8_t>(sealing++) : kClear;
        kept[n++] = packet;
    }
    end_stage(state, CostStage::prepare_seal);
    if (sealing > 0) {
        state.engine->seal_burst({requests.data(), sealing});
    }
    end_stage(state, CostStage::seal);

    std::array<rte_mbuf*, kMaxBurst> ready;
    size_t count_ready = 0;
    size_t sealed = 0;
    size_t clear = 0;
    for (size_t i = 0; i < n; ++i) {
        if (request_of[i] == kClear) {
            ++clear;
        } else {
            const DropReason reason = finish_seal(kept[i], requests[request_of[i]]);
            if (reason != DropReason::none) [[unlikely]] {
                drop(state, kept[i], reason);
                continue;
            }
            ++sealed;
        }
        ready[count_ready++] = kept[i];
    }
    count(state.counters.sealed, sealed);
    count(state.counters.clear_sent, clear);
    // A pass of its own: the checksum's wide loads would wait for the stores just before them.
    size_t count_ip = 0;
    for (size_t i = 0; i < count_ready; ++i) {
        const DropReason reason = finish_sctp(state, ready[i]);
        if (reason != DropReason::none) [[unlikely]] {
            drop(state, ready[i], reason);
            continue;
        }
        ready[count_ip++] = ready[i];
    }
    end_stage(state, CostStage::checksum_out);
    for (size_t i = 0; i < count_ip; ++i) {
        push_ip(state, ready[i]);
    }
    route_packets(state, {ready.data(), count_ip});
    end_stage(state, CostStage::route);
}

}  // namespace sdg::worker
