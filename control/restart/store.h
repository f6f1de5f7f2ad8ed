// RestartStore: restart contexts in persistent storage, each given out at most once.
//
// A context that has been used must never be used again: its records would repeat nonces. So take()
// deletes it durably and only then returns it. Whatever happens in between (the process killed, the
// connection lost, the disk full) loses the context at worst.
//
// Associations live in groups, the unit that moves from one gateway to another (e.g. one per
// service address). Whoever writes to a group holds its lease. acquire() gives every lease a new
// lease epoch; every write carries the lease and fails with `fenced` when the group's epoch has
// moved on, whoever moved it. The expiry only says when another owner may acquire without force:
// an owner that is late with renew() goes on as long as nobody has taken the group. Owners' clocks
// need to agree to within a part of the lease's duration for take-over to be timely; safety does
// not rest on them.
//
// An association has at most two contexts: the current one and, until the caller knows that both
// sides have committed the current one (drop_previous()), the previous one.
//
// Cost: every call blocks. SQLite: a write is one transaction with one fsync (0.1 to 20 ms by disk,
// for one association as for a thousand); list() and take() also open what they read, about 2 us a
// context. Redis: one or two round trips, at most connect plus command time-out. A control loop
// uses StoreWriter (store_writer.h) instead of calling here. One thread at a time, except
// counters().
//
// Every call may fail with
//   invalid_argument   an argument that cannot be meant; nothing was tried
//   fenced             the lease is not the group's current one
//   corrupt            damaged, not authentic, or not ours
//   permission_denied  read-only, rights, wrong credentials, key-encryption key not configured
//   resource_exhausted disk, quota or memory full
//   timed_out          locked by somebody, no answer in time
//   unavailable        no connection
//   io, internal
// After timed_out, unavailable and io the outcome of a write is open. Every write may be repeated:
// a put of the same context replaces itself, a take that had deleted says not_found. All of these
// but invalid_argument count as alarms.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/restart/association.h"
#include "control/restart/sealing_key.h"
#include "foundation/result.h"
#include "foundation/wall_clock.h"

namespace sdg::restart {

inline constexpr size_t kMaxGroupName = 64;  // octets: letters, digits, '.', '_', ':', '-'
inline constexpr size_t kMaxOwnerName = 64;
inline constexpr size_t kMaxBatch = 4096;  // associations in one call

struct Lease {
    std::string group;
    std::string owner;   // one per gateway; a gateway started again uses the same
    uint64_t epoch = 0;  // grows by one with every acquire() of the group, from 1
    WallTime expires{};
};

enum class AcquireMode : uint8_t {
    if_free,  // nobody has it, it has expired, or it is our own from a former run
    force,    // in any case: the operator, or the cluster's software, knows the owner is gone
};

struct StoredAssociation {
    AssociationDescription description;
    RestartContext context;
};

struct ListedAssociation {
    AssociationDescription description;
    uint64_t generation = 0;   // of the newest context
    uint64_t lease_epoch = 0;  // of the owner who put it
    uint16_t epoch = 0;        // of the newest context
    bool has_previous = false;
};
struct Listing {
    std::vector<ListedAssociation> associations;  // by tuple
    std::vector<sctp::FourTuple> damaged;         // none of their contexts opens
    uint64_t unreadable_places = 0;               // not even the tuple can be read
};

struct TakenAssociation {
    AssociationDescription description;
    std::vector<RestartContext> contexts;  // newest first, one or two, never equal
};

struct StoreCounts {
    uint64_t puts = 0;  // associations
    uint64_t takes = 0;
    uint64_t removes = 0;
    uint64_t fenced = 0;
    uint64_t damaged = 0;      // rows that did not open
    uint64_t full = 0;         // calls that found no room
    uint64_t unreachable = 0;  // calls that ended with timed_out or unavailable
    uint64_t alarms = 0;       // failed calls of every kind but invalid_argument, not_found and
                               // already_exists, and damaged rows
};

class RestartStore {
 public:
    virtual ~RestartStore() = default;
    RestartStore(const RestartStore&) = delete;
    RestartStore& operator=(const RestartStore&) = delete;

    // already_exists, naming the owner and when its lease ends, unless mode allows it.
    // duration: 1 ms to 1 day.
    [[nodiscard]] Result<Lease> acquire(std::string_view group, std::string_view owner,
                                        std::chrono::milliseconds duration,
                                        AcquireMode mode = AcquireMode::if_free);
    // The same epoch, a later expiry.
    [[nodiscard]] Result<Lease> renew(const Lease& lease, std::chrono::milliseconds duration);
    // Free for anybody at once. The lease is not valid any more.
    [[nodiscard]] Result<void> release(const Lease& lease);

