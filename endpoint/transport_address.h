// "10.0.1.2:38412" and "[fd00::2]:38412": an IP address with an SCTP port.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "foundation/ip_address.h"
#include "foundation/result.h"

namespace sdg::endpoint {

struct TransportAddress {
    IpAddress address;
    uint16_t port = 0;  // host order

    [[nodiscard]] static Result<TransportAddress> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    friend bool operator==(const TransportAddress&, const TransportAddress&) = default;
};

}  // namespace sdg::endpoint
