// The gateway's metrics on DPDK's telemetry socket, beside what DPDK itself shows there:
//
//   dpdk-telemetry.py -f PREFIX, then /gateway/metrics, /gateway/worker,0 and so on; "/" lists all.
//
// They are made from the same families as /metrics, so that neither can have what the other lacks.
// A figure's name is the family's without "sctp_gateway_" and "_total", followed by the values of
// its labels ("dropped_packets_no_route"); the label that an endpoint is about is no part of it.
//
// DPDK answers on threads of its own. They see only what was published last: an immutable copy,
// never an object of the control plane. Before the first publish() and after destruction an
// endpoint answers null. The control thread makes every call here.
#pragma once

#include <memory>

#include "control/metrics/exposition.h"
#include "foundation/result.h"

namespace sdg::gateway {

class Telemetry {
 public:
    // EAL has been started with EalSettings::telemetry. DPDK cannot take endpoints back, so they
    // are registered once for the process; one Telemetry at a time feeds them.
    [[nodiscard]] static Result<std::unique_ptr<Telemetry>> open();
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;

    void publish(std::shared_ptr<const metrics::Snapshot> snapshot);

 private:
    Telemetry() = default;
};

}  // namespace sdg::gateway
