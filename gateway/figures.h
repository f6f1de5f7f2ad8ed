// The gateway's counters and gauges as metric families. Labels have bounded values: a worker, a
// port, a drop reason, a listener, a backend, a policy; never an association or a peer.
//
// Control thread.
#pragma once

#include <memory>

#include "control/metrics/exposition.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

[[nodiscard]] std::shared_ptr<metrics::Snapshot> figures(const Gateway& gateway);

}  // namespace sdg::gateway
