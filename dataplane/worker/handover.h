// Packets for other workers: those of an association that another one owns, and those for a port
// whose queue only another one has. Collected over a round, so that the shared head of a ring is
// moved once a burst and not once a packet. Worker's own thread.
#pragma once

#include "dataplane/worker/worker_state.h"

namespace sdg::worker {

// To another worker, to go on at stage there; on its way at the end of the round at the latest.
// Counts it, or drops and counts it when that worker's ring is full.
void hand_over(WorkerState& state, unsigned worker, Stage stage, rte_mbuf* packet);

// Sends what was collected on its way.
void flush_handovers(WorkerState& state);

}  // namespace sdg::worker
