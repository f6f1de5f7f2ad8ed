// The link's own business of a worker: ARP, ICMP echo, neighbour discovery, and packets that wait
// for a link address. Only the worker that owns a port's queue 0 does it; others hand over.
#pragma once

#include "dataplane/packet/frame.h"
#include "dataplane/worker/worker_state.h"

namespace sdg::worker {

// A frame of kind arp, icmp or icmp6 whose length, VLAN and link destination are right.
void handle_link_frame(WorkerState& state, uint16_t port, rte_mbuf* frame,
                       const packet::ParsedPacket& parsed);
// The same for a frame that another worker has handed over.
void handle_link_frame(WorkerState& state, rte_mbuf* frame);

// Owner only: keeps an IP packet until next_hop is resolved, asking for it when nobody has.
void wait_for_neighbour(WorkerState& state, uint16_t port, const IpAddress& next_hop,
                        rte_mbuf* packet);

// Requests that are due, and packets to give up; for all ports this worker owns.
void tick_neighbours(WorkerState& state);
// Gratuitous ARP and unsolicited advertisements for the addresses of all ports this worker owns.
void announce(WorkerState& state);

}  // namespace sdg::worker
