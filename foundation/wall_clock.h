// Calendar time, injected so that leases and expiries can be tested.
//
// Only for what several machines or several runs must agree on; everything else uses Clock.
#pragma once

#include <chrono>

namespace sdg {

using WallTime = std::chrono::milliseconds;  // since 1970-01-01 00:00 UTC

class WallClock {
 public:
    virtual ~WallClock() = default;
    [[nodiscard]] virtual WallTime now() const = 0;
};

class SystemWallClock final : public WallClock {
 public:
    [[nodiscard]] WallTime now() const override {
        return std::chrono::duration_cast<WallTime>(
            std::chrono::system_clock::now().time_since_epoch());
    }
};

class ManualWallClock final : public WallClock {
 public:
    explicit ManualWallClock(WallTime start = WallTime(1'800'000'000'000)) : now_(start) {}
    [[nodiscard]] WallTime now() const override { return now_; }
    void advance(std::chrono::milliseconds by) { now_ += by; }

 private:
    WallTime now_;
};

}  // namespace sdg
