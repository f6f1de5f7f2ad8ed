// Link addresses of one port's neighbours, and the packets that wait for one (RFC 826; RFC 4861,
// section 7.3, reduced to what a host that only answers and sends needs).
//
// Fixed size, 128 sets of 8. Single writer: the worker that owns the port's queue 0. find() may be
// called by every worker without locks: each entry carries a version that is odd while it is being
// changed, and a reader that sees a change asks the owner instead. An entry is made only because we
// want to send; what arrives unasked may refresh an entry, never make one. Times are cycles of the
// counter whose frequency was given.
//
//   state       packets            leaves by
//   incomplete  wait (bounded)     answer -> reachable; 3 requests unanswered -> free, packets lost
//   reachable   sent               30 s old and in use -> stale; 5 min unused -> free
//   stale       sent, old address  answer -> reachable; 3 requests unanswered -> free
//   fixed       sent               never
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_mbuf;

namespace sdg::port {

using MacAddress = std::array<uint8_t, 6>;

class NeighbourTable {
 public:
    static constexpr size_t kEntries = 1024;
    static constexpr size_t kHeldPerNeighbour = 16;
    static constexpr size_t kHeldInAll = 512;
    static constexpr unsigned kRequests = 3;
    static constexpr unsigned kRetrySeconds = 1;
    static constexpr unsigned kFreshSeconds = 30;
    static constexpr unsigned kUnusedSeconds = 300;

    // seed: spreads addresses over the sets differently in every process.
    NeighbourTable(uint64_t cycles_per_second, uint64_t seed);
    ~NeighbourTable();  // frees held packets
    NeighbourTable(const NeighbourTable&) = delete;
    NeighbourTable& operator=(const NeighbourTable&) = delete;

    // Before workers start. already_exists, or resource_exhausted when the address's set is full.
    [[nodiscard]] Result<void> add_fixed(const IpAddress& address, const MacAddress& mac);

    // Any worker. True and the link address when the neighbour can be sent to.
    [[nodiscard]] bool find(const IpAddress& address, MacAddress& mac) const;

    // --- owner only -----------------------------------------------------------------------------
    struct Hold {
        bool held = false;     // the table owns the packet now; else the caller still does
        bool solicit = false;  // the caller should ask for the address now
        size_t dropped = 0;    // held packets of an older entry that had to make room, freed
    };
    // Keeps a packet until address is resolved. Call when find() has said no.
    [[nodiscard]] Hold hold(const IpAddress& address, rte_mbuf* packet, uint64_t now);

    // address has been seen with mac. An entry that exists is refreshed; released gets the packets
    // that waited, in order, and their number is returned. override false: a link address that is
    // known already is not replaced (RFC 4861, 7.2.5).
    size_t learn(const IpAddress& address, const MacAddress& mac, bool override, uint64_t now,
                 std::span<rte_mbuf*, kHeldPerNeighbour> released);

    // Looks at a sixteenth of the table; call every 10 ms or so. solicit(address) for every request
    // that is due. Returns how many held packets were given up (freed).
    template <class Solicit>
    size_t tick(uint64_t now, Solicit&& solicit) {
        size_t dropped = 0;
        for (size_t i = 0; i < kEntries / 16; ++i) {
            Entry& entry = entries_[next_tick_];
            if (advance(entry, now, dropped)) {
                solicit(address_of(entry));
            }
            next_tick_ = (next_tick_ + 1) % kEntries;
        }
        return dropped;
    }
    [[nodiscard]] size_t held() const { return held_in_all_; }
    // Entries in any state but free.
    [[nodiscard]] size_t size() const;

 private:
    enum class State : uint8_t { free, incomplete, reachable, stale, fixed };
    static constexpr size_t kWays = 8;

    struct alignas(64) Entry {
        std::atomic<uint32_t> version{0};       // odd: being changed
        mutable std::atomic<bool> used{false};  // set by readers, cleared by the owner
        // The address, and link address (48 bits) | family (8) | state (8).
        std::atomic<uint64_t> high{0};
        std::atomic<uint64_t> low{0};
        std::atomic<uint64_t> link{0};
        // Owner only.
        uint64_t confirmed_at = 0;
        uint64_t solicited_at = 0;
        uint32_t used_at_s = 0;
        uint16_t requests = 0;
        uint16_t held = 0;
    };
    static_assert(sizeof(Entry) == 64);
    using HeldPackets = std::array<rte_mbuf*, kHeldPerNeighbour>;

    struct Words {
        uint64_t high;
        uint64_t low;
        uint64_t family;
    };
    static Words words_of(const IpAddress& address);
    static IpAddress address_of(const Entry& entry);
    static State state_of(const Entry& entry);
    static MacAddress mac_of(const Entry& entry);
    static void publish(Entry& entry, const Words& words, const MacAddress& mac, State state);
    [[nodiscard]] size_t set_of(const Words& words) const;
    [[nodiscard]] Entry* find_entry(const Words& words);
    Entry* claim(const Words& words, uint64_t now, size_t& dropped);
    size_t release(Entry& entry);
    bool advance(Entry& entry, uint64_t now, size_t& dropped);
    void note_use(Entry& entry, uint64_t now);

    std::array<Entry, kEntries> entries_;
    std::array<HeldPackets, kEntries> held_{};
    uint64_t cycles_per_second_;
    uint64_t seed_;
    size_t held_in_all_ = 0;
    size_t next_tick_ = 0;
};

}  // namespace sdg::port
