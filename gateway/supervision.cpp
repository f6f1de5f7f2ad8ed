#include "gateway/supervision.h"

#include <fmt/format.h>

#include <utility>

#include "control/log.h"

namespace sdg::gateway {
namespace {

constexpr std::chrono::nanoseconds kLook = std::chrono::milliseconds(100);
constexpr std::chrono::nanoseconds kStatus = std::chrono::seconds(5);
// Without a watchdog a worker that hangs is logged all the same.
constexpr std::chrono::microseconds kNoWatchdog = std::chrono::seconds(20);

std::vector<uint64_t> rounds_of(const Gateway& gateway) {
    std::vector<uint64_t> out;
    for (const auto& worker : gateway.workers()) {
        const worker::WorkerCounters& counters = worker->counters();
        out.push_back(counters.idle_rounds.load(std::memory_order_relaxed) +
                      counters.busy_rounds.load(std::memory_order_relaxed));
    }
    return out;
}

}  // namespace

std::optional<size_t> Progress::first_stuck(const std::vector<uint64_t>& counters, TimePoint now) {
    if (seen_.empty()) {
        seen_.resize(counters.size(), {.value = 0, .since = now});
    }
    std::optional<size_t> stuck;
    for (size_t i = 0; i < counters.size(); ++i) {
        if (counters[i] != seen_[i].value) {
            seen_[i] = {.value = counters[i], .since = now};
        } else if (!stuck && now - seen_[i].since >= patience_) {
            stuck = i;
        }
    }
    return stuck;
}

Supervision::Supervision(process::ServiceNotifier notifier)
    : notifier_(std::move(notifier)), progress_(notifier_.watchdog().value_or(kNoWatchdog) / 4) {
}

void Supervision::ready(const Gateway& gateway) {
    status_ = status_of(gateway);
    notifier_.ready(status_);
}

void Supervision::stopping() {
    if (!std::exchange(told_stopping_, true)) {
        notifier_.stopping();
    }
}

void Supervision::poll(const Gateway& gateway, TimePoint now) {
    if (now - looked_ < kLook) {
        return;
    }
    looked_ = now;
    const auto stuck = progress_.first_stuck(rounds_of(gateway), now);
    if (stuck.has_value() != std::exchange(stuck_, stuck.has_value())) {
        auto& log = log::of("gateway");
        if (stuck) {
            log.error("worker {} makes no rounds", *stuck);
        } else {
            log.warn("all workers make rounds again");
        }
    }
    if (!stuck) {
        notifier_.alive(now);
    }
    if (gateway.relay().is_draining()) {
        stopping();
    }
    if (now - told_ >= kStatus) {
        told_ = now;
        if (std::string status = status_of(gateway); status != status_) {
            status_ = std::move(status);
            notifier_.status(status_);
        }
    }
}

std::string Supervision::status_of(const Gateway& gateway) {
    return fmt::format("{} associations{}", gateway.relay().pair_count(),
                       gateway.relay().is_draining() ? ", draining" : "");
}

}  // namespace sdg::gateway
