// The running gateway as its service supervisor sees it (systemd: Type=notify, WatchdogSec).
//
// A sign of life is sent only while every worker makes rounds, so that a worker that hangs gets the
// gateway restarted as surely as a hanging control loop, which sends none. Control thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/process/service_notifier.h"
#include "foundation/clock.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

// Which of several counters stands still. Pure.
class Progress {
 public:
    // A counter that is the same for so long stands still.
    explicit Progress(std::chrono::nanoseconds patience) : patience_(patience) {}
    // The first one that stands still; absent: all move. The number of counters never changes.
    [[nodiscard]] std::optional<size_t> first_stuck(const std::vector<uint64_t>& counters,
                                                    TimePoint now);

 private:
    struct Seen {
        uint64_t value = 0;
        TimePoint since{};
    };
    std::chrono::nanoseconds patience_;
    std::vector<Seen> seen_;
};

class Supervision {
 public:
    explicit Supervision(process::ServiceNotifier notifier);

    void ready(const Gateway& gateway);
    void reloading(TimePoint now) { notifier_.reloading(now); }
    // The gateway ends; told once.
    void stopping();
    // Between rounds of the control loop; does something a few times a second.
    void poll(const Gateway& gateway, TimePoint now);

 private:
    static std::string status_of(const Gateway& gateway);

    process::ServiceNotifier notifier_;
    Progress progress_;
    TimePoint looked_{};
    TimePoint told_{};
    std::string status_;
    bool stuck_ = false;
    bool told_stopping_ = false;
};

}  // namespace sdg::gateway
