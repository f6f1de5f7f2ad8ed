// Metric families and their text: Prometheus exposition format 0.0.4.
//
// A Snapshot is made by the control loop about once a second and never changed afterwards; the HTTP
// thread reads it and nothing else of the gateway.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "foundation/clock.h"

namespace sdg::metrics {

enum class Type : uint8_t { counter, gauge };

struct Sample {
    using Label = std::pair<std::string, std::string>;  // name, value
    std::vector<Label> labels;
    double value = 0;
};

struct Family {
    std::string name;  // counters end in _total
    Type type = Type::gauge;
    std::string help;
    std::vector<Sample> samples;
};

struct Snapshot {
    TimePoint made_at{};  // of the process's steady clock
    bool ready = false;   // takes new associations
    std::string state;    // one word for /readyz: "ready", "draining"
    std::vector<Family> families;
    std::string page_figures;  // JSON for the status page; empty: not collected
};

// Label values and help are escaped. Families without samples are left out.
[[nodiscard]] std::string to_text(const std::vector<Family>& families);

}  // namespace sdg::metrics
