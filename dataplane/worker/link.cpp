#include "dataplane/worker/link.h"

#include <algorithm>
#include <cstring>

#include "dataplane/port/arp.h"
#include "dataplane/port/frame_writer.h"
#include "dataplane/port/icmp.h"
#include "dataplane/worker/handover.h"
#include "dataplane/worker/transmit.h"

namespace sdg::worker {
namespace {

using packet::FrameKind;
using packet::ParsedPacket;
using port::MacAddress;
using port::Port;

constexpr MacAddress kBroadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// Answers leave to where the question came from: an answer never makes a neighbour entry.
MacAddress source_of(rte_mbuf* frame) {
    MacAddress mac;
    std::memcpy(mac.data(), octets_of(frame).data() + 6, mac.size());
    return mac;
}

void send_link(WorkerState& state, const Port& port, rte_mbuf* packet,
               const MacAddress& destination, uint16_t ether_type) {
    packet->ol_flags = 0;
    port::push_ethernet(packet, destination, port.device->mac(), port.vlan, ether_type);
    queue_frame(state, port.index, packet);
}

// The address has shown its link address: packets that waited for it go on.
void learn(WorkerState& state, Port& port, const IpAddress& address, const MacAddress& mac,
           bool override) {
    std::array<rte_mbuf*, port::NeighbourTable::kHeldPerNeighbour> released;
    const size_t n = port.neighbours->learn(address, mac, override, state.now, released);
    if (n > 0) {
        route_packets(state, {released.data(), n});
    }
}

rte_mbuf* new_packet(WorkerState& state) {
    rte_mbuf* packet = rte_pktmbuf_alloc(state.ports.control_pool());
    if (packet == nullptr) {
        count_drop(state, DropReason::no_mbuf);
    }
    return packet;
}

void send_arp(WorkerState& state, const Port& port, const port::ArpMessage& message) {
    rte_mbuf* packet = new_packet(state);
    if (packet == nullptr) {
        return;
    }
    narrow(packet, 0, port::kArpMessage);
    port::write_arp(message, octets_of(packet).first<port::kArpMessage>());
    send_link(state, port, packet, kBroadcast, packet::kEtherTypeArp);
}

void send_neighbour_message(WorkerState& state, const Port& port,
                            const port::NeighbourMessage& message, const IpAddress& source,
                            const IpAddress& destination, const MacAddress& mac) {
    rte_mbuf* packet = new_packet(state);
    if (packet == nullptr) {
        return;
    }
    narrow(packet, 0, port::kNeighbourMessage);
    const size_t length = port::write_neighbour_message(
        message, source, destination, octets_of(packet).first<port::kNeighbourMessage>());
    narrow(packet, 0, length);
    port::push_ipv6(packet, source.octets.data(), destination.octets.data(),
                    packet::kIpProtocolIcmp6, port::kNdHopLimit);
    send_link(state, port, packet, mac, packet::kEtherTypeIpv6);
}

void solicit(WorkerState& state, const Port& port, const IpAddress& address) {
    const std::optional<IpAddress> source = port.next_hops.source_for(address);
    if (!source) {
        return;
    }
    count(state.counters.neighbours_solicited);
    if (address.family == IpAddress::Family::v4) {
        send_arp(state, port, {true, port.device->mac(), *source, {}, address});
        return;
    }
    port::NeighbourMessage message;
    message.solicitation = true;
    message.target = address;
    message.link_address = port.device->mac();
    const IpAddress group = port::solicited_node(address);
    send_neighbour_message(state, port, message, *source, group, port::multicast_mac(group));
}

// Frames that have done their work without being answered are freed and not counted as drops.
enum class Verdict : uint8_t {
    answered,
    consumed,
    ignored,
    not_for_us,
    too_many_echoes,
    too_many_questions
};

// Whether a question for our link address is answered now. A flood of them in invented names must
// not keep the answer from a neighbour whose packets we take.
bool may_answer(const WorkerState& state, Port& port, const IpAddress& source,
                const MacAddress& mac) {
    MacAddress known;
    const bool is_neighbour = port.neighbours->find(source, known) && known == mac;
    return (is_neighbour ? port.neighbour_answers : port.stranger_answers).allow(state.now);
}

Verdict handle_arp(WorkerState& state, Port& port, rte_mbuf* frame, const ParsedPacket& parsed) {
    const auto message = port::parse_arp(octets_of(frame).subspan(parsed.l4_offset));
    if (!message || port.next_hops.owns(message->sender)) {
        return Verdict::ignored;
    }
    const bool is_question = message->request && port.next_hops.owns(message->target);
    const bool answer =
        is_question && may_answer(state, port, message->sender, message->sender_mac);
    // Merges into an entry that exists, whoever was asked (RFC 826); makes none.
    if (port::is_unicast(message->sender)) {
        learn(state, port, message->sender, message->sender_mac, true);
    }
    if (!port.next_hops.owns(message->target)) {
        return Verdict::ignored;
    }
    if (!message->request) {
        return Verdict::consumed;
    }
    if (!answer) {
        return Verdict::too_many_questions;
    }
    narrow(frame, parsed.l4_offset, port::kArpMessage);
    port::write_arp(
        {false, port.device->mac(), message->target, message->sender_mac, message->sender},
        octets_of(frame).first<port::kArpMessage>());
    send_link(state, port, frame, message->sender_mac, packet::kEtherTypeArp);
    count(state.counters.arp_answered);
    return Verdict::answered;
}

Verdict handle_icmp(WorkerState& state, Port& port, rte_mbuf* frame, const ParsedPacket& parsed) {
    const uint8_t* ip = octets_of(frame).data() + parsed.l3_offset;
    const IpAddress source = IpAddress::v4(ip + packet::kIpv4SourceOffset);
    const IpAddress own = IpAddress::v4(ip + packet::kIpv4DestinationOffset);
    const MacAddress mac = source_of(frame);
    if (!port.next_hops.owns(own)) {
        return Verdict::not_for_us;
    }
    if (!port::is_unicast(source) || port.next_hops.owns(source) || (mac[0] & 0x01) != 0 ||
        !port::turn_echo_request(octets_of(frame).subspan(parsed.l4_offset, parsed.l4_length))) {
        return Verdict::ignored;
    }
    if (!port.echo_answers.allow(state.now)) {
        return Verdict::too_many_echoes;
    }
    narrow(frame, parsed.l4_offset, parsed.l4_length);
    port::push_ipv4(frame, own.octets.data(), source.octets.data(), packet::kIpProtocolIcmp);
    send_link(state, port, frame, mac, packet::kEtherTypeIpv4);
    count(state.counters.icmp_answered);
    return Verdict::answered;
}

Verdict handle_neighbour_message(WorkerState& state, Port& port, rte_mbuf* frame,
                                 const IpAddress& source, const port::NeighbourMessage& message) {
    if (!message.solicitation) {
        if (message.link_address && port::is_unicast(message.target) &&
            !port.next_hops.owns(message.target)) {
            learn(state, port, message.target, *message.link_address, message.override);
            return Verdict::consumed;
        }
        return Verdict::ignored;
    }
    const bool is_question = port.next_hops.owns(message.target) && !port.next_hops.owns(source);
    const bool may = is_question && may_answer(state, port, source,
                                               message.link_address.value_or(source_of(frame)));
    if (message.link_address && port::is_unicast(source) && !port.next_hops.owns(source)) {
        learn(state, port, source, *message.link_address, true);
    }
    if (!is_question) {
        return Verdict::ignored;
    }
    if (!may) {
        return Verdict::too_many_questions;
    }
    // RFC 4861, 7.2.4: to all nodes when the question came from the unspecified address.
    const bool from_unspecified = !port::is_unicast(source);
    port::NeighbourMessage answer;
    answer.solicited = !from_unspecified;
    answer.override = true;
    answer.target = message.target;
    answer.link_address = port.device->mac();
    const IpAddress destination = from_unspecified ? port::all_nodes() : source;
    const MacAddress mac = from_unspecified ? port::multicast_mac(destination)
                                            : message.link_address.value_or(source_of(frame));
    send_neighbour_message(state, port, answer, message.target, destination, mac);
    count(state.counters.icmp_answered);
    return Verdict::consumed;
}

Verdict handle_icmp6(WorkerState& state, Port& port, rte_mbuf* frame, const ParsedPacket& parsed) {
    const uint8_t* ip = octets_of(frame).data() + parsed.l3_offset;
    const IpAddress source = IpAddress::v6(ip + packet::kIpv6SourceOffset);
    const IpAddress destination = IpAddress::v6(ip + packet::kIpv6DestinationOffset);
    const MacAddress mac = source_of(frame);
    const std::vector<IpAddress>& own = port.next_hops.own();
    const bool to_us = port.next_hops.owns(destination);
    const bool to_our_group =
        destination == port::all_nodes() ||
        std::any_of(own.begin(), own.end(), [&destination](const IpAddress& address) {
            return destination == port::solicited_node(address);
        });
    if (!to_us && !to_our_group) {
        return Verdict::not_for_us;
    }
    const std::span<uint8_t> octets = octets_of(frame).subspan(parsed.l4_offset, parsed.l4_length);
    if (const auto message = port::parse_neighbour_message(source, destination, ip[7], octets)) {
        return handle_neighbour_message(state, port, frame, source, *message);
    }
    if (!to_us || !port::is_unicast(source) || port.next_hops.owns(source) ||
        (mac[0] & 0x01) != 0 ||
        !port::turn_echo_request6(source, destination, destination, octets)) {
        return Verdict::ignored;
    }
    if (!port.echo_answers.allow(state.now)) {
        return Verdict::too_many_echoes;
    }
    narrow(frame, parsed.l4_offset, parsed.l4_length);
    port::push_ipv6(frame, destination.octets.data(), source.octets.data(),
                    packet::kIpProtocolIcmp6);
    send_link(state, port, frame, mac, packet::kEtherTypeIpv6);
    count(state.counters.icmp_answered);
    return Verdict::answered;
}

}  // namespace

void handle_link_frame(WorkerState& state, uint16_t port_index, rte_mbuf* frame,
                       const ParsedPacket& parsed) {
    Port& port = state.ports.port(port_index);
    if (port.owner != state.settings.index) {
        // The ring to the owner is also the way of packets of associations.
        if (!state.strangers.admit_link_frame(state.now)) {
            drop(state, frame, DropReason::neighbour_rate_limited);
            return;
        }
        meta_of(frame)->port = port_index;
        hand_over(state, port.owner, Stage::link, frame);
        return;
    }
    Verdict verdict = Verdict::ignored;
    if (parsed.kind == FrameKind::arp) {
        verdict = handle_arp(state, port, frame, parsed);
    } else if (parsed.kind == FrameKind::icmp) {
        verdict = handle_icmp(state, port, frame, parsed);
    } else {
        verdict = handle_icmp6(state, port, frame, parsed);
    }
    switch (verdict) {
        case Verdict::answered:
            break;
        case Verdict::consumed:
            rte_pktmbuf_free(frame);
            break;
        case Verdict::ignored:
            drop(
                state, frame,
                parsed.kind == FrameKind::arp ? DropReason::arp_ignored : DropReason::icmp_ignored);
            break;
        case Verdict::not_for_us:
            drop(state, frame, DropReason::not_for_us);
            break;
        case Verdict::too_many_echoes:
            drop(state, frame, DropReason::icmp_rate_limited);
            break;
        case Verdict::too_many_questions:
            drop(state, frame, DropReason::neighbour_rate_limited);
            break;
    }
}

void handle_link_frame(WorkerState& state, rte_mbuf* frame) {
    handle_link_frame(state, meta_of(frame)->port, frame, packet::parse(octets_of(frame)));
}

void wait_for_neighbour(WorkerState& state, uint16_t port_index, const IpAddress& next_hop,
                        rte_mbuf* packet) {
    Port& port = state.ports.port(port_index);
    const port::NeighbourTable::Hold hold = port.neighbours->hold(next_hop, packet, state.now);
    count_drop(state, DropReason::neighbour_unresolved, hold.dropped);
    if (!hold.held) {
        drop(state, packet, DropReason::neighbour_unresolved);
    }
    if (hold.solicit) {
        solicit(state, port, next_hop);
    }
}

void tick_neighbours(WorkerState& state) {
    for (uint16_t index = 0; index < state.ports.size(); ++index) {
        Port& port = state.ports.port(index);
        if (port.owner != state.settings.index) {
            continue;
        }
        const size_t given_up = port.neighbours->tick(
            state.now, [&](const IpAddress& address) { solicit(state, port, address); });
        count_drop(state, DropReason::neighbour_unresolved, given_up);
    }
}

void announce(WorkerState& state) {
    for (uint16_t index = 0; index < state.ports.size(); ++index) {
        const Port& port = state.ports.port(index);
        if (port.owner != state.settings.index || !port.announce) {
            continue;
        }
        for (const IpAddress& own : port.next_hops.own()) {
            if (own.family == IpAddress::Family::v4) {
                send_arp(state, port, {true, port.device->mac(), own, {}, own});
                continue;
            }
            port::NeighbourMessage message;
            message.override = true;
            message.target = own;
            message.link_address = port.device->mac();
            const IpAddress group = port::all_nodes();
            send_neighbour_message(state, port, message, own, group, port::multicast_mac(group));
        }
    }
}

}  // namespace sdg::worker
