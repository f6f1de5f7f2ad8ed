// Restoration: brings the associations that a former run has left in the store back, by protected
// restart, some at a time.
//
// Peers that come back to thousands of restarts at once would drop them: the order is random, the
// rate is limited and so is how many are under way. Nothing is taken from the store before it is
// its turn; what never had it stays there for the next start. Until then the plain sides'
// four-tuples are held (sctp::Host::hold()).
//
// A store that fails is asked again, a batch at a time and more and more slowly; a pair whose turn
// it is when it has failed for a minute is given up.
//
// Control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/relay/relay.h"
#include "control/restart/keeper.h"
#include "foundation/clock.h"
#include "foundation/random.h"

namespace sdg::relay {

struct RestorationSettings {
    uint32_t per_second = 500;  // associations
    uint32_t at_once = 64;
};

class Restoration {
 public:
    // All outlive it.
    Restoration(Relay& relay, restart::Keeper& keeper, const RestorationSettings& settings,
                const Clock& clock, Random& random);

    // What cannot be restored (another configuration, damaged, an older association of the same
    // accepted leg) is forgotten, and logged.
    void begin(const restart::Listing& listing);
    // One round. Returns how many were begun.
    size_t run();
    // Pairs that are neither restored nor given up yet.
    [[nodiscard]] size_t waiting() const;
    // Leaves the rest in the store: the gateway is being stopped.
    void stop();

 private:
    struct StoredLeg {
        sctp::FourTuple tuple;
        bool is_protected = false;
        std::optional<restart::TakenAssociation> taken = std::nullopt;  // already
    };
    struct Waiting {
        std::shared_ptr<Listener> listener;
        std::shared_ptr<Backend> backend;
        StoredLeg accepted;
        StoredLeg backend_leg;
    };

    [[nodiscard]] Result<Waiting> plan(const restart::ListedAssociation& listed) const;
    [[nodiscard]] static Result<void> check(const Waiting& pair);
    void hold(const Waiting& pair);
    void release(const Waiting& pair);
    void on_taken(std::vector<Waiting>& pairs,
                  std::vector<Result<restart::TakenAssociation>> taken);
    void note_failure();
    void give_up(const Waiting& pair, const std::string& why);

    Relay& relay_;
    restart::Keeper& keeper_;
    RestorationSettings settings_;
    const Clock& clock_;
    Random& random_;
    std::deque<Waiting> waiting_;
    size_t being_taken_ = 0;                  // pairs
    std::optional<TimePoint> failing_since_;  // the store does
    TimePoint next_try_{};
    std::chrono::milliseconds backoff_{};
    TimePoint last_{};
    double allowance_ = 0;  // pairs that may begin now
};

}  // namespace sdg::relay