    // All or nothing, durable on success. Each context becomes its association's current one, and
    // what was current becomes the previous one; the same keys again replace themselves.
    [[nodiscard]] Result<void> put(const Lease& lease,
                                   std::span<const StoredAssociation> associations);
    // Both sides have committed the current contexts. Unknown associations are no error.
    [[nodiscard]] Result<void> drop_previous(const Lease& lease,
                                             std::span<const sctp::FourTuple> tuples);
    // Everything of these associations. Unknown ones are no error.
    [[nodiscard]] Result<void> remove(const Lease& lease, std::span<const sctp::FourTuple> tuples);
    // Deletes everything of these associations durably, then returns it, in the order asked. Per
    // association: not_found; corrupt or permission_denied when none of its contexts opens (it then
    // stays, see remove()).
    [[nodiscard]] Result<std::vector<Result<TakenAssociation>>> take(
        const Lease& lease, std::span<const sctp::FourTuple> tuples);

    // What a group holds; needs no lease, changes nothing.
    [[nodiscard]] Result<Listing> list(std::string_view group);

    // Seals every row of every group under the ring's active key, at once or not at all, and uses
    // this ring from now on. The ring must also have the keys that are in use. Returns the number
    // of rows sealed anew. Other processes need the new key in their rings before.
    [[nodiscard]] Result<size_t> rotate(KeyRing ring);

    // Any thread.
    [[nodiscard]] StoreCounts counts() const;

 protected:
    RestartStore(KeyRing ring, Random& random, const WallClock& wall_clock)
        : ring_(std::move(ring)), random_(random), wall_clock_(wall_clock) {}

    // A row that did not open was met.
    void count_damaged() { add(damaged_), add(alarms_); }

    [[nodiscard]] const KeyRing& ring() const { return ring_; }
    [[nodiscard]] Random& random() { return random_; }

    // The rows of one association, opened. Errors when none opens.
    [[nodiscard]] Result<TakenAssociation> open_all(
        std::string_view group, const sctp::FourTuple& tuple,
        std::span<const std::span<const uint8_t>> newest_first);
    // Adds one association to a listing.
    void list_one(std::string_view group, std::span<const uint8_t> encoded_tuple,
                  std::span<const std::span<const uint8_t>> newest_first, Listing& listing);

 private:
    // As the public ones, arguments checked.
    virtual Result<Lease> do_acquire(std::string_view group, std::string_view owner, WallTime now,
                                     WallTime expires, AcquireMode mode) = 0;
    virtual Result<void> do_renew(const Lease& lease, WallTime expires) = 0;
    virtual Result<void> do_put(const Lease& lease,
                                std::span<const StoredAssociation> associations) = 0;
    virtual Result<void> do_drop_previous(const Lease& lease,
                                          std::span<const sctp::FourTuple> tuples) = 0;
    virtual Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) = 0;
    virtual Result<std::vector<Result<TakenAssociation>>> do_take(
        const Lease& lease, std::span<const sctp::FourTuple> tuples) = 0;
    virtual Result<Listing> do_list(std::string_view group) = 0;
    virtual Result<size_t> do_rotate(const KeyRing& ring) = 0;

    // One writer, any reader.
    using Counter = std::atomic<uint64_t>;
    static void add(Counter& counter, uint64_t by = 1) {
        counter.fetch_add(by, std::memory_order_relaxed);
    }
    void count(const Error& error);
    template <class T>
    Result<T> counted(Result<T> result, Counter* on_success = nullptr, uint64_t by = 0);

    KeyRing ring_;
    Random& random_;
    const WallClock& wall_clock_;
    Counter puts_{0};
    Counter takes_{0};
    Counter removes_{0};
    Counter fenced_{0};
    Counter damaged_{0};
    Counter full_{0};
    Counter unreachable_{0};
    Counter alarms_{0};
};

// fenced, in the words both implementations use.
[[nodiscard]] tl::unexpected<Error> fenced(const Lease& lease, std::string_view owner,
                                           uint64_t epoch);
// already_exists likewise.
[[nodiscard]] tl::unexpected<Error> held(std::string_view group, std::string_view owner,
                                         WallTime now, WallTime expires);

}  // namespace sdg::restart
