// Monotonic time, injected so that the control plane runs under a fake clock in tests.
// (usrsctp keeps its own idea of round-trip times from gettimeofday; its timers follow ours.)
#pragma once

#include <chrono>

namespace sdg {

using TimePoint = std::chrono::nanoseconds;  // since an arbitrary start

class Clock {
 public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
};

class SteadyClock final : public Clock {
 public:
    [[nodiscard]] TimePoint now() const override {
        return std::chrono::steady_clock::now().time_since_epoch();
    }
};

class ManualClock final : public Clock {
 public:
    [[nodiscard]] TimePoint now() const override { return now_; }
    void advance(std::chrono::nanoseconds by) { now_ += by; }

 private:
    TimePoint now_{};
};

}  // namespace sdg
