#include "dataplane/worker/receive.h"

#include <rte_prefetch.h>

#include <cstring>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/record/dtls_chunk.h"
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

DropReason check_addresses(const port::Port& port, const IpAddress& local, const IpAddress& peer) {
    if (!port.next_hops.owns(local)) {
        return DropReason::not_for_us;
    }
    // RFC 9260, 8.4: nothing from other than a unicast address; and our own would be reflected.
    if (!port::is_unicast(peer) || port.next_hops.owns(peer)) {
        return DropReason::source_address;
    }
    return DropReason::none;
}

void fill_meta(PacketMeta& meta, const port::Port& port, IpAddress::Family family) {
    meta.association = {};
    meta.port = port.index;
    meta.epoch = 0;
    meta.family = family;
    meta.flags = 0;
}

// Fills in the meta from the IP header and narrows the mbuf to the SCTP packet.
DropReason take_sctp(rte_mbuf* frame, const port::Port& port, const ParsedPacket& parsed) {
    const uint8_t* ip = octets_of(frame).data() + parsed.l3_offset;
    const bool v4 = parsed.ip_version == 4;
    const IpAddress peer = v4 ? IpAddress::v4(ip + packet::kIpv4SourceOffset)
                              : IpAddress::v6(ip + packet::kIpv6SourceOffset);
    const IpAddress local = v4 ? IpAddress::v4(ip + packet::kIpv4DestinationOffset)
                               : IpAddress::v6(ip + packet::kIpv6DestinationOffset);
    const DropReason reason = check_addresses(port, local, peer);
    if (reason != DropReason::none) {
        return reason;
    }
    PacketMeta& meta = *meta_of(frame);
    meta.peer = peer.octets;
    meta.local = local.octets;
    fill_meta(meta, port, peer.family);
    narrow(frame, parsed.l4_offset, parsed.l4_length);
    return DropReason::none;
}

// What check_frame() and take_sctp() do, for the usual frame and in a fraction of the time. False
// and nothing touched: another frame, or something about it is wrong.
class UsualFrames {
 public:
    explicit UsualFrames(const port::Port& port)
        : port_(port), longest_(size_t{packet::kEthernetHeader} + port.mtu) {
        const port::MacAddress& mac = port.device->mac();
        std::memcpy(&mac_, mac.data(), mac.size());
    }

    bool take(rte_mbuf* frame) {
        constexpr uint64_t kMacMask = (uint64_t{1} << 48) - 1;
        const std::span<const uint8_t> octets = octets_of(frame);
        const uint16_t length = packet::usual_sctp_length(octets);
        if (length == 0 || frame->nb_segs != 1 || octets.size() > longest_ || port_.vlan ||
            (frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) [[unlikely]] {
            return false;
        }
        uint64_t destination = 0;
        std::memcpy(&destination, octets.data(), sizeof destination);
        static_assert(packet::kIpv4DestinationOffset == packet::kIpv4SourceOffset + 4);
        const uint8_t* addresses =
            octets.data() + packet::kEthernetHeader + packet::kIpv4SourceOffset;
        uint64_t both = 0;
        std::memcpy(&both, addresses, sizeof both);
        if ((destination & kMacMask) != mac_) [[unlikely]] {
            return false;
        }
        // Mostly those of the packet before. No address is 0.
        if (both != known_) [[unlikely]] {
            if (check_addresses(port_, IpAddress::v4(addresses + 4), IpAddress::v4(addresses)) !=
                DropReason::none) {
                return false;
            }
            known_ = both;
        }
        PacketMeta& meta = *meta_of(frame);
        meta.peer = {};
        meta.local = {};
        std::memcpy(meta.peer.data(), addresses, 4);
        std::memcpy(meta.local.data(), addresses + 4, 4);
        fill_meta(meta, port_, IpAddress::Family::v4);
        narrow(frame, packet::kUsualSctpOffset, length);
        return true;
    }

 private:
    const port::Port& port_;
    size_t longest_;
    uint64_t mac_ = 0;
    uint64_t known_ = 0;  // source and destination that are fine, as they lie in the header
};

// What check_chunks() finds right of nearly every packet: one whole DTLS chunk. Inline.
bool is_one_dtls_chunk(std::span<const uint8_t> packet) {
    if (packet.size() < packet::kCommonHeader + packet::kDtlsChunkMinimum) [[unlikely]] {
        return false;
    }
    const uint8_t* chunk = packet.data() + packet::kCommonHeader;
    const uint16_t length = packet::load_be16(chunk + 2);
    return chunk[0] == packet::kChunkDtls && length >= packet::kDtlsChunkMinimum &&
           packet::padded_to_4(length) == packet.size() - packet::kCommonHeader &&
           (chunk[record::kRecordOffset] & record::kHeaderFormMask) == record::kHeaderForm;
}

DropReason check_sctp(rte_mbuf* packet, bool port_checks) {
    const uint64_t verdict = packet->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if ((!port_checks || verdict != RTE_MBUF_F_RX_L4_CKSUM_GOOD) &&
        !packet::checksum_ok(octets_of(packet))) {
        return DropReason::sctp_checksum;
    }
    const std::span<const uint8_t> octets = octets_of(packet);
    return is_one_dtls_chunk(octets) ? DropReason::none : packet::check_chunks(octets);
}

}  // namespace

void receive_frames(WorkerState& state, uint16_t port_index, std::span<rte_mbuf* const> frames) {
    constexpr size_t kAhead = 4;
    port::Port& port = state.ports.port(port_index);
    std::array<rte_mbuf*, kMaxBurst> packets;
    size_t parsed_count = 0;
    UsualFrames usual(port);
    count(state.counters.received, frames.size());
    for (size_t i = 0; i < frames.size(); ++i) {
        if (i + kAhead < frames.size()) {
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], const void*));
            __builtin_prefetch(meta_of(frames[i + kAhead]), 1);
        }
        rte_mbuf* frame = frames[i];
        if (usual.take(frame)) [[likely]] {
            packets[parsed_count++] = frame;
            continue;
        }
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
        packets[parsed_count++] = frame;
    }
    end_stage(state, CostStage::parse);

    const bool port_checks = port.device->checks_sctp();
    size_t sound = 0;
    for (size_t i = 0; i < parsed_count; ++i) {
        const DropReason reason = check_sctp(packets[i], port_checks);
        if (reason != DropReason::none) [[unlikely]] {
            drop(state, packets[i], reason);
            continue;
        }
        packets[sound++] = packets[i];
    }
    end_stage(state, CostStage::checksum_in);
    if (sound > 0) {
        deliver_packets(state, {packets.data(), sound});
    }
}

}  // namespace sdg::worker
