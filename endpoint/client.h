// The asking side: plays a plan over one or more associations and verifies every answer.
//
// One thread. Nothing waits for ever: an association on which nothing moves for the time-out fails
// the run with a line that says what it waited for.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "endpoint/play_plan.h"
#include "endpoint/round_trips.h"
#include "endpoint/transport_address.h"
#include "endpoint/wakeup.h"
#include "foundation/clock.h"
#include "foundation/result.h"
#include "foundation/wall_clock.h"

namespace sdg::endpoint {

enum class Ending {
    shutdown,         // we shut the association down in order
    abort,            // we abort it
    expect_abort,     // the peer is to abort it before the plan is over
    expect_shutdown,  // the peer is to shut it down
};

struct ClientOptions {
    TransportAddress connect;
    std::optional<TransportAddress> local;
    uint16_t streams = 16;  // asked for; the plan's need must be granted
    size_t associations = 1;
    std::chrono::milliseconds timeout{20000};  // without any progress
    // Not zero: an answer that does not come within this time is lost, and that is all right.
    std::chrono::milliseconds lose_after{0};
    // An association that ends otherwise than asked is set up anew, and the run goes on.
    bool persist = false;
    Ending ending = Ending::shutdown;
};

// Something out of the ordinary in a run that tolerates it, for whoever knows whether it was due.
struct ClientEvent {
    enum class What {
        lost,       // no answer in time
        late,       // the answer came after it had been given up
        repeated,   // an answer once more
        silence,    // answers were outstanding and none came for kSilence or longer
        up,         // an association is there
        restarted,  // by the peer
        ended,      // an association that was there
        refused,    // one that did not come up
    };
    What what;
    size_t association;
    TimePoint at;
    TimePoint since;     // when the request was sent, the silence began; else as at
    std::string detail;  // name of the message, reason of the end
};

inline constexpr std::chrono::milliseconds kSilence{250};
inline constexpr std::chrono::seconds kLongSilence{8};  // its detail says how the association was
inline constexpr size_t kMostEvents = 200000;

struct PhaseReport {
    std::string name;
    size_t messages = 0;  // verified
    size_t octets_sent = 0;
    size_t octets_received = 0;
    double seconds = 0;  // longest of the associations
    RoundTrips round_trips;
};

struct ClientReport {
    std::vector<PhaseReport> phases;
    size_t sent = 0;
    size_t verified = 0;
    size_t lost = 0;
    size_t restarts = 0;  // that peers began
    // Of the first answers after a restart, one an association: the earliest and the latest.
    std::optional<WallTime> first_after_restart;
    std::optional<WallTime> last_after_restart;
    std::chrono::nanoseconds longest_silence{0};  // between two answers with a request outstanding
    size_t associations_up = 0;
    size_t ended_as_asked = 0;
    std::vector<ClientEvent> events;  // the first kMostEvents; only of runs that tolerate loss
    std::vector<std::string> errors;  // empty: every answer verified, every end as asked
};

// Errors here are those before the first association; everything later is in the report.
[[nodiscard]] Result<ClientReport> run_client(const ClientOptions& options, const Plan& plan,
                                              Wakeup& wakeup);

}  // namespace sdg::endpoint
