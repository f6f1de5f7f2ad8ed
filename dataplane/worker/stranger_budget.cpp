#include "dataplane/worker/stranger_budget.h"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/code_points.h"

namespace sdg::worker {
namespace {

using packet::DropReason;

// Nobody sees its values: who does not know the key cannot aim at a bucket.
uint64_t keyed_hash(uint64_t value, const std::array<uint64_t, 2>& key) {
    uint64_t hash = (value ^ key[0]) * 0x9e3779b97f4a7c15U;
    hash = (hash ^ (hash >> 32)) + key[1];
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebU;
    return hash ^ (hash >> 31);
}

// What an attacker can choose freely is no source of its own: of IPv6 only the network counts.
uint64_t prefix_of(const std::array<uint8_t, 16>& source, IpAddress::Family family) {
    uint64_t prefix = 0;
    std::memcpy(&prefix, source.data(), family == IpAddress::Family::v4 ? 4 : 8);
    return prefix;
}

port::RateLimit limit(uint64_t cycles_per_second, uint64_t per_second) {
    return {cycles_per_second, std::max<uint64_t>(per_second, 1),
            std::max<uint64_t>(per_second, 1)};
}

}  // namespace

StrangerBudget::StrangerBudget(const StrangerLimits& limits, uint64_t cycles_per_second,
                               std::array<uint64_t, 2> hash_key)
    : rows_{std::vector<uint64_t>(kBuckets), std::vector<uint64_t>(kBuckets)},
      hash_key_(hash_key),
      cycles_per_packet_(
          std::max<uint64_t>(cycles_per_second / std::max<uint64_t>(limits.source, 1), 1)),
      cycles_to_fill_(cycles_per_packet_ * std::max<uint64_t>(limits.source, 1)),
      inits_(limit(cycles_per_second, limits.inits)),
      cookies_(limit(cycles_per_second, limits.cookies)),
      strays_(limit(cycles_per_second, limits.strays)),
      link_frames_(limit(cycles_per_second, limits.link_frames)) {
}

bool StrangerBudget::admit_source(uint64_t prefix, uint64_t now) {
    const uint64_t hash = keyed_hash(prefix, hash_key_);
    bool admitted = false;
    for (unsigned row = 0; row < 2; ++row) {
        uint64_t& full_at = rows_[row][(row == 0 ? hash : hash >> 32) % kBuckets];
        const uint64_t begin = std::max(full_at, now);
        if (begin + cycles_per_packet_ - now <= cycles_to_fill_) {
            full_at = begin + cycles_per_packet_;
            admitted = true;
        }
    }
    return admitted;
}

DropReason StrangerBudget::admit(const std::array<uint8_t, 16>& source, IpAddress::Family family,
                                 uint8_t first_chunk, uint64_t now) {
    if (!admit_source(prefix_of(source, family), now)) {
        return DropReason::source_rate_limited;
    }
    switch (first_chunk) {
        case packet::kChunkInit:
            return inits_.allow(now) ? DropReason::none : DropReason::init_rate_limited;
        case packet::kChunkCookieEcho:
            return cookies_.allow(now) ? DropReason::none : DropReason::cookie_rate_limited;
        default:
            return strays_.allow(now) ? DropReason::none : DropReason::stray_rate_limited;
    }
}

}  // namespace sdg::worker
