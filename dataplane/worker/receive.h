// Receive stages: frames of a port become plain SCTP packets for the control plane.
//
//   receive_frames()  length, VLAN, addresses, IP, CRC32c; ARP and ICMP branch off (link.h)
//   deliver_packets() look-up, owner, DTLS chunk opened in place, clear policy, ring
#pragma once

#include <span>

#include "dataplane/worker/worker_state.h"

namespace sdg::worker {

// frames: as the port's driver gave them, at most kMaxBurst.
void receive_frames(WorkerState& state, uint16_t port, std::span<rte_mbuf* const> frames);

// packets: SCTP packets without IP, checksum verified and check_chunks() passed, PacketMeta filled
// in; at most kMaxBurst.
void deliver_packets(WorkerState& state, std::span<rte_mbuf* const> packets);

}  // namespace sdg::worker
