#include "dataplane/worker/receive.h"

#include <rte_prefetch.h>

#include <cstring>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "dataplane/worker/link.h"

namespace sdg::worker {
namespace {

using packet::FrameKind;
using packet::ParsedPacket;

// A VLAN tag that the driver has taken out of the frame counts as the outer one.
bool vlan_matches(const rte_mbuf* frame, const ParsedPacket& parsed,
                  const std::optional<uint16_t>& expected) {
    uint16_t outer = parsed.vlan;
    uint16_t inner = parsed.inner_vlan;
    if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
        inner = inner != packet::kNoVlan ? inner : outer;
        const auto id = static_cast<uint16_t>(frame->vlan_tci & 0x0fff);
        outer = id != 0 ? id : packet::kNoVlan;
    }
    return inner == packet::kNoVlan && outer == expected.value_or(packet::kNoVlan);
}

bool link_destination_matches(const uint8_t* frame, const port::MacAddress& own) {
    return (frame[0] & 0x01) != 0 || std::memcmp(frame, own.data(), own.size()) == 0;
}

// The checks of a frame before its SCTP content is looked at; link frames and SCTP pass.
DropReason check_frame(rte_mbuf* frame, const port::Port& port, ParsedPacket& parsed) {
    if (frame->nb_segs != 1) [[unlikely]] {
        return DropReason::frame_too_long;
    }
    const std::span<const uint8_t> octets = octets_of(frame);
    parsed = packet::parse(octets);
    if (octets.size() > size_t{parsed.l3_offset} + port.mtu &&
        parsed.reason != DropReason::ethernet_truncated) [[unlikely]] {
        return DropReason::frame_too_long;
    }
    if (parsed.reason != DropReason::none) [[unlikely]] {
        return parsed.reason;
    }
    if (!vlan_matches(frame, parsed, port.vlan)) [[unlikely]] {
        return DropReason::vlan_mismatch;
    }
    if (!link_destination_matches(octets.data(), port.device->mac())) [[unlikely]] {
        return DropReason::not_for_us;
    }
    return DropReason::none;
}

// Fills in the meta from the IP header and narrows the mbuf to the SCTP packet.
DropReason take_sctp(rte_mbuf* frame, const port::Port& port, const ParsedPacket& parsed) {
    const uint8_t* ip = octets_of(frame).data() + parsed.l3_offset;
    IpAddress local;
    IpAddress peer;
    if (parsed.ip_version == 4) {
        peer = IpAddress::v4(ip + packet::kIpv4SourceOffset);
        local = IpAddress::v4(ip + packet::kIpv4DestinationOffset);
    } else {
        peer = IpAddress::v6(ip + packet::kIpv6SourceOffset);
        local = IpAddress::v6(ip + packet::kIpv6DestinationOffset);
    }
    if (!port.next_hops.owns(local)) {
        return DropReason::not_for_us;
    }
    // RFC 9260, 8.4: nothing from other than a unicast address; and our own would be reflected.
    if (!port::is_unicast(peer) || port.next_hops.owns(peer)) {
        return DropReason::source_address;
    }
    narrow(frame, parsed.l4_offset, parsed.l4_length);
    const uint64_t verdict = frame->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (!port.device->checks_sctp() || verdict != RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
        if (!packet::checksum_ok(octets_of(frame))) {
            return DropReason::sctp_checksum;
        }
    }
    PacketMeta& meta = *meta_of(frame);
    meta.local = local.octets;
    meta.peer = peer.octets;
    meta.association = {};
    meta.port = port.index;
    meta.epoch = 0;
    meta.family = local.family;
    meta.flags = 0;
    return packet::check_chunks(octets_of(frame));
}

}  // namespace

void receive_frames(WorkerState& state, uint16_t port_index, std::span<rte_mbuf* const> frames) {
    constexpr size_t kAhead = 4;
    port::Port& port = state.ports.port(port_index);
    std::array<rte_mbuf*, kMaxBurst> packets;
    size_t count_sctp = 0;
    count(state.counters.received, frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
        if (i + kAhead < frames.size()) {
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], const void*));
        }
        rte_mbuf* frame = frames[i];
        ParsedPacket parsed;
        DropReason reason = check_frame(frame, port, parsed);
        if (reason == DropReason::none && parsed.kind != FrameKind::sctp) [[unlikely]] {
            handle_link_frame(state, port_index, frame, parsed);
            continue;
        }
        if (reason == DropReason::none) {
            reason = take_sctp(frame, port, parsed);
        }
        if (reason != DropReason::none) [[unlikely]] {
            drop(state, frame, reason);
            continue;
        }
        packets[count_sctp++] = frame;
    }
    if (count_sctp > 0) {
        deliver_packets(state, {packets.data(), count_sctp});
    }
}

}  // namespace sdg::worker
