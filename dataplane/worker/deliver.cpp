#include <rte_prefetch.h>
#include <rte_ring.h>

#include <cstring>

#include "dataplane/keys/restart_paths.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/record/dtls_chunk.h"
#include "dataplane/worker/handover.h"
#include "dataplane/worker/receive.h"

namespace sdg::worker {
namespace {

using keys::AssociationEntry;
using keys::ClearPolicy;

enum class Path : uint8_t { gone, open, known, unknown };

uint8_t first_chunk(const uint8_t* sctp) {
    return sctp[packet::kCommonHeader];
}

// INIT and INIT ACK must not be bundled (RFC 9260, 3.3.2 and 3.3.3); with something behind them
// they would carry it past the protection.
bool is_single_chunk(std::span<const uint8_t> sctp) {
    const size_t length = packet::load_be16(sctp.data() + packet::kCommonHeader + 2);
    return packet::kCommonHeader + packet::padded_to_4(length) >= sctp.size();
}

bool may_be_clear(std::span<const uint8_t> sctp, ClearPolicy policy) {
    if (policy == ClearPolicy::everything) {
        return true;
    }
    const uint8_t type = first_chunk(sctp.data());
    if (type == packet::kChunkInitAck) {
        return is_single_chunk(sctp);
    }
    // An INIT has tag 0 and is never looked up: one that has found an association is forged.
    return policy == ClearPolicy::handshake_only &&
           (type == packet::kChunkCookieEcho || type == packet::kChunkCookieAck);
}

DropReason reason_of(record::OpenOutcome outcome) {
    switch (outcome) {
        case record::OpenOutcome::opened:
            return DropReason::none;
        case record::OpenOutcome::malformed:
            return DropReason::dtls_malformed;
        case record::OpenOutcome::open_limit:
            return DropReason::receive_key_exhausted;
        case record::OpenOutcome::replayed:
            return DropReason::record_replayed;
        case record::OpenOutcome::forged:
            return DropReason::record_forged;
        case record::OpenOutcome::bad_content:
            return DropReason::record_content;
    }
    return DropReason::record_forged;
}

// Finds the receive context of a DTLS chunk and fills in the request. check_chunks() has been
// passed.
DropReason prepare_open(AssociationEntry& entry, rte_mbuf* packet, record::OpenRequest& request) {
    const auto chunk =
        record::view_of_checked_dtls_chunk(octets_of(packet).data() + packet::kCommonHeader);
    if (chunk.restart && !entry.restart_supported.load(std::memory_order_relaxed)) {
        return DropReason::dtls_restart_unsupported;
    }
    const auto role =
        static_cast<size_t>(chunk.restart ? keys::KeyRole::restart : keys::KeyRole::primary);
    record::OpenContext* context =
        entry.receive[role][chunk.epoch_low].load(std::memory_order_acquire);
    if (context == nullptr) {
        return DropReason::dtls_no_key;
    }
    request.context = context;
    request.record = chunk.record.data();
    request.record_length = static_cast<uint32_t>(chunk.record.size());
    PacketMeta& meta = *meta_of(packet);
    meta.flags = static_cast<uint8_t>(kPacketOpened | kPacketAssociation |
                                      (chunk.restart ? kPacketRestart : 0));
    return DropReason::none;
}

// The common header moves up against the opened content: what is left is the plain packet.
DropReason strip(rte_mbuf* packet, const record::OpenRequest& request) {
    uint8_t* content = request.record + record::kRecordHeader;
    if (request.content_length < packet::kChunkHeader || content[0] == packet::kChunkDtls) {
        return DropReason::record_content;
    }
    uint8_t* start = octets_of(packet).data();
    uint8_t* plain = content - packet::kCommonHeader;
    std::memmove(plain, start, packet::kCommonHeader);
    narrow(packet, static_cast<size_t>(plain - start),
           packet::kCommonHeader + request.content_length);
    return DropReason::none;
}

void enqueue(WorkerState& state, rte_ring* ring, std::span<rte_mbuf*> packets) {
    const unsigned n = rte_ring_enqueue_burst(ring, reinterpret_cast<void* const*>(packets.data()),
                                              static_cast<unsigned>(packets.size()), nullptr);
    for (rte_mbuf* left : packets.subspan(n)) {
        drop(state, left, DropReason::ring_full_to_control);
    }
}

void give_to_tap(WorkerState& state, std::span<rte_mbuf* const> packets) {
    for (rte_mbuf* packet : packets) {
        state.tap->take_plain(packet, capture::Direction::in);
    }
}

// The COOKIE ECHO of a protected restart, say: its tag is not in the table yet.
AssociationEntry* find_restart(const WorkerState& state, rte_mbuf* packet) {
    const std::span<const uint8_t> sctp = octets_of(packet);
    if ((sctp[packet::kCommonHeader + 1] & packet::kDtlsFlagRestart) == 0) {
        return nullptr;
    }
    const PacketMeta& meta = *meta_of(packet);
    const packet::CommonHeader header = packet::read_common_header(sctp.data());
    return state.associations->find_restart(
        keys::RestartPath{meta.local, meta.peer, header.destination_port, header.source_port,
                          static_cast<uint32_t>(meta.family)});
}

// entries[i]: the association of packets[i], or null. Packets of one association often come
// together, and are then looked up once.
void look_up(const WorkerState& state, std::span<rte_mbuf* const> packets,
             std::array<AssociationEntry*, kMaxBurst>& entries) {
    std::array<keys::PackedKey, kMaxBurst> keys;
    std::array<uint8_t, kMaxBurst> key_of;
    size_t different = 0;
    for (size_t i = 0; i < packets.size(); ++i) {
        const packet::CommonHeader header =
            packet::read_common_header(octets_of(packets[i]).data());
        const keys::PackedKey key{header.destination_port, header.source_port,
                                  header.verification_tag};
        if (different == 0 || !(keys[different - 1] == key)) {
            keys[different++] = key;
        }
        key_of[i] = static_cast<uint8_t>(different - 1);
    }
    std::array<AssociationEntry*, kMaxBurst> found;
    state.associations->lookup({keys.data(), different}, {found.data(), different});
    for (size_t i = 0; i < packets.size(); ++i) {
        // Tag 0 is an INIT's and no association's.
        entries[i] = keys[key_of[i]].local_tag != 0 ? found[key_of[i]] : nullptr;
    }
}

}  // namespace

void deliver_packets(WorkerState& state, std::span<rte_mbuf* const> packets) {
    const size_t n = packets.size();
    std::array<AssociationEntry*, kMaxBurst> entries;
    look_up(state, packets, entries);
    end_stage(state, CostStage::lookup);

    std::array<Path, kMaxBurst> path;
    auto& requests = state.open_requests;
    std::array<uint8_t, kMaxBurst> request_of;
    size_t opening = 0;
    for (size_t i = 0; i < n; ++i) {
        rte_mbuf* packet = packets[i];
        AssociationEntry* entry = entries[i];
        const std::span<const uint8_t> sctp = octets_of(packet);
        PacketMeta& meta = *meta_of(packet);
        path[i] = Path::gone;
        if (!packet::starts_with_dtls_chunk(sctp.data())) {
            if (entry == nullptr) {
                const DropReason over = state.strangers.admit(meta.peer, meta.family,
                                                              first_chunk(sctp.data()), state.now);
                if (over != DropReason::none) {
                    drop(state, packet, over);
                    continue;
                }
                path[i] = Path::unknown;
            } else if (!may_be_clear(sctp, entry->policy.load(std::memory_order_acquire))) {
                drop(state, packet, DropReason::clear_when_protected);
                continue;
            } else {
                path[i] = Path::known;
                meta.association = entry->id;
                meta.flags = kPacketAssociation;
            }
            count(state.counters.clear_received);
            continue;
        }
        if (entry == nullptr) [[unlikely]] {
            entry = find_restart(state, packet);
        }
        if (entry == nullptr) {
            drop(state, packet, DropReason::dtls_no_association);
            continue;
        }
        // Replay windows have one writer.
        if (entry->owner_worker != state.settings.index) {
            hand_over(state, entry->owner_worker, Stage::received, packet);
            continue;
        }
        meta.association = entry->id;
        const DropReason reason = prepare_open(*entry, packet, requests[opening]);
        if (reason != DropReason::none) {
            drop(state, packet, reason);
            continue;
        }
        if (opening == 0 || requests[opening].context != requests[opening - 1].context) {
            requests[opening].context->prefetch();
        }
        path[i] = Path::open;
        request_of[i] = static_cast<uint8_t>(opening++);
    }
    end_stage(state, CostStage::prepare_open);
    if (opening > 0) {
        state.engine->open_burst({requests.data(), opening});
    }
    end_stage(state, CostStage::open);

    std::array<rte_mbuf*, kMaxBurst> known;
    std::array<rte_mbuf*, kMaxBurst> unknown;
    size_t count_known = 0;
    size_t count_unknown = 0;
    size_t opened = 0;
    for (size_t i = 0; i < n; ++i) {
        if (path[i] == Path::open) {
            const record::OpenRequest& request = requests[request_of[i]];
            DropReason reason = reason_of(request.outcome);
            if (reason == DropReason::none) {
                reason = strip(packets[i], request);
            }
            if (reason != DropReason::none) {
                drop(state, packets[i], reason);
                continue;
            }
            meta_of(packets[i])->epoch = request.context->epoch();
            ++opened;
            known[count_known++] = packets[i];
        } else if (path[i] == Path::known) {
            known[count_known++] = packets[i];
        } else if (path[i] == Path::unknown) {
            unknown[count_unknown++] = packets[i];
        }
    }
    count(state.counters.opened, opened);
    if (state.tap != nullptr && state.tap->plain()) [[unlikely]] {
        give_to_tap(state, {known.data(), count_known});
        give_to_tap(state, {unknown.data(), count_unknown});
    }
    const WorkerRings& rings = state.rings[state.settings.index];
    if (count_known > 0) {
        enqueue(state, rings.to_control_known, {known.data(), count_known});
    }
    if (count_unknown > 0) {
        enqueue(state, rings.to_control_unknown, {unknown.data(), count_unknown});
    }
    end_stage(state, CostStage::deliver);
}

}  // namespace sdg::worker
