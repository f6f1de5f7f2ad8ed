#include "endpoint/round_trips.h"

#include <algorithm>
#include <cmath>

namespace sdg::endpoint {

void RoundTrips::add(std::chrono::nanoseconds round_trip) {
    samples_.push_back(static_cast<double>(round_trip.count()) / 1000.0);
}

void RoundTrips::add(const RoundTrips& other) {
    samples_.insert(samples_.end(), other.samples_.begin(), other.samples_.end());
}

RoundTripSummary RoundTrips::summary() const {
    RoundTripSummary out;
    out.count = samples_.size();
    if (samples_.empty()) {
        return out;
    }
    std::vector<double> sorted = samples_;
    std::sort(sorted.begin(), sorted.end());
    const auto rank = [&sorted](double share) {
        const auto nth = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
        return sorted[std::clamp<size_t>(nth, 1, sorted.size()) - 1];
    };
    out.p50 = rank(0.50);
    out.p90 = rank(0.90);
    out.p99 = rank(0.99);
    out.max = sorted.back();
    return out;
}

}  // namespace sdg::endpoint
