// Transmit stages: plain SCTP packets of the control plane become frames.
//
//   send_packets()    association, seal or leave clear, CRC32c
//   address_packets() IP and link headers, the port's queue, for what can go at once
//   route_packets()   the rest: next hop, link header; unresolved ones wait with the owner
//   flush()           batches to the drivers
// The order of packets of an association is kept throughout (packets that wait for a link address
// leave in their order too).
#pragma once

#include <span>

#include "dataplane/worker/worker_state.h"

namespace sdg::worker {

// At most kMaxBurst, with PacketMeta filled in by the control plane.
void send_packets(WorkerState& state, std::span<rte_mbuf* const> packets);

// SCTP packets with PacketMeta (port, local, peer, family). At most kMaxBurst.
void address_packets(WorkerState& state, std::span<rte_mbuf* const> packets);

// IP packets with PacketMeta (port, peer, family). At most kMaxBurst.
void route_packets(WorkerState& state, std::span<rte_mbuf* const> packets);

// A finished frame to the port's queue of this worker, which must exist.
void queue_frame(WorkerState& state, uint16_t port, rte_mbuf* frame);
void flush(WorkerState& state);

}  // namespace sdg::worker
