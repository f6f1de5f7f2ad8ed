// What workers and ports do a second, for commands that ask once: the difference of two samples of
// the counters, taken about a second apart. Control thread.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/packet/drop_reason.h"
#include "foundation/clock.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

class Rates {
 public:
    // gateway outlives the object.
    explicit Rates(const Gateway& gateway) : gateway_(gateway) {}

    // Takes a sample when the last one is a second old.
    void poll();
    // Of a worker or port by its index; null before the second sample. Rates are a second;
    // cycles_per_packet and idle_share (of time) are null when there was nothing to divide by.
    [[nodiscard]] nlohmann::json of_worker(size_t index) const;
    [[nodiscard]] nlohmann::json of_port(size_t index) const;

 private:
    struct WorkerSample {
        uint64_t received = 0;
        uint64_t transmitted = 0;
        uint64_t opened = 0;
        uint64_t sealed = 0;
        uint64_t handled = 0;
        uint64_t busy_cycles = 0;
        uint64_t idle_cycles = 0;
        std::array<uint64_t, packet::kDropReasonCount> drops{};
    };
    struct Sample {
        TimePoint at{};
        std::vector<WorkerSample> workers;
        std::vector<std::vector<std::pair<std::string, uint64_t>>> ports;
    };

    [[nodiscard]] Sample take(TimePoint now) const;
    [[nodiscard]] double interval() const;  // seconds

    const Gateway& gateway_;
    std::optional<Sample> before_;
    std::optional<Sample> last_;
};

}  // namespace sdg::gateway
