// Counts the associations that a listener has accepted and whose peers have not shown yet that they
// have keys: nothing of theirs has been opened. Whoever has an address gets that far, and stays
// until the handshake of key management is given up. So only a part of a listener's places is for
// them, and of one source only a smaller one: a stranger cannot keep everybody else out.
//
// A source is one IPv4 address or one IPv6 /64. Control thread. One object for each listening
// address and port.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <unordered_map>

#include "foundation/source_network.h"

namespace sdg::sctp {

// Parts of a listener's places; at least one place each.
struct UnauthenticatedShares {
    double all = 0.75;
    double source = 0.5;
};

class UnauthenticatedPeers {
 public:
    [[nodiscard]] bool admits(const IpAddress& peer, uint32_t places,
                              const UnauthenticatedShares& shares) const {
        const auto found = by_source_.find(source_network(peer));
        const uint32_t of_source = found != by_source_.end() ? found->second : 0;
        return all_ < part(places, shares.all) && of_source < part(places, shares.source);
    }
    void add(const IpAddress& peer) {
        ++all_;
        ++by_source_[source_network(peer)];
    }
    // Authenticated, or gone.
    void remove(const IpAddress& peer) {
        --all_;
        if (const auto found = by_source_.find(source_network(peer)); --found->second == 0) {
            by_source_.erase(found);
        }
    }
    [[nodiscard]] bool is_empty() const { return all_ == 0; }

 private:
    static uint32_t part(uint32_t places, double share) {
        return std::max(1U, static_cast<uint32_t>(std::ceil(places * share)));
    }

    uint32_t all_ = 0;
    std::unordered_map<IpAddress, uint32_t> by_source_;
};

}  // namespace sdg::sctp
