// StrangerBudget: how many packets of no association a worker lets through to the control thread.
//
// An INIT or a COOKIE ECHO costs the control thread as much as many relayed messages, and each may
// be answered: anybody can send them, also in somebody else's name. So the worker, for which one is
// cheap, takes a bounded number a second from each source (one IPv4 address, one IPv6 /64) and a
// bounded number of each class from all sources together. The classes have budgets of their own, so
// that a flood of INITs with invented sources does not keep out the COOKIE ECHOs of those that have
// got through. As no packet is answered by more than one, the budgets bound answers, too.
//
// Memory is fixed. Sources share buckets by a keyed hash: two rows, and a source is held back only
// when its bucket is empty in both, so that one that keeps its peace is rarely held back for
// another.
//
// One worker's; no packet of an association comes here. Times are cycles, never running backwards.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/drop_reason.h"
#include "dataplane/port/rate_limit.h"
#include "foundation/ip_address.h"

namespace sdg::worker {

// Packets a second; each budget may be used up at once when it has not been used for a second.
struct StrangerLimits {
    uint64_t source = 2000;  // of any class, from one source
    uint64_t inits = 3000;   // from all sources
    uint64_t cookies = 3000;
    uint64_t strays = 1000;  // of any other kind
    // ARP and neighbour discovery messages that go on to the worker that answers them.
    uint64_t link_frames = 5000;
};

class StrangerBudget {
 public:
    StrangerBudget(const StrangerLimits& limits, uint64_t cycles_per_second,
                   std::array<uint64_t, 2> hash_key);

    // none: the packet may go on, and has been paid for. source: network byte order, IPv4 in the
    // first four octets (as in PacketMeta). first_chunk: type of the packet's first chunk.
    [[nodiscard]] packet::DropReason admit(const std::array<uint8_t, 16>& source,
                                           IpAddress::Family family, uint8_t first_chunk,
                                           uint64_t now);
    // A link frame for another worker.
    [[nodiscard]] bool admit_link_frame(uint64_t now) { return link_frames_.allow(now); }

 private:
    static constexpr size_t kBuckets = 4096;  // of a row

    [[nodiscard]] bool admit_source(uint64_t prefix, uint64_t now);

    // Each bucket is the time at which it is full again.
    std::vector<uint64_t> rows_[2];
    std::array<uint64_t, 2> hash_key_;
    uint64_t cycles_per_packet_;
    uint64_t cycles_to_fill_;
    port::RateLimit inits_;
    port::RateLimit cookies_;
    port::RateLimit strays_;
    port::RateLimit link_frames_;
};

}  // namespace sdg::worker
