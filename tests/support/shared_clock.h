// A clock that a test sets and threads of the code under test read.
#pragma once

#include <atomic>
#include <chrono>

#include "foundation/clock.h"

namespace sdg::test {

class SharedClock final : public Clock {
 public:
    [[nodiscard]] TimePoint now() const override { return now_.load(); }
    void advance(std::chrono::nanoseconds by) { now_ = now_.load() + by; }

 private:
    std::atomic<TimePoint> now_{TimePoint{}};
};

}  // namespace sdg::test
