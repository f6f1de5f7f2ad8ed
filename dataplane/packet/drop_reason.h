// Every reason for which the data plane discards a packet: one table for the enum, the text, the
// counter and the telemetry name.
//
// Counters are single writer (the worker that owns them) and read by the control thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sdg::packet {

// X(name, "what a person reads")
#define SDG_DROP_REASONS(X)                                                                     \
    X(ethernet_truncated, "Ethernet header or VLAN tag cut short")                              \
    X(ethertype_unknown, "neither IPv4, IPv6 nor ARP")                                          \
    X(not_for_us, "destination address is not one of the port's")                               \
    X(ipv4_malformed, "IPv4 header malformed or its length contradicts the frame")              \
    X(ipv4_checksum, "IPv4 header checksum wrong")                                              \
    X(ip_fragment, "IP fragment (SCTP is never fragmented by a conforming sender)")             \
    X(ipv6_malformed, "IPv6 header or extension header malformed")                              \
    X(ip_protocol, "IP payload is neither SCTP nor ICMP")                                       \
    X(sctp_truncated, "SCTP packet shorter than its common header and one chunk")               \
    X(sctp_checksum, "CRC32c wrong")                                                            \
    X(sctp_ports, "SCTP port zero")                                                             \
    X(chunk_malformed, "chunk length shorter than its header or beyond the packet")             \
    X(dtls_bundled, "DTLS chunk bundled with another chunk")                                    \
    X(dtls_malformed, "DTLS chunk with a record header other than the fixed one, or too short") \
    X(dtls_no_association, "DTLS chunk for ports and tag that no association has")              \
    X(dtls_no_key, "DTLS chunk of an epoch without a receive key")                              \
    X(dtls_restart_unsupported, "DTLS chunk with R set, restart not agreed")                    \
    X(record_replayed, "record number already seen or behind the replay window")                \
    X(record_forged, "record does not authenticate")                                            \
    X(record_content, "opened record has no content or the wrong content type")                 \
    X(receive_key_exhausted, "receive key at its limit of failed opens")                        \
    X(clear_when_protected, "unprotected packet for a protected association")                   \
    X(send_key_exhausted, "send key at its limit of sealed records")                            \
    X(seal_no_key, "protection required and no send key")                                       \
    X(seal_too_long, "packet does not fit a record or the mbuf")                                \
    X(no_route, "no route to the destination")                                                  \
    X(neighbour_unresolved, "next hop's link address not resolved in time")                     \
    X(no_mbuf, "out of packet buffers")                                                         \
    X(ring_full_to_control, "ring to the control plane full")                                   \
    X(ring_full_handover, "ring to another worker full")                                        \
    X(transmit_full, "port's transmit queue full")                                              \
    X(association_gone, "outgoing packet of an association already removed")                    \
    X(icmp_ignored, "ICMP other than echo and neighbour discovery, or malformed")               \
    X(arp_ignored, "ARP not for us or malformed")                                               \
    X(icmp_rate_limited, "echo requests above the rate at which they are answered")             \
    X(neighbour_rate_limited, "ARP or neighbour discovery above the rate of answers")           \
    X(source_rate_limited, "packet of no association above the rate of its source")             \
    X(init_rate_limited, "INIT above the rate for all sources")                                 \
    X(cookie_rate_limited, "COOKIE ECHO above the rate for all sources")                        \
    X(stray_rate_limited, "other packet of no association above the rate for all sources")      \
    X(frame_too_long, "frame longer than the port's MTU, or in several buffers")                \
    X(vlan_mismatch, "VLAN tag other than the port's")                                          \
    X(source_address, "source address is not another host's unicast address")

enum class DropReason : uint8_t {
    none = 0,
#define SDG_X(name, text) name,
    SDG_DROP_REASONS(SDG_X)
#undef SDG_X
        count_,
};

inline constexpr size_t kDropReasonCount = static_cast<size_t>(DropReason::count_);

// Stable identifier for telemetry, e.g. "record_replayed".
[[nodiscard]] std::string_view name(DropReason reason);
// One line for a person.
[[nodiscard]] std::string_view description(DropReason reason);

}  // namespace sdg::packet
