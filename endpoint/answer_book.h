// What the server answers, computed alike by the client that verifies it.
//
// A request of the exchange file that has a paired answer (same PPID, exactly the same octets) gets
// that answer. Every other message is answered by its transformation: same length, same stream,
// same PPID, same ordered/unordered flag, octet i of the answer = octet i of the request xor
// mask(i). Single thread; the book keeps its own copy of the exchange's messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "endpoint/exchange_file.h"
#include "endpoint/user_message.h"

namespace sdg::endpoint {

// mask(i) = (131 i + 7 + floor(i / 256)) mod 256: never the identity over two neighbouring octets,
// and different in every 256-octet block, so swapped blocks show.
[[nodiscard]] constexpr uint8_t answer_mask(size_t index) {
    return static_cast<uint8_t>(131 * index + 7 + (index >> 8));
}

[[nodiscard]] UserMessage transformed(const UserMessage& request);

class AnswerBook {
 public:
    AnswerBook() = default;  // transforms everything
    explicit AnswerBook(const Exchange& exchange);

    [[nodiscard]] UserMessage answer_to(const UserMessage& request) const;

 private:
    std::map<std::pair<uint32_t, Bytes>, UserMessage> paired_;  // by PPID and octets
};

}  // namespace sdg::endpoint
