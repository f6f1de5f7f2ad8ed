// The bridge's packet side: what workers and the control thread hand each other.
//
// Both directions carry plain SCTP packets (common header + chunks, no IP, no Ethernet) in mbufs
// whose private area holds a PacketMeta. Rings are single producer, single consumer: one set per
// worker. Whoever dequeues an mbuf owns it.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/keys/chunk_protection.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_ring;
struct rte_mempool;

namespace sdg::worker {

enum PacketFlag : uint8_t {
    kPacketOpened = 0x01,       // came in a DTLS chunk and authenticated
    kPacketRestart = 0x02,      // ... under the restart context (R bit)
    kPacketAssociation = 0x04,  // ports and tag named an association of the table
    kPacketKeepClear = 0x08,    // outgoing: never seal (answers on behalf of no association)
};

// Lives in the private area of every mbuf of the gateway's pools.
struct alignas(64) PacketMeta {
    std::array<uint8_t, 16> local;  // IPv4 in the first four octets; network byte order
    std::array<uint8_t, 16> peer;
    keys::AssociationId association;
    uint16_t port;   // index of the gateway port (port::PortTable), not DPDK's id
    uint16_t epoch;  // of the receive key that opened it
    IpAddress::Family family;
    uint8_t flags;  // PacketFlag
    // Worker-internal, meaningless outside: where a handed-over packet goes on.
    uint8_t stage;
    uint8_t reserved[9];
};
static_assert(sizeof(PacketMeta) == 64);

inline PacketMeta* meta_of(rte_mbuf* packet) {
    return static_cast<PacketMeta*>(rte_mbuf_to_priv(packet));
}

// The rings of one worker.
struct WorkerRings {
    rte_ring* to_control_known = nullptr;    // opened, or of an association of the table
    rte_ring* to_control_unknown = nullptr;  // everything else: INIT, COOKIE ECHO, strays
    rte_ring* from_control = nullptr;
    rte_ring* handover = nullptr;  // from other workers (multi producer)
};

// What the control plane sees of a packet; views are valid during the call only.
struct ReceivedPacket {
    IpAddress local;
    IpAddress peer;
    uint16_t port = 0;
    keys::AssociationId association;  // is_set() only when the table knew ports and tag
    bool opened = false;              // authenticated by a DTLS chunk
    bool restart = false;
    uint16_t epoch = 0;
    std::span<uint8_t> sctp;  // the whole plain SCTP packet; CRC32c field is meaningless
};

struct OutgoingPacket {
    IpAddress local;
    IpAddress peer;
    uint16_t port = 0;
    keys::AssociationId association;  // unset: leaves in clear
    unsigned worker = 0;              // owner of the association
    bool keep_clear = false;
    std::span<const uint8_t> sctp;  // CRC32c is filled in by the worker or the port
};

// The control thread's end of all rings: the only DPDK that the control plane touches, wrapped.
class ControlBridge {
 public:
    struct Counters {
        uint64_t received_known = 0;
        uint64_t received_unknown = 0;
        uint64_t sent = 0;
        uint64_t send_no_mbuf = 0;
        uint64_t send_ring_full = 0;
        uint64_t send_too_long = 0;
    };

    // pool: mbufs with PacketMeta in the private area and headroom for all headers.
    ControlBridge(std::vector<WorkerRings> rings, rte_mempool* pool);
    ~ControlBridge();
    ControlBridge(const ControlBridge&) = delete;
    ControlBridge& operator=(const ControlBridge&) = delete;

    // An INIT takes as long as many packets of an association: no more of them between two looks at
    // those.
    static constexpr size_t kUnknownPerCall = 8;

    // Hands packets to handler, of every worker: up to budget of known associations, then up to
    // kUnknownPerCall others. Returns how many. handler(ReceivedPacket&&).
    template <class Handler>
    size_t poll(size_t budget, Handler&& handler) {
        size_t total = 0;
        std::array<rte_mbuf*, kBurst> burst;
        for (size_t w = 0; w < rings_.size(); ++w) {
            for (const bool known : {true, false}) {
                size_t left = known ? budget : kUnknownPerCall;
                while (left > 0) {
                    const size_t wanted = std::min(left, burst.size());
                    const size_t n = dequeue(w, known, std::span(burst).first(wanted));
                    for (size_t i = 0; i < n; ++i) {
                        handler(describe(burst[i]));
                        rte_pktmbuf_free(burst[i]);
                    }
                    total += n;
                    left -= n;
                    if (n < wanted) {
                        break;
                    }
                }
            }
        }
        return total;
    }

    // Copies the packet into an mbuf and enqueues it to its worker. False: dropped and counted.
    bool send(const OutgoingPacket& packet);

    [[nodiscard]] const Counters& counters() const { return counters_; }

 private:
    static constexpr size_t kBurst = 32;
    size_t dequeue(size_t worker, bool known, std::span<rte_mbuf*> burst);
    static ReceivedPacket describe(rte_mbuf* packet);

    std::vector<WorkerRings> rings_;
    rte_mempool* pool_;
    Counters counters_;
};

}  // namespace sdg::worker
