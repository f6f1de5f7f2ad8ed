// One SCTP user message as the endpoints see it: a value, compared octet for octet.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sdg::endpoint {

using Bytes = std::vector<uint8_t>;

struct UserMessage {
    uint16_t stream = 0;
    bool ordered = true;
    uint32_t ppid = 0;  // host order; on the wire (and in usrsctp) network order
    Bytes bytes;        // never empty: SCTP has no empty user messages

    friend bool operator==(const UserMessage&, const UserMessage&) = default;
};

}  // namespace sdg::endpoint
