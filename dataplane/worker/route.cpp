#include <rte_ethdev.h>

#include <cstring>

#include "dataplane/port/frame_writer.h"
#include "dataplane/worker/handover.h"
#include "dataplane/worker/link.h"
#include "dataplane/worker/transmit.h"

namespace sdg::worker {
namespace {

constexpr unsigned kTransmitTries = 4;

void flush(WorkerState& state, TransmitBatch& batch) {
    if (batch.count == 0) {
        return;
    }
    capture::Tap* const tap = state.tap != nullptr && !state.tap->plain() ? state.tap : nullptr;
    if (tap != nullptr) [[unlikely]] {
        const auto port = static_cast<uint16_t>(&batch - state.batches.data());
        tap->take_frames(port, {batch.packets.data(), batch.count}, capture::Direction::out);
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
    if (tap != nullptr) [[unlikely]] {
        tap->publish(sent);
    }
    count(state.counters.transmitted, sent);
    if (sent < batch.count) {
        count_drop(state, DropReason::transmit_full, batch.count - sent);
        rte_pktmbuf_free_bulk(batch.packets.data() + sent, batch.count - sent);
    }
    batch.count = 0;
}

// Ethernet and IP headers of packets from one address to another through one port: most packets of
// a burst have those of the packet before, but for lengths and checksum.
class Headers {
 public:
    [[nodiscard]] bool fit(const PacketMeta& meta) const {
        return meta.port == port_ && meta.family == family_ && meta.local == local_ &&
               meta.peer == peer_;
    }

    // False when the packet cannot go that way at once; route_packets() knows why.
    bool make(const WorkerState& state, const PacketMeta& meta) {
        family_ = IpAddress::Family::none;
        const port::Port& port = state.ports.port(meta.port);
        if (!state.batches[meta.port].has_queue) {
            return false;
        }
        IpAddress peer;
        peer.octets = meta.peer;
        peer.family = meta.family;
        const std::optional<IpAddress> next_hop = port.next_hops.towards(peer);
        port::MacAddress mac{};
        if (!next_hop || !port.neighbours->find(*next_hop, mac)) {
            return false;
        }
        const bool v4 = meta.family == IpAddress::Family::v4;
        ip_at_ = static_cast<uint16_t>(packet::kEthernetHeader +
                                       (port.vlan ? packet::kVlanTag : size_t{0}));
        length_ = static_cast<uint16_t>(ip_at_ + (v4 ? packet::kIpv4Header : packet::kIpv6Header));
        port::write_ethernet(octets_.data(), mac, port.device->mac(), port.vlan,
                             v4 ? packet::kEtherTypeIpv4 : packet::kEtherTypeIpv6);
        uint8_t* ip = octets_.data() + ip_at_;
        if (v4) {
            // Its checksum as if the packet had no length.
            port::write_ipv4(ip, 0, meta.local.data(), meta.peer.data(), packet::kIpProtocolSctp);
            sum_ = static_cast<uint16_t>(~packet::load_be16(ip + kIpv4ChecksumOffset));
            offload_ = port.device->fills_ipv4();
        } else {
            port::write_ipv6(ip, 0, meta.local.data(), meta.peer.data(), packet::kIpProtocolSctp,
                             port::kHopLimit);
        }
        port_ = meta.port;
        family_ = meta.family;
        local_ = meta.local;
        peer_ = meta.peer;
        return true;
    }

    void push(rte_mbuf* packet) const {
        const uint32_t sctp_length = rte_pktmbuf_data_len(packet);
        uint8_t* at = port::prepend(packet, length_);
        packet->l2_len = ip_at_ & 0x7f;
        if (family_ == IpAddress::Family::v4) {
            std::memcpy(at, octets_.data(), packet::kEthernetHeader + packet::kIpv4Header);
            if (length_ != packet::kEthernetHeader + packet::kIpv4Header) [[unlikely]] {
                std::memcpy(at, octets_.data(), length_);
            }
            packet->l3_len = packet::kIpv4Header;
            const uint32_t total = sctp_length + packet::kIpv4Header;
            uint8_t* ip = at + ip_at_;
            packet::store_be16(ip + 2, static_cast<uint16_t>(total));
            uint32_t sum = sum_ + total;
            sum = (sum & 0xffff) + (sum >> 16);
            packet::store_be16(ip + kIpv4ChecksumOffset,
                               offload_ ? uint16_t{0} : static_cast<uint16_t>(~sum));
            if (offload_) {
                packet->ol_flags |= RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM;
            }
        } else {
            std::memcpy(at, octets_.data(), length_);
            packet->l3_len = packet::kIpv6Header;
            packet::store_be16(at + ip_at_ + 4, static_cast<uint16_t>(sctp_length));
        }
    }

 private:
    static constexpr size_t kIpv4ChecksumOffset = 10;

    std::array<uint8_t, port::kHeaderRoom> octets_{};
    std::array<uint8_t, 16> local_{};
    std::array<uint8_t, 16> peer_{};
    uint16_t port_ = 0;
    IpAddress::Family family_ = IpAddress::Family::none;  // none: nothing made
    bool offload_ = false;
    uint16_t ip_at_ = 0;
    uint16_t length_ = 0;
    uint32_t sum_ = 0;  // one's complement sum of the IPv4 header without its length
};

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

void address_packets(WorkerState& state, std::span<rte_mbuf* const> packets) {
    Headers headers;
    for (rte_mbuf* packet : packets) {
        const PacketMeta& meta = *meta_of(packet);
        if (!headers.fit(meta) && !headers.make(state, meta)) [[unlikely]] {
            push_ip(state, packet);
            route_packets(state, {&packet, 1});
            continue;
        }
        headers.push(packet);
        queue_frame(state, meta.port, packet);
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
