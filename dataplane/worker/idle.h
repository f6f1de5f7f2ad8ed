// What a worker does when a round found nothing: first spin, then give way, then sleep a little
// longer each time up to a limit. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sdg::worker {

class IdleBackoff {
 public:
    static constexpr unsigned kSpins = 256;
    static constexpr unsigned kYields = 16;
    static constexpr unsigned kFirstSleepUs = 5;

    enum class Action : uint8_t { spin, yield, sleep };

    // longest_sleep_us 0: never sleep.
    explicit IdleBackoff(unsigned longest_sleep_us) : longest_us_(longest_sleep_us) {}

    void busy() {
        rounds_ = 0;
        sleep_us_ = 0;
    }
    // Call after an idle round; sleep_us() is set when the answer is sleep.
    Action idle() {
        if (rounds_ < kSpins) {
            ++rounds_;
            return Action::spin;
        }
        if (longest_us_ == 0 || rounds_ < kSpins + kYields) {
            rounds_ = std::min(rounds_ + 1, kSpins + kYields);
            return Action::yield;
        }
        sleep_us_ = std::min(sleep_us_ == 0 ? kFirstSleepUs : sleep_us_ * 2, longest_us_);
        return Action::sleep;
    }
    [[nodiscard]] unsigned sleep_us() const { return sleep_us_; }

 private:
    unsigned longest_us_;
    unsigned rounds_ = 0;
    unsigned sleep_us_ = 0;
};

}  // namespace sdg::worker
