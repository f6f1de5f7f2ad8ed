// Round-trip times of verified answers, and their percentiles. Microseconds. Single thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sdg::endpoint {

struct RoundTripSummary {
    size_t count = 0;
    double p50 = 0;  // microseconds; all zero without a sample
    double p90 = 0;
    double p99 = 0;
    double max = 0;
};

class RoundTrips {
 public:
    void add(std::chrono::nanoseconds round_trip);
    void add(const RoundTrips& other);
    // Percentiles by nearest rank: the smallest sample that at least that share is not above.
    [[nodiscard]] RoundTripSummary summary() const;

 private:
    std::vector<double> samples_;
};

}  // namespace sdg::endpoint
