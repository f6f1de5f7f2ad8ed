// When the keys in use have served long enough, told by their counters, for every method that makes
// new ones. Pure functions, any thread.
//
// Source: draft-ietf-tsvwg-sctp-dtls-chunk, the limits q and v of a suite (RFC 9147,
// section 4.5.3).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/keys/chunk_protection.h"

namespace sdg::keymgmt {

// The keys that the association runs under.
struct KeysInUse {
    keys::KeyRole role = keys::KeyRole::primary;
    uint16_t epoch = 0;
    [[nodiscard]] bool are(const keys::EpochStatistics& one) const {
        return one.role == role && one.epoch == epoch;
    }
};

// Why there should be new keys, for the log; empty: no reason. fraction: of q and v. octets: of
// records, both directions together.
[[nodiscard]] std::string reason_to_renew(std::span<const keys::EpochStatistics> epochs,
                                          KeysInUse current, double fraction, uint64_t octets);
// Why the association must end now; empty: no reason.
[[nodiscard]] std::string limit_reached(std::span<const keys::EpochStatistics> epochs,
                                        KeysInUse current);

}  // namespace sdg::keymgmt
