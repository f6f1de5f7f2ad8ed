// Which on-link address a packet goes to: longest prefix over the port's own prefixes and its
// static routes. Immutable after construction, so any thread may ask.
#pragma once

#include <optional>
#include <vector>

#include "foundation/ip_address.h"
#include "foundation/result.h"

namespace sdg::port {

struct Prefix {
    IpAddress address;
    unsigned length = 0;  // bits
};

struct Route {
    Prefix destination;
    IpAddress via;
};

class NextHops {
 public:
    NextHops() = default;
    // addresses: the port's own, each with its on-link prefix length. invalid_argument when a
    // length is out of range or a gateway is not on-link.
    [[nodiscard]] static Result<NextHops> create(const std::vector<Prefix>& addresses,
                                                 const std::vector<Route>& routes);

    // The next hop towards destination: itself when on-link, else a gateway. Nothing: no route, or
    // not a unicast address (multicast, unspecified, the prefix's broadcast address).
    [[nodiscard]] std::optional<IpAddress> towards(const IpAddress& destination) const;
    // Whether address is one of the port's own.
    [[nodiscard]] bool owns(const IpAddress& address) const {
        for (const IpAddress& own : own_) {
            if (own == address) {
                return true;
            }
        }
        return false;
    }
    // The port's own address to ask for next_hop with: the one whose prefix holds it, else the
    // first of the family.
    [[nodiscard]] std::optional<IpAddress> source_for(const IpAddress& next_hop) const;
    [[nodiscard]] const std::vector<IpAddress>& own() const { return own_; }

 private:
    struct Entry {
        Prefix prefix;
        IpAddress via;  // unset: on-link
        std::optional<IpAddress> broadcast;
    };
    std::vector<IpAddress> own_;
    std::vector<Prefix> on_link_;  // as in own_
    std::vector<Entry> entries_;   // longest prefix first; on-link before a route of equal length
};

// A source address that a packet from the network may have: unicast, not loopback.
[[nodiscard]] bool is_unicast(const IpAddress& address);

}  // namespace sdg::port
