#include "endpoint/answer_book.h"

namespace sdg::endpoint {

UserMessage transformed(const UserMessage& request) {
    UserMessage answer = request;
    for (size_t i = 0; i < answer.bytes.size(); ++i) {
        answer.bytes[i] ^= answer_mask(i);
    }
    return answer;
}

AnswerBook::AnswerBook(const Exchange& exchange) {
    for (const ExchangeStep& step : exchange.steps) {
        if (step.answer) {
            paired_.emplace(std::pair{step.request.ppid, step.request.bytes}, *step.answer);
        }
    }
}

UserMessage AnswerBook::answer_to(const UserMessage& request) const {
    const auto found = paired_.find({request.ppid, request.bytes});
    return found == paired_.end() ? transformed(request) : found->second;
}

}  // namespace sdg::endpoint
