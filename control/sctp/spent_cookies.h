// Which State Cookies have already made a protected association.
//
// A COOKIE ECHO replayed after its association has closed would bring the same parameters and the
// same tags back, hence (method 0) the same keys with sequence number 0: every nonce would be used
// twice. So the pair of tags is remembered until the cookie cannot be valid any more. When the
// memory is full new cookies are refused: forgetting one would reopen the hole.
//
// Control thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <unordered_set>

#include "foundation/clock.h"

namespace sdg::sctp {

class SpentCookies {
 public:
    // hold: at least the lifetime of a cookie.
    SpentCookies(std::chrono::milliseconds hold, size_t capacity)
        : hold_(hold), capacity_(capacity) {}

    enum class Verdict : uint8_t { fresh, spent, full };
    // fresh: it was not there and is now.
    [[nodiscard]] Verdict spend(uint32_t local_tag, uint32_t peer_tag, TimePoint now) {
        while (!order_.empty() && order_.front().until < now) {
            pairs_.erase(order_.front().pair);
            order_.pop_front();
        }
        const uint64_t pair = uint64_t{local_tag} << 32 | peer_tag;
        if (pairs_.contains(pair)) {
            return Verdict::spent;
        }
        if (pairs_.size() >= capacity_) {
            return Verdict::full;
        }
        pairs_.insert(pair);
        order_.push_back({now + hold_, pair});
        return Verdict::fresh;
    }
    [[nodiscard]] size_t size() const { return pairs_.size(); }

 private:
    struct Entry {
        TimePoint until;
        uint64_t pair;
    };
    std::chrono::milliseconds hold_;
    size_t capacity_;
    std::unordered_set<uint64_t> pairs_;
    std::deque<Entry> order_;  // by time: hold_ is the same for all
};

}  // namespace sdg::sctp
