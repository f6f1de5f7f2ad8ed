// The gateway's counters on DPDK's telemetry socket, beside what DPDK itself shows there:
//
//   dpdk-telemetry.py -f PREFIX, then /gateway/relay, /gateway/drops, /gateway/worker,0 and so on;
//   "/" lists all. Names and units are those of stats_file.
//
// DPDK answers on threads of its own. They see only what was published last: an immutable copy,
// never an object of the control plane. Before the first publish() and after destruction an
// endpoint answers null. The control thread makes every call here.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "foundation/clock.h"
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

    // Whether the last publish() is a second or more ago.
    [[nodiscard]] bool is_due(TimePoint now) const;
    // statistics: as Gateway::statistics() gives them.
    void publish(nlohmann::json statistics, TimePoint now);

 private:
    Telemetry() = default;
    std::optional<TimePoint> published_;
};

}  // namespace sdg::gateway
