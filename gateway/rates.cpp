#include "gateway/rates.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace sdg::gateway {
namespace {

using nlohmann::json;

constexpr std::chrono::nanoseconds kPeriod = std::chrono::seconds(1);

// To a tenth: more is noise.
double rounded(double value) {
    return std::round(value * 10) / 10;
}

}  // namespace

void Rates::poll() {
    const TimePoint now = gateway_.clock().now();
    if (last_ && now - last_->at < kPeriod) {
        return;
    }
    before_ = std::exchange(last_, take(now));
}

Rates::Sample Rates::take(TimePoint now) const {
    Sample out{.at = now, .workers = {}, .ports = {}};
    const auto value = [](const worker::WorkerCounters::Counter& counter) {
        return counter.load(std::memory_order_relaxed);
    };
    for (const auto& worker : gateway_.workers()) {
        const worker::WorkerCounters& c = worker->counters();
        WorkerSample& sample = out.workers.emplace_back();
        sample = {.received = value(c.received),
                  .transmitted = value(c.transmitted),
                  .opened = value(c.opened),
                  .sealed = value(c.sealed),
                  .handled = value(c.handled),
                  .busy_cycles = value(c.busy_cycles),
                  .idle_cycles = value(c.idle_cycles)};
        std::ranges::transform(c.drops, sample.drops.begin(), value);
    }
    for (uint16_t p = 0; p < gateway_.ports().size(); ++p) {
        out.ports.push_back(gateway_.ports().device_counters(p));
    }
    return out;
}

double Rates::interval() const {
    return std::chrono::duration<double>(last_->at - before_->at).count();
}

json Rates::of_worker(size_t index) const {
    if (!before_ || index >= before_->workers.size()) {
        return nullptr;
    }
    const WorkerSample& a = before_->workers[index];
    const WorkerSample& b = last_->workers[index];
    const double seconds = interval();
    const auto rate = [&](uint64_t WorkerSample::*figure) {
        return rounded(static_cast<double>(b.*figure - a.*figure) / seconds);
    };
    const auto grown = [&](uint64_t WorkerSample::*figure) {
        return static_cast<double>(b.*figure - a.*figure);
    };
    const double busy = grown(&WorkerSample::busy_cycles);
    const double idle = grown(&WorkerSample::idle_cycles);
    const double handled = grown(&WorkerSample::handled);
    json drops = json::object();
    for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
        if (b.drops[r] != a.drops[r]) {
            drops[std::string(packet::name(static_cast<packet::DropReason>(r)))] =
                rounded(static_cast<double>(b.drops[r] - a.drops[r]) / seconds);
        }
    }
    return {{"interval_s", rounded(seconds)},
            {"received", rate(&WorkerSample::received)},
            {"transmitted", rate(&WorkerSample::transmitted)},
            {"opened", rate(&WorkerSample::opened)},
            {"sealed", rate(&WorkerSample::sealed)},
            {"handled", rate(&WorkerSample::handled)},
            {"cycles_per_packet", handled > 0 ? json(rounded(busy / handled)) : json(nullptr)},
            {"idle_share",
             busy + idle > 0 ? json(std::round(idle / (busy + idle) * 1e4) / 1e4) : json(nullptr)},
            {"drops", std::move(drops)}};
}

json Rates::of_port(size_t index) const {
    if (!before_ || index >= before_->ports.size()) {
        return nullptr;
    }
    json out = {{"interval_s", rounded(interval())}};
    // Both samples name the same counters in the same order: they are the driver's.
    const auto& a = before_->ports[index];
    const auto& b = last_->ports[index];
    for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        if (a[i].first == b[i].first && b[i].second >= a[i].second) {
            out[b[i].first] = rounded(static_cast<double>(b[i].second - a[i].second) / interval());
        }
    }
    return out;
}

}  // namespace sdg::gateway
