#include "dataplane/worker/transmit.h"

#include <rte_ethdev.h>

#include <cstring>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/record/dtls_chunk.h"
#include "dataplane/worker/handover.h"

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

// Packets that this worker is about to send, before they are sealed.
void give_to_tap(WorkerState& state, std::span<rte_mbuf* const> packets,
                 const std::array<AssociationEntry*, kMaxBurst>& entries) {
    for (size_t i = 0; i < packets.size(); ++i) {
        const Decision decision = decide(state, packets[i], entries[i]);
        if (!decision.elsewhere && decision.reason == DropReason::none) {
            state.tap->take_plain(packets[i], capture::Direction::out, decision.seal != nullptr);
        }
    }
}

// Makes room for chunk header, pre-padding and record header between common header and content, and
// everything around the record.
DropReason prepare_seal(rte_mbuf* packet, record::SealContext* context,
                        record::SealRequest& request) {
    const uint32_t content =
        rte_pktmbuf_data_len(packet) - static_cast<uint32_t>(packet::kCommonHeader);
    if (content - 1 >= record::kMaxContent ||
        rte_pktmbuf_headroom(packet) < record::kContentOffset + port::kHeaderRoom ||
        rte_pktmbuf_tailroom(packet) + content + record::kContentOffset <
            record::dtls_chunk_length(content)) [[unlikely]] {
        return DropReason::seal_too_long;
    }
    uint8_t* before = rte_pktmbuf_mtod(packet, uint8_t*);
    uint8_t* start = before - record::kContentOffset;
    uint8_t* chunk = start + packet::kCommonHeader;
    std::memmove(start, before, packet::kCommonHeader);
    const uint32_t length =
        record::write_dtls_chunk(chunk, context->restart(), record::record_length(content));
    packet->data_off = static_cast<uint16_t>(packet->data_off - record::kContentOffset);
    packet->data_len = static_cast<uint16_t>(packet::kCommonHeader + length);
    packet->pkt_len = packet->data_len;
    request.context = context;
    request.record = chunk + record::kRecordOffset;
    request.content_length = content;
    request.dtls_padding = 0;
    request.room = record::record_length(content);
    return DropReason::none;
}

DropReason reason_of(record::SealOutcome outcome) {
    switch (outcome) {
        case record::SealOutcome::sealed:
            return DropReason::none;
        case record::SealOutcome::too_long:
            return DropReason::seal_too_long;
        case record::SealOutcome::seal_limit:
            return DropReason::send_key_exhausted;
        case record::SealOutcome::failed:
            // Of a crypto device only; to the peer it is as if there were no key.
            return DropReason::seal_no_key;
    }
    return DropReason::seal_no_key;
}

// What a burst needs to know of the port it mostly leaves by.
struct Exit {
    uint32_t index = UINT32_MAX;
    uint32_t mtu = 0;
    bool fills_sctp = false;
};

// CRC32c, or what lets the port compute it.
DropReason finish_sctp(const WorkerState& state, rte_mbuf* packet, Exit& exit) {
    const PacketMeta& meta = *meta_of(packet);
    if (meta.port != exit.index) [[unlikely]] {
        if (meta.port >= state.ports.size()) {
            return DropReason::no_route;
        }
        const port::Port& port = state.ports.port(meta.port);
        exit = {meta.port, port.mtu, port.device->fills_sctp()};
    }
    if (meta.family == IpAddress::Family::none) [[unlikely]] {
        return DropReason::no_route;
    }
    const bool v4 = meta.family == IpAddress::Family::v4;
    const std::span<uint8_t> sctp = octets_of(packet);
    if (sctp.size() + (v4 ? packet::kIpv4Header : packet::kIpv6Header) > exit.mtu) [[unlikely]] {
        return DropReason::frame_too_long;
    }
    if (exit.fills_sctp) {
        packet::store_be32(sctp.data() + packet::kChecksumOffset, 0);
        packet->ol_flags =
            RTE_MBUF_F_TX_SCTP_CKSUM | (v4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
    } else {
        packet->ol_flags = 0;
        packet::set_checksum(sctp);
    }
    return DropReason::none;
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

    for (size_t i = 0; i < packets.size(); ++i) {
        if (entries[i] != nullptr && (i == 0 || entries[i] != entries[i - 1])) {
            const record::SealContext* context =
                entries[i]->selected_send.load(std::memory_order_acquire);
            if (context != nullptr) {
                context->prefetch();
            }
        }
    }

    if (state.tap != nullptr && state.tap->plain()) [[unlikely]] {
        give_to_tap(state, packets, entries);
    }

    std::array<rte_mbuf*, kMaxBurst> kept;
    std::array<uint8_t, kMaxBurst> request_of;
    auto& requests = state.seal_requests;
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
    Exit exit;
    for (size_t i = 0; i < n; ++i) {
        DropReason reason = DropReason::none;
        if (request_of[i] == kClear) {
            ++clear;
        } else {
            reason = reason_of(requests[request_of[i]].outcome);
            sealed += reason == DropReason::none ? 1 : 0;
        }
        if (reason == DropReason::none) [[likely]] {
            reason = finish_sctp(state, kept[i], exit);
        }
        if (reason != DropReason::none) [[unlikely]] {
            drop(state, kept[i], reason);
            continue;
        }
        ready[count_ready++] = kept[i];
    }
    count(state.counters.sealed, sealed);
    count(state.counters.clear_sent, clear);
    end_stage(state, CostStage::checksum_out);
    address_packets(state, {ready.data(), count_ready});
    end_stage(state, CostStage::route);
}

}  // namespace sdg::worker
