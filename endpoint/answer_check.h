// Verifies the answers of one association against the requests that are outstanding.
//
// An ordered answer must be, octet for octet, the one expected next on its stream. An unordered
// answer must equal any unordered answer still expected on its stream. PPID and flag are part of
// the comparison. The check never forgives: after the first mismatch the association's order is
// unknown, so the caller is expected to stop. Single thread; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

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

class AnswerCheck {
 public:
    void expect(std::shared_ptr<const PlannedMessage> planned, TimePoint sent_at);

    // The time the verified answer's request was sent; an error says what is wrong with it.
    [[nodiscard]] Result<TimePoint> verify(const UserMessage& received);

    [[nodiscard]] size_t outstanding() const { return outstanding_; }
    [[nodiscard]] size_t outstanding_octets() const { return outstanding_octets_; }
    // Name of the request that waits longest; empty when none waits.
    [[nodiscard]] std::string oldest() const;

 private:
    struct Waiting {
        std::shared_ptr<const PlannedMessage> planned;
        TimePoint sent_at;
    };
    struct Lane {
        std::deque<Waiting> ordered;
        std::deque<Waiting> unordered;
    };

    TimePoint take(std::deque<Waiting>& queue, const std::deque<Waiting>::const_iterator& which);

    std::map<uint16_t, Lane> lanes_;  // by the answer's stream
    size_t outstanding_ = 0;
    size_t outstanding_octets_ = 0;  // of requests and answers, the larger of each
};

}  // namespace sdg::endpoint
