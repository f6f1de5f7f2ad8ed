// Verifies the answers of one association against the requests that are outstanding.
//
// An ordered answer must be, octet for octet, the one expected next on its stream. An unordered
// answer must equal any unordered answer still expected on its stream. PPID and flag are part of
// the comparison. The check never forgives: after the first mismatch the association's order is
// unknown, so the caller is expected to stop.
//
// Unless it tolerates loss, as when a gateway on the way is killed and restarts the association:
// then answers may be missing, late, or come twice (the request was sent again), but none may be
// altered or one that was never due, and each of them is told by take_deviations(). Single thread;
// pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/user_message.h"
#include "foundation/clock.h"
#include "foundation/result.h"

namespace sdg::endpoint {

// One request with what must come back; shared by all associations that play it.
struct PlannedMessage {
    std::string name;
    UserMessage request;
    UserMessage answer;
};

// What was tolerated. A lost answer may still come: then it is told again, as late.
struct Deviation {
    enum class Kind { lost, late, repeated };
    Kind kind;
    std::shared_ptr<const PlannedMessage> planned;
    TimePoint sent_at;  // of the request
};

class AnswerCheck {
 public:
    explicit AnswerCheck(bool tolerates_loss = false) : tolerates_loss_(tolerates_loss) {}

    void expect(std::shared_ptr<const PlannedMessage> planned, TimePoint sent_at);

    // The time the verified answer's request was sent; nothing for one that is late or repeated,
    // where that is tolerated. An error says what is wrong with it.
    [[nodiscard]] Result<std::optional<TimePoint>> verify(const UserMessage& received);
    // Waits no longer for answers to requests sent before then.
    void give_up(TimePoint sent_before);

    [[nodiscard]] size_t outstanding() const { return outstanding_; }
    [[nodiscard]] size_t outstanding_octets() const { return outstanding_octets_; }
    // Those since the last call.
    [[nodiscard]] std::vector<Deviation> take_deviations() {
        return std::exchange(deviations_, {});
    }
    // Not waited for any more, less those that came late.
    [[nodiscard]] size_t lost() const { return lost_; }
    // Name of the request that waits longest; empty when none waits.
    [[nodiscard]] std::string oldest() const;

 private:
    struct Waiting {
        std::shared_ptr<const PlannedMessage> planned;
        TimePoint sent_at;
        bool answered = false;
    };
    using Queue = std::deque<Waiting>;
    struct Lane {
        Queue ordered;
        Queue unordered;
        Queue former;  // answered or given up; only where loss is tolerated
    };
    static constexpr size_t kRemembered = 256;

    TimePoint take(Lane& lane, Queue& queue, const Queue::const_iterator& which, bool answered);
    [[nodiscard]] bool take_former(Lane& lane, const UserMessage& received);

    bool tolerates_loss_;
    std::map<uint16_t, Lane> lanes_;  // by the answer's stream
    std::vector<Deviation> deviations_;
    size_t lost_ = 0;
    size_t outstanding_ = 0;
    size_t outstanding_octets_ = 0;  // of requests and answers, the larger of each
};

}  // namespace sdg::endpoint
