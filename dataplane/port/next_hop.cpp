#include "dataplane/port/next_hop.h"

#include <algorithm>

namespace sdg::port {
namespace {

bool all_zero(const IpAddress& address) {
    return std::all_of(address.octets.begin(), address.octets.end(),
                       [](uint8_t octet) { return octet == 0; });
}

std::optional<IpAddress> broadcast_of(const Prefix& prefix) {
    if (prefix.address.family != IpAddress::Family::v4 || prefix.length > 30) {
        return std::nullopt;
    }
    IpAddress out = prefix.address;
    for (unsigned bit = prefix.length; bit < 32; ++bit) {
        out.octets[bit / 8] = static_cast<uint8_t>(out.octets[bit / 8] | (0x80U >> (bit % 8)));
    }
    return out;
}

Result<void> check(const Prefix& prefix) {
    if (!prefix.address.is_set() || prefix.length > prefix.address.size() * 8) {
        return fail(ErrorCode::invalid_argument, "prefix {}/{} is not one",
                    prefix.address.to_string(), prefix.length);
    }
    return {};
}

}  // namespace

bool is_unicast(const IpAddress& address) {
    if (address.family == IpAddress::Family::v4) {
        const uint8_t first = address.octets[0];
        return first != 0 && first != 127 && first < 224;
    }
    if (address.family != IpAddress::Family::v6 || address.octets[0] == 0xff) {
        return false;
    }
    IpAddress loopback;
    loopback.family = IpAddress::Family::v6;
    loopback.octets[15] = 1;
    return address != loopback && !all_zero(address);
}

Result<NextHops> NextHops::create(const std::vector<Prefix>& addresses,
                                  const std::vector<Route>& routes) {
    NextHops out;
    for (const Prefix& own : addresses) {
        if (auto ok = check(own); !ok) {
            return tl::unexpected(ok.error());
        }
        if (!is_unicast(own.address)) {
            return fail(ErrorCode::invalid_argument, "{} is not a unicast address",
                        own.address.to_string());
        }
        out.own_.push_back(own.address);
        out.on_link_.push_back(own);
        out.entries_.push_back({own, {}, broadcast_of(own)});
    }
    for (const Route& route : routes) {
        if (auto ok = check(route.destination); !ok) {
            return tl::unexpected(ok.error());
        }
        const bool reachable =
            std::any_of(out.on_link_.begin(), out.on_link_.end(), [&route](const Prefix& prefix) {
                return route.via.in_prefix(prefix.address, prefix.length);
            });
        if (!reachable || out.owns(route.via) ||
            route.via.family != route.destination.address.family) {
            return fail(ErrorCode::invalid_argument,
                        "route to {}/{}: gateway {} is not a neighbour on this port",
                        route.destination.address.to_string(), route.destination.length,
                        route.via.to_string());
        }
        out.entries_.push_back({route.destination, route.via, std::nullopt});
    }
    std::stable_sort(out.entries_.begin(), out.entries_.end(), [](const Entry& a, const Entry& b) {
        return a.prefix.length > b.prefix.length;
    });
    return out;
}

std::optional<IpAddress> NextHops::towards(const IpAddress& destination) const {
    for (const Entry& entry : entries_) {
        if (!destination.in_prefix(entry.prefix.address, entry.prefix.length)) {
            continue;
        }
        if (entry.via.is_set()) {
            return is_unicast(destination) ? std::optional(entry.via) : std::nullopt;
        }
        if (entry.broadcast == destination || !is_unicast(destination) || owns(destination)) {
            return std::nullopt;
        }
        return destination;
    }
    return std::nullopt;
}

std::optional<IpAddress> NextHops::source_for(const IpAddress& next_hop) const {
    for (size_t i = 0; i < own_.size(); ++i) {
        if (next_hop.in_prefix(on_link_[i].address, on_link_[i].length)) {
            return own_[i];
        }
    }
    for (const IpAddress& own : own_) {
        if (own.family == next_hop.family) {
            return own;
        }
    }
    return std::nullopt;
}

}  // namespace sdg::port
