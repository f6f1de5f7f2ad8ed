#include "dataplane/port/neighbour_table.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

namespace sdg::port {

NeighbourTable::NeighbourTable(uint64_t cycles_per_second, uint64_t seed)
    : cycles_per_second_(cycles_per_second), seed_(seed) {
}

NeighbourTable::~NeighbourTable() {
    for (Entry& entry : entries_) {
        release(entry);
    }
}

NeighbourTable::Words NeighbourTable::words_of(const IpAddress& address) {
    Words words{};
    std::memcpy(&words.high, address.octets.data(), 8);
    std::memcpy(&words.low, address.octets.data() + 8, 8);
    words.family = static_cast<uint64_t>(address.family);
    return words;
}

IpAddress NeighbourTable::address_of(const Entry& entry) {
    IpAddress address;
    const uint64_t high = entry.high.load(std::memory_order_relaxed);
    const uint64_t low = entry.low.load(std::memory_order_relaxed);
    std::memcpy(address.octets.data(), &high, 8);
    std::memcpy(address.octets.data() + 8, &low, 8);
    address.family =
        static_cast<IpAddress::Family>((entry.link.load(std::memory_order_relaxed) >> 8) & 0xff);
    return address;
}

NeighbourTable::State NeighbourTable::state_of(const Entry& entry) {
    return static_cast<State>(entry.link.load(std::memory_order_relaxed) & 0xff);
}

namespace {

MacAddress unpack_mac(uint64_t link) {
    MacAddress mac;
    for (size_t i = 0; i < mac.size(); ++i) {
        mac[i] = static_cast<uint8_t>(link >> (56 - 8 * i));
    }
    return mac;
}

uint64_t pack_mac(const MacAddress& mac) {
    uint64_t link = 0;
    for (const uint8_t octet : mac) {
        link = link << 8 | octet;
    }
    return link << 16;
}

}  // namespace

MacAddress NeighbourTable::mac_of(const Entry& entry) {
    return unpack_mac(entry.link.load(std::memory_order_relaxed));
}

// Stores with release and loads with acquire order the version against the words in between without
// fences (which the thread sanitizer does not model); on x86-64 they cost nothing.
void NeighbourTable::publish(Entry& entry, const Words& words, const MacAddress& mac, State state) {
    const uint32_t version = entry.version.load(std::memory_order_relaxed);
    entry.version.store(version + 1, std::memory_order_relaxed);
    entry.high.store(words.high, std::memory_order_release);
    entry.low.store(words.low, std::memory_order_release);
    entry.link.store(pack_mac(mac) | words.family << 8 | static_cast<uint64_t>(state),
                     std::memory_order_release);
    entry.version.store(version + 2, std::memory_order_release);
}

size_t NeighbourTable::set_of(const Words& words) const {
    uint64_t hash = (words.high ^ seed_) * 0x9e3779b97f4a7c15U;
    hash = (hash ^ (hash >> 29) ^ words.low) * 0xbf58476d1ce4e5b9U;
    hash = (hash ^ (hash >> 32) ^ words.family) * 0x94d049bb133111ebU;
    return (hash >> 40) % (kEntries / kWays) * kWays;
}

bool NeighbourTable::find(const IpAddress& address, MacAddress& mac) const {
    const Words words = words_of(address);
    const size_t set = set_of(words);
    for (size_t way = 0; way < kWays; ++way) {
        const Entry& entry = entries_[set + way];
        const uint32_t before = entry.version.load(std::memory_order_acquire);
        const uint64_t high = entry.high.load(std::memory_order_acquire);
        const uint64_t low = entry.low.load(std::memory_order_acquire);
        const uint64_t link = entry.link.load(std::memory_order_acquire);
        const uint32_t after = entry.version.load(std::memory_order_relaxed);
        const auto state = static_cast<State>(link & 0xff);
        if (high != words.high || low != words.low || ((link >> 8) & 0xff) != words.family ||
            state == State::free) {
            continue;
        }
        if (before != after || (before & 1) != 0 || state == State::incomplete) {
            return false;
        }
        mac = unpack_mac(link);
        // Looked at first, so that an entry in use by several workers stays shared in their caches.
        if (!entry.used.load(std::memory_order_relaxed)) {
            entry.used.store(true, std::memory_order_relaxed);
        }
        return true;
    }
    return false;
}

NeighbourTable::Entry* NeighbourTable::find_entry(const Words& words) {
    const size_t set = set_of(words);
    for (size_t way = 0; way < kWays; ++way) {
        Entry& entry = entries_[set + way];
        if (state_of(entry) != State::free &&
            entry.high.load(std::memory_order_relaxed) == words.high &&
            entry.low.load(std::memory_order_relaxed) == words.low &&
            ((entry.link.load(std::memory_order_relaxed) >> 8) & 0xff) == words.family) {
            return &entry;
        }
    }
    return nullptr;
}

size_t NeighbourTable::release(Entry& entry) {
    HeldPackets& packets = held_[static_cast<size_t>(&entry - entries_.data())];
    const size_t count = entry.held;
    for (size_t i = 0; i < count; ++i) {
        rte_pktmbuf_free(packets[i]);
    }
    held_in_all_ -= count;
    entry.held = 0;
    return count;
}

// A free entry of the set, or else: the oldest unanswered one, or one that nobody has used for two
// refresh intervals. Addresses in use are never pushed out by ones that do not answer.
NeighbourTable::Entry* NeighbourTable::claim(const Words& words, uint64_t now, size_t& dropped) {
    const size_t set = set_of(words);
    Entry* oldest_incomplete = nullptr;
    Entry* unused = nullptr;
    const uint64_t now_s = now / cycles_per_second_;
    for (size_t way = 0; way < kWays; ++way) {
        Entry& entry = entries_[set + way];
        switch (state_of(entry)) {
            case State::free:
                return &entry;
            case State::incomplete:
                if (oldest_incomplete == nullptr ||
                    entry.confirmed_at < oldest_incomplete->confirmed_at) {
                    oldest_incomplete = &entry;
                }
                break;
            case State::reachable:
            case State::stale:
                note_use(entry, now);
                if (now_s - entry.used_at_s > 2 * kFreshSeconds) {
                    unused = &entry;
                }
                break;
            case State::fixed:
                break;
        }
    }
    Entry* victim = unused != nullptr ? unused : oldest_incomplete;
    if (victim != nullptr) {
        dropped += release(*victim);
    }
    return victim;
}

void NeighbourTable::note_use(Entry& entry, uint64_t now) {
    if (entry.used.load(std::memory_order_relaxed)) {
        entry.used.store(false, std::memory_order_relaxed);
        entry.used_at_s = static_cast<uint32_t>(now / cycles_per_second_);
    }
}

Result<void> NeighbourTable::add_fixed(const IpAddress& address, const MacAddress& mac) {
    const Words words = words_of(address);
    if (find_entry(words) != nullptr) {
        return fail(ErrorCode::already_exists, "neighbour {} is listed twice", address.to_string());
    }
    size_t dropped = 0;
    Entry* entry = claim(words, 0, dropped);
    if (entry == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no room for neighbour {}", address.to_string());
    }
    publish(*entry, words, mac, State::fixed);
    return {};
}

NeighbourTable::Hold NeighbourTable::hold(const IpAddress& address, rte_mbuf* packet,
                                          uint64_t now) {
    Hold out;
    const Words words = words_of(address);
    Entry* entry = find_entry(words);
    if (entry == nullptr) {
        entry = claim(words, now, out.dropped);
        if (entry == nullptr) {
            return out;
        }
        publish(*entry, words, {}, State::incomplete);
        entry->confirmed_at = now;  // while incomplete: since when
        entry->solicited_at = now;
        entry->used_at_s = static_cast<uint32_t>(now / cycles_per_second_);
        entry->requests = 1;
        out.solicit = true;
    }
    if (state_of(*entry) != State::incomplete || entry->held == kHeldPerNeighbour ||
        held_in_all_ == kHeldInAll) {
        return out;
    }
    held_[static_cast<size_t>(entry - entries_.data())][entry->held++] = packet;
    ++held_in_all_;
    out.held = true;
    return out;
}

size_t NeighbourTable::learn(const IpAddress& address, const MacAddress& mac, bool override,
                             uint64_t now, std::span<rte_mbuf*, kHeldPerNeighbour> released) {
    const Words words = words_of(address);
    Entry* entry = find_entry(words);
    if (entry == nullptr || state_of(*entry) == State::fixed) {
        return 0;
    }
    if (!override && state_of(*entry) != State::incomplete && mac != mac_of(*entry)) {
        return 0;
    }
    const size_t count = entry->held;
    std::copy_n(held_[static_cast<size_t>(entry - entries_.data())].begin(), count,
                released.begin());
    entry->held = 0;
    held_in_all_ -= count;
    entry->confirmed_at = now;
    entry->requests = 0;
    publish(*entry, words, mac, State::reachable);
    return count;
}

// True when a request for the entry's address is due.
bool NeighbourTable::advance(Entry& entry, uint64_t now, size_t& dropped) {
    const State state = state_of(entry);
    if (state == State::free || state == State::fixed) {
        return false;
    }
    note_use(entry, now);
    const Words words = words_of(address_of(entry));
    if (state == State::reachable) {
        const uint64_t unused_s = now / cycles_per_second_ - entry.used_at_s;
        if (unused_s >= kUnusedSeconds) {
            publish(entry, {}, {}, State::free);
            return false;
        }
        if (now - entry.confirmed_at < kFreshSeconds * cycles_per_second_ ||
            unused_s >= kFreshSeconds) {
            return false;
        }
        publish(entry, words, mac_of(entry), State::stale);
        entry.requests = 1;
        entry.solicited_at = now;
        return true;
    }
    if (now - entry.solicited_at < kRetrySeconds * cycles_per_second_) {
        return false;
    }
    if (entry.requests >= kRequests) {
        dropped += release(entry);
        publish(entry, {}, {}, State::free);
        return false;
    }
    ++entry.requests;
    entry.solicited_at = now;
    return true;
}

size_t NeighbourTable::size() const {
    return static_cast<size_t>(
        std::count_if(entries_.begin(), entries_.end(),
                      [](const Entry& entry) { return state_of(entry) != State::free; }));
}

}  // namespace sdg::port
