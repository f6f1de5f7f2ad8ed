// The associations that relay the most: for pages and screens that cannot show all of them.
//
// One look walks all associations once (1 ms for some 20,000), so looks closer together than a
// second get the answer of the one before. Nothing is done while nobody looks. Control thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "control/relay/relay.h"
#include "foundation/clock.h"

namespace sdg::gateway {

class Busiest {
 public:
    static constexpr size_t kMost = 200;

    // relay and clock outlive the object.
    Busiest(const relay::Relay& relay, const Clock& clock) : relay_(relay), clock_(clock) {}

    // {"associations": [...], "total": n, "interval_s": s or null}: lines of the list with
    // "messages_per_s" and "octets_per_s" of both directions together since the look before, null
    // for associations that were not there then; the busiest first, at most kMost. Without a look
    // in the last minute the order is that of all messages so far.
    [[nodiscard]] const nlohmann::json& look();

 private:
    struct Total {
        uint64_t id = 0;
        uint64_t messages = 0;
        uint64_t octets = 0;
    };

    const relay::Relay& relay_;
    const Clock& clock_;
    std::vector<Total> before_;  // by id, as the relay has them
    std::optional<TimePoint> looked_at_;
    nlohmann::json answer_;
};

}  // namespace sdg::gateway
