#include "endpoint/answer_check.h"

#include <algorithm>
#include <utility>

namespace sdg::endpoint {
namespace {

size_t weight(const PlannedMessage& planned) {
    return std::max(planned.request.bytes.size(), planned.answer.bytes.size());
}

std::string_view flag(const UserMessage& message) {
    return message.ordered ? "ordered" : "unordered";
}

// What distinguishes the answer from the one expected, for a person.
std::string difference(const UserMessage& received, const PlannedMessage& planned) {
    const UserMessage& wanted = planned.answer;
    if (received.ppid != wanted.ppid) {
        return fmt::format("PPID {} instead of {}", received.ppid, wanted.ppid);
    }
    if (received.bytes.size() != wanted.bytes.size()) {
        return fmt::format("{} octets instead of {}", received.bytes.size(), wanted.bytes.size());
    }
    const auto [got, want] =
        std::mismatch(received.bytes.begin(), received.bytes.end(), wanted.bytes.begin());
    return fmt::format("octet {} of {} is {:02x} instead of {:02x}", got - received.bytes.begin(),
                       wanted.bytes.size(), *got, *want);
}

}  // namespace

void AnswerCheck::expect(std::shared_ptr<const PlannedMessage> planned, TimePoint sent_at) {
    ++outstanding_;
    outstanding_octets_ += weight(*planned);
    Lane& lane = lanes_[planned->answer.stream];
    auto& queue = planned->answer.ordered ? lane.ordered : lane.unordered;
    queue.push_back({std::move(planned), sent_at});
}

TimePoint AnswerCheck::take(Lane& lane, Queue& queue, const Queue::const_iterator& which,
                            bool answered) {
    const TimePoint sent_at = which->sent_at;
    --outstanding_;
    outstanding_octets_ -= weight(*which->planned);
    lost_ += answered ? 0 : 1;
    if (tolerates_loss_) {
        if (!answered) {
            deviations_.push_back({Deviation::Kind::lost, which->planned, sent_at});
        }
        lane.former.push_back({which->planned, sent_at, answered});
        if (lane.former.size() > kRemembered) {
            lane.former.pop_front();
        }
    }
    queue.erase(which);
    return sent_at;
}

// Late, when it had been given up; else a repetition. Of several that it answers the last is meant:
// those before may be of an association that has ended.
bool AnswerCheck::take_former(Lane& lane, const UserMessage& received) {
    Waiting* found = nullptr;
    for (Waiting& one : lane.former) {
        if (one.planned->answer == received &&
            (found == nullptr || found->answered || !one.answered)) {
            found = &one;
        }
    }
    if (found == nullptr) {
        return false;
    }
    const bool repeated = std::exchange(found->answered, true);
    deviations_.push_back({repeated ? Deviation::Kind::repeated : Deviation::Kind::late,
                           found->planned, found->sent_at});
    lost_ -= repeated ? 0 : 1;
    return true;
}

Result<std::optional<TimePoint>> AnswerCheck::verify(const UserMessage& received) {
    const auto none_is_due = [&] {
        return fail(ErrorCode::protocol, "{} message of {} octets on stream {}, where none is due",
                    flag(received), received.bytes.size(), received.stream);
    };
    const auto found = lanes_.find(received.stream);
    if (found == lanes_.end()) {
        return none_is_due();
    }
    Lane& lane = found->second;
    Queue& queue = received.ordered ? lane.ordered : lane.unordered;
    const auto match = std::find_if(queue.begin(), queue.end(), [&](const Waiting& waiting) {
        return waiting.planned->answer == received;
    });
    if (match == queue.end()) {
        if (take_former(lane, received)) {
            return std::nullopt;
        }
        if (queue.empty()) {
            return none_is_due();
        }
        return fail(ErrorCode::protocol, "answer to {} on stream {} differs: {}",
                    queue.front().planned->name, received.stream,
                    difference(received, *queue.front().planned));
    }
    if (received.ordered && match != queue.begin()) {
        if (!tolerates_loss_) {
            return fail(ErrorCode::protocol,
                        "order broken on stream {}: answer to {} before that to {}",
                        received.stream, match->planned->name, queue.front().planned->name);
        }
        for (auto before = match - queue.begin(); before > 0; --before) {
            take(lane, queue, queue.begin(), false);
        }
        return take(lane, queue, queue.begin(), true);
    }
    return take(lane, queue, match, true);
}

void AnswerCheck::give_up(TimePoint sent_before) {
    for (auto& [stream, lane] : lanes_) {
        for (Queue* queue : {&lane.ordered, &lane.unordered}) {
            while (!queue->empty() && queue->front().sent_at < sent_before) {
                take(lane, *queue, queue->begin(), false);
            }
        }
    }
}

std::string AnswerCheck::oldest() const {
    const Waiting* oldest = nullptr;
    for (const auto& [stream, lane] : lanes_) {
        for (const auto* queue : {&lane.ordered, &lane.unordered}) {
            if (!queue->empty() && (!oldest || queue->front().sent_at < oldest->sent_at)) {
                oldest = &queue->front();
            }
        }
    }
    return oldest ? oldest->planned->name : std::string();
}

}  // namespace sdg::endpoint
