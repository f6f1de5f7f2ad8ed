#include "endpoint/transport_address.h"

#include <charconv>

namespace sdg::endpoint {

Result<TransportAddress> TransportAddress::parse(std::string_view text) {
    const auto bad = [text] {
        return fail(ErrorCode::invalid_argument,
                    "'{}' is not an address with a port like 10.0.1.2:38412 or [fd00::2]:38412",
                    text);
    };
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || colon + 1 == text.size()) {
        return bad();
    }
    std::string_view host = text.substr(0, colon);
    const std::string_view digits = text.substr(colon + 1);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) {
        host = host.substr(1, host.size() - 2);
    }
    const auto address = IpAddress::parse(host);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!address || error != std::errc() || end != digits.data() + digits.size() ||
        bracketed != (address->family == IpAddress::Family::v6)) {
        return bad();
    }
    return TransportAddress{*address, port};
}

std::string TransportAddress::to_string() const {
    return address.family == IpAddress::Family::v6
               ? fmt::format("[{}]:{}", address.to_string(), port)
               : fmt::format("{}:{}", address.to_string(), port);
}

}  // namespace sdg::endpoint
