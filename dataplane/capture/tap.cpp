#include "dataplane/capture/tap.h"

#include <rte_cycles.h>

#include <algorithm>
#include <cstring>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/ethernet.h"
#include "dataplane/packet/ipv4.h"
#include "dataplane/packet/ipv6.h"
#include "dataplane/packet/sctp.h"
#include "dataplane/worker/bridge.h"

namespace sdg::capture {
namespace {

struct Located {
    IpAddress source;
    IpAddress destination;
    std::span<const uint8_t> sctp;  // empty: none
};

// Less strict than packet::parse(): a wrong IPv4 checksum, which the port may still fill in, and a
// first fragment are no reason not to look at a packet.
Located locate_sctp(std::span<const uint8_t> frame) {
    Located out;
    const packet::EthernetHeader ethernet = packet::parse_ethernet(frame);
    if (ethernet.reason != packet::DropReason::none) {
        return out;
    }
    const std::span<const uint8_t> ip = frame.subspan(ethernet.length);
    size_t header = 0;
    uint8_t protocol = 0;
    if (ethernet.ether_type == packet::kEtherTypeIpv4 && ip.size() >= packet::kIpv4Header) {
        header = size_t{ip[0] & 0x0fU} * 4;
        protocol = (packet::load_be16(ip.data() + 6) & 0x1fff) == 0 ? ip[9] : uint8_t{0};
        out.source = IpAddress::v4(ip.data() + packet::kIpv4SourceOffset);
        out.destination = IpAddress::v4(ip.data() + packet::kIpv4DestinationOffset);
    } else if (ethernet.ether_type == packet::kEtherTypeIpv6) {
        const packet::IpHeader parsed = packet::parse_ipv6(ip);
        if (parsed.reason != packet::DropReason::none) {
            return out;
        }
        header = parsed.header_length;
        protocol = parsed.protocol;
        out.source = IpAddress::v6(ip.data() + packet::kIpv6SourceOffset);
        out.destination = IpAddress::v6(ip.data() + packet::kIpv6DestinationOffset);
    }
    if (protocol == packet::kIpProtocolSctp && header >= packet::kIpv4Header &&
        ip.size() >= header + packet::kCommonHeader) {
        out.sctp = ip.subspan(header);
    }
    return out;
}

// The first octets of a packet of any number of segments.
void copy_octets(const rte_mbuf* packet, uint8_t* to, size_t length) {
    for (const rte_mbuf* segment = packet; segment != nullptr && length > 0;
         segment = segment->next) {
        const size_t here = std::min(length, size_t{rte_pktmbuf_data_len(segment)});
        std::memcpy(to, rte_pktmbuf_mtod(segment, const uint8_t*), here);
        to += here;
        length -= here;
    }
}

}  // namespace

bool matches(const Target& target, Direction direction, const IpAddress& source,
             const IpAddress& destination, std::span<const uint8_t> sctp) {
    if (target.whole_port) {
        return true;
    }
    if (sctp.size() < packet::kCommonHeader) {
        return false;
    }
    const packet::CommonHeader header = packet::read_common_header(sctp.data());
    const bool in = direction == Direction::in;
    if (header.source_port != (in ? target.peer_port : target.local_port) ||
        header.destination_port != (in ? target.local_port : target.peer_port)) {
        return false;
    }
    const uint32_t tag = in ? target.local_tag : target.peer_tag;
    return (source == (in ? target.peer : target.local) &&
            destination == (in ? target.local : target.peer)) ||
           (tag != 0 && header.verification_tag == tag);
}

Tap::Tap(const Settings& settings)
    : targets_(settings.targets.begin(),
               settings.targets.begin() +
                   static_cast<ptrdiff_t>(std::min(settings.targets.size(), kMaxTargets))),
      plain_(settings.plain),
      snap_(std::clamp(settings.snap, 1U, kMaxSnap)),
      ring_(settings.ring_octets) {
}

int Tap::target_of(uint16_t port, std::span<const uint8_t> frame, Direction direction) const {
    Located located;
    bool looked = false;
    for (size_t t = 0; t < targets_.size(); ++t) {
        if (targets_[t].port != port) {
            continue;
        }
        if (targets_[t].whole_port) {
            return static_cast<int>(t);
        }
        if (!looked) {
            located = locate_sctp(frame);
            looked = true;
        }
        if (!located.sctp.empty() &&
            matches(targets_[t], direction, located.source, located.destination, located.sctp)) {
            return static_cast<int>(t);
        }
    }
    return -1;
}

uint8_t* Tap::add(const TapRecord& record, size_t octets) {
    uint8_t* at = ring_.reserve(sizeof record + octets);
    if (at == nullptr) {
        count_not_kept();
        return nullptr;
    }
    std::memcpy(at, &record, sizeof record);
    return at + sizeof record;
}

void Tap::take_frames(uint16_t port, std::span<rte_mbuf* const> frames, Direction direction) {
    const uint64_t now = rte_rdtsc();
    burst_ = std::min(frames.size(), kTapBurst);
    for (size_t i = 0; i < burst_; ++i) {
        const rte_mbuf* frame = frames[i];
        positions_[i] = ring_.position();
        const int target =
            target_of(port, {rte_pktmbuf_mtod(frame, const uint8_t*), rte_pktmbuf_data_len(frame)},
                      direction);
        if (target < 0) {
            continue;
        }
        TapRecord record;
        record.cycles = now;
        record.length = rte_pktmbuf_pkt_len(frame);
        record.captured = std::min(record.length, snap_);
        record.target = static_cast<uint8_t>(target);
        if (direction == Direction::out) {
            const bool sctp = (frame->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_SCTP_CKSUM;
            const bool ipv4 = (frame->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0;
            record.flags = static_cast<uint8_t>(kTapOut | (sctp ? kTapFillSctp : 0) |
                                                (ipv4 ? kTapFillIpv4 : 0));
        } else if ((frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
            record.flags = kTapTag;
            record.tag_control = frame->vlan_tci;
        }
        if (uint8_t* at = add(record, record.captured)) {
            copy_octets(frame, at, record.captured);
        }
    }
    positions_[burst_] = ring_.position();
}

void Tap::publish(size_t sent) {
    ring_.publish(positions_[std::min(sent, burst_)]);
    burst_ = 0;
}

void Tap::take_plain(rte_mbuf* packet, Direction direction, bool protects) {
    const worker::PacketMeta& meta = *worker::meta_of(packet);
    IpAddress local;
    IpAddress peer;
    local.octets = meta.local;
    peer.octets = meta.peer;
    local.family = peer.family = meta.family;
    const bool in = direction == Direction::in;
    const IpAddress& source = in ? peer : local;
    const IpAddress& destination = in ? local : peer;
    const std::span<const uint8_t> sctp{rte_pktmbuf_mtod(packet, const uint8_t*),
                                        rte_pktmbuf_data_len(packet)};
    const auto target = std::ranges::find_if(targets_, [&](const Target& one) {
        return one.port == meta.port && matches(one, direction, source, destination, sctp);
    });
    if (target == targets_.end()) {
        return;
    }
    TapRecord record;
    record.cycles = rte_rdtsc();
    record.length = static_cast<uint32_t>(sctp.size());
    record.captured = std::min(record.length, snap_);
    record.target = static_cast<uint8_t>(target - targets_.begin());
    record.flags = kTapPlain;
    if (in) {
        record.epoch = meta.epoch;
        record.flags |=
            static_cast<uint8_t>(((meta.flags & worker::kPacketOpened) != 0 ? kTapProtected : 0) |
                                 ((meta.flags & worker::kPacketRestart) != 0 ? kTapRestart : 0));
    } else {
        record.flags |= static_cast<uint8_t>(kTapOut | (protects ? kTapProtected : 0));
    }
    record.family = meta.family;
    record.source = source.octets;
    record.destination = destination.octets;
    if (uint8_t* at = add(record, record.captured)) {
        copy_octets(packet, at, record.captured);
        ring_.publish(ring_.position());
    }
}

}  // namespace sdg::capture
