// The exchange file: a dialogue of user messages written down as data (YAML, so JSON as well).
//
//     name: ngap                    # for people
//     port: 38412                   # the SCTP port it belongs to, for people
//     ppid: 60                      # default payload protocol identifier of the messages,
//     0..2^32-1 ordered: true                 # default of the messages messages: # in the order in
//     which the client plays them
//       - name: NGSetupRequest      # unique
//         from: client              # client: a request; server: an answer that a request names
//         stream: 0                 # 0..65534
//         ppid: 60                  # optional
//         ordered: true             # optional
//         hex: "00150033..."        # the user message, at least one octet; blanks are ignored
//         answer: NGSetupResponse   # optional, requests only: the server's answer; without it the
//                                   # server answers by transformation (endpoint/answer_book.h)
//
// Unknown keys, wrong types, an answer nobody names, two requests of the same octets and PPID with
// different answers are errors; every error names file and line.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "endpoint/user_message.h"
#include "foundation/result.h"

namespace sdg::endpoint {

struct ExchangeStep {
    std::string name;
    UserMessage request;
    std::optional<UserMessage> answer;
};

struct Exchange {
    std::string name;
    uint16_t port = 0;
    std::vector<ExchangeStep> steps;
};

[[nodiscard]] Result<Exchange> load_exchange(const std::filesystem::path& file);

// The same from text; origin stands for the file's name in errors.
[[nodiscard]] Result<Exchange> parse_exchange(std::string_view text, std::string_view origin);

}  // namespace sdg::endpoint
