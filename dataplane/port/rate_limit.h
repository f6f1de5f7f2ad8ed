// Token bucket on a cycle counter. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sdg::port {

class RateLimit {
 public:
    // per_second tokens come in, at most `burst` are kept; starts full.
    RateLimit(uint64_t cycles_per_second, uint64_t per_second, uint64_t burst)
        : cycles_per_token_(std::max<uint64_t>(cycles_per_second / per_second, 1)),
          burst_(burst),
          tokens_(burst) {}

    // Takes a token if there is one. now: cycles, never running backwards.
    [[nodiscard]] bool allow(uint64_t now) {
        const uint64_t earned = (now - filled_at_) / cycles_per_token_;
        if (earned > 0) {
            tokens_ = earned >= burst_ ? burst_ : std::min(tokens_ + earned, burst_);
            filled_at_ += earned * cycles_per_token_;
        }
        if (tokens_ == 0) {
            return false;
        }
        --tokens_;
        return true;
    }

 private:
    uint64_t cycles_per_token_;
    uint64_t burst_;
    uint64_t tokens_;
    uint64_t filled_at_ = 0;
};

}  // namespace sdg::port
