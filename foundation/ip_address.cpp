#include "foundation/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace sdg {

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    const std::string copy(text);
    IpAddress out;
    if (inet_pton(AF_INET, copy.c_str(), out.octets.data()) == 1) {
        out.family = Family::v4;
        return out;
    }
    if (inet_pton(AF_INET6, copy.c_str(), out.octets.data()) == 1) {
        out.family = Family::v6;
        return out;
    }
    return std::nullopt;
}

std::string IpAddress::to_string() const {
    char text[INET6_ADDRSTRLEN] = "unset";
    if (is_set()) {
        inet_ntop(family == Family::v4 ? AF_INET : AF_INET6, octets.data(), text, sizeof text);
    }
    return text;
}

bool IpAddress::in_prefix(const IpAddress& prefix, unsigned prefix_length) const {
    if (family != prefix.family || prefix_length > size() * 8) {
        return false;
    }
    const size_t whole = prefix_length / 8;
    const unsigned rest = prefix_length % 8;
    if (!std::equal(octets.begin(), octets.begin() + static_cast<ptrdiff_t>(whole),
                    prefix.octets.begin())) {
        return false;
    }
    return rest == 0 || ((octets[whole] ^ prefix.octets[whole]) >> (8 - rest)) == 0;
}

}  // namespace sdg
