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

TimePoint AnswerCheck::take(std::deque<Waiting>& queue,
                            const std::deque<Waiting>::const_iterator& which) {
    const TimePoint sent_at = which->sent_at;
    --outstanding_;
    outstanding_octets_ -= weight(*which->planned);
    queue.erase(which);
    return sent_at;
}

Result<TimePoint> AnswerCheck::verify(const UserMessage& received) {
    const auto found = lanes_.find(received.stream);
    if (found == lanes_.end()) {
        return fail(ErrorCode::protocol, "{} message of {} octets on stream {}, where none is due",
                    flag(received), received.bytes.size(), received.stream);
    }
    auto& queue = received.ordered ? found->second.ordered : found->second.unordered;
    if (queue.empty()) {
        return fail(ErrorCode::protocol, "{} message of {} octets on stream {}, where none is due",
                    flag(received), received.bytes.size(), received.stream);
    }
    if (received.ordered && queue.front().planned->answer == received) {
        return take(queue, queue.begin());
    }
    const auto match = std::find_if(queue.begin(), queue.end(), [&](const Waiting& waiting) {
        return waiting.planned->answer == received;
    });
    if (match == queue.end()) {
        return fail(ErrorCode::protocol, "answer to {} on stream {} differs: {}",
                    queue.front().planned->name, received.stream,
                    difference(received, *queue.front().planned));
    }
    if (received.ordered) {
        return fail(ErrorCode::protocol,
                    "order broken on stream {}: answer to {} before that to {}", received.stream,
                    match->planned->name, queue.front().planned->name);
    }
    return take(queue, match);
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
