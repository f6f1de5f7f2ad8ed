// What a loop does when a round found nothing: first spin, then give way, then sleep a little
// longer each time up to a limit; when nothing at all has come for some hundred sleeps, four times
// that. A short sleep costs 8 to 16 us of processor time whatever its length, so the limit decides
// what an idle loop costs, and the gaps between packets under load stay below it. A loop that is
// never idle, as in a flood, gives way after each turn, so that whoever shares its CPU, the other
// loops of the gateway before all, does not wait for the kernel's tick (4 ms). Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sdg::worker {

class IdleBackoff {
 public:
    static constexpr unsigned kSpins = 256;
    static constexpr unsigned kYields = 16;
    static constexpr unsigned kFirstSleepUs = 5;
    static constexpr unsigned kSleepsUntilDeep = 256;

    static constexpr unsigned kTurnUs = 100;

    enum class Action : uint8_t { go_on, spin, yield, sleep };

    // longest_sleep_us 0: never sleep, and never give way while busy: the loop has a CPU of its
    // own. cycles_per_us: of the time that busy() is told.
    IdleBackoff(unsigned longest_sleep_us, uint64_t cycles_per_us)
        : longest_us_(longest_sleep_us), turn_cycles_(kTurnUs * cycles_per_us) {}

    // Call after a round that found something, with the time: go_on, or yield.
    Action busy(uint64_t now_cycles) {
        const bool gave_way = rounds_ > kSpins;
        rounds_ = 0;
        sleeps_ = 0;
        sleep_us_ = 0;
        if (gave_way || turn_start_ == 0) {
            turn_start_ = now_cycles;
        }
        if (longest_us_ == 0 || now_cycles - turn_start_ < turn_cycles_) {
            return Action::go_on;
        }
        turn_start_ = now_cycles;
        return Action::yield;
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
        const bool deep = sleeps_ == kSleepsUntilDeep;
        sleeps_ += deep ? 0 : 1;
        sleep_us_ = std::min(sleep_us_ == 0 ? kFirstSleepUs : sleep_us_ * 2,
                             deep ? 4 * longest_us_ : longest_us_);
        return Action::sleep;
    }
    [[nodiscard]] unsigned sleep_us() const { return sleep_us_; }

 private:
    unsigned longest_us_;
    uint64_t turn_cycles_;
    uint64_t turn_start_ = 0;
    unsigned rounds_ = 0;
    unsigned sleeps_ = 0;
    unsigned sleep_us_ = 0;
};

}  // namespace sdg::worker
