// Keeper: a gateway's share of a restart store: one group, held by lease, through a StoreWriter.
//
// At start it acquires the group and lists what a former run, or the former owner, has left there.
// Afterwards it renews the lease at a third of its duration. A store that is slow, full or gone
// costs nothing but the contexts that could not be kept: counted, logged once per change, and put
// again every two seconds (one of them while the store fails, then all) until they are kept, newer
// ones have come, or they are forgotten. What could not be removed is removed again likewise, until
// it is gone or new keys of the same four-tuple are kept. Once somebody else holds the group
// is_fenced() is true and nothing is written any more: the associations belong to that gateway.
//
// Control thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "control/restart/store.h"
#include "control/restart/store_writer.h"
#include "foundation/clock.h"

namespace sdg::restart {

struct KeeperSettings {
    std::string group;
    std::string owner;
    std::chrono::milliseconds lease{15'000};
    size_t capacity = 16'384;  // associations whose writes may wait at a time
};

struct KeeperCounters {
    uint64_t kept = 0;
    uint64_t not_kept = 0;  // at once: the store failed, or too many writes waited
    uint64_t forgotten = 0;
    uint64_t lease_renewals_failed = 0;
};

class Keeper {
 public:
    // Blocks until the group is acquired and listed, or fails; already_exists while another owner's
    // lease runs. clock outlives the keeper.
    [[nodiscard]] static Result<std::unique_ptr<Keeper>> start(std::unique_ptr<RestartStore> store,
                                                               const KeeperSettings& settings,
                                                               const Clock& clock);
    // Carries out what is queued, then releases the lease unless fenced.
    ~Keeper();
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;

    // What was in the store at the start. Once.
    [[nodiscard]] Listing take_listing() { return std::move(listing_); }

    // done(true): durable. done(false): not yet, and done(true) may follow. Not called from within
    // this call, and not at all while the write cannot even be queued.
    void keep(AssociationDescription description, RestartContext context,
              std::function<void(bool kept)> done);
    void drop_previous(const sctp::FourTuple& tuple);
    // The association has ended, or will not be restarted; or its peer restarts it, and the keys
    // are about to be used. done is called once, not from within this call. done(true): nothing of
    // them is left, durably. done(false): some may be left, until a later attempt works.
    void forget(
        const sctp::FourTuple& tuple, std::function<void(bool gone)> done = [](bool) {});
    // Deletes durably, then hands the contexts over: one result per tuple, in order.
    using Taken = std::function<void(std::vector<Result<TakenAssociation>>)>;
    void take(std::vector<sctp::FourTuple> tuples, const Taken& done);

    // Runs completions and renews the lease. Returns how much was done.
    size_t run();
    // Blocks until everything asked for so far has been carried out.
    void drain() { writer_->drain(); }

    [[nodiscard]] bool is_fenced() const { return fenced_; }
    // The lease has ended without a renewal, as our clock says: another owner may take the group
    // over at any moment, and we would learn of it when the store can be reached again.
    [[nodiscard]] bool is_lease_over() const { return lease_over_; }
    [[nodiscard]] const Lease& lease() const { return lease_; }
    [[nodiscard]] const KeeperCounters& counters() const { return counters_; }
    // Associations whose newest context is not kept, and will be put again.
    [[nodiscard]] size_t unkept() const { return failed_; }
    // Four-tuples of which the store may still have what was to be removed.
    [[nodiscard]] size_t unremoved() const { return removals_.size(); }
    [[nodiscard]] StoreCounts store_counts() const { return writer_->counts(); }

 private:
    Keeper(std::unique_ptr<StoreWriter> writer, const KeeperSettings& settings, const Clock& clock)
        : writer_(std::move(writer)), settings_(settings), clock_(clock) {}

    // A context until it is kept.
    struct Unkept {
        uint64_t put = 0;  // number of the last attempt
        bool under_way = false;
        bool failed = false;  // an attempt did
        AssociationDescription description;
        RestartContext context;
        std::function<void(bool kept)> done;
    };

    // One that has failed, until it works.
    struct Removal {
        uint64_t attempt = 0;  // number of the last one
        bool under_way = false;
    };

    void note(const Result<void>& result, const char* what);
    void note_that_it_works();
    void put(Unkept& one);
    void on_put(const sctp::FourTuple& tuple, uint64_t number, const Result<void>& result);
    void note_failure(Unkept& one, const Error& error);
    void put_again();
    void drop_unkept(const sctp::FourTuple& tuple);
    void remove(const std::vector<sctp::FourTuple>& tuples, std::function<void(bool gone)> done);
    void on_removed(const std::vector<sctp::FourTuple>& tuples, uint64_t attempt,
                    const Result<void>& result);
    void remove_again();
    void renew();
    void watch_lease();

    std::unique_ptr<StoreWriter> writer_;
    KeeperSettings settings_;
    const Clock& clock_;
    Lease lease_;
    Listing listing_;
    KeeperCounters counters_;
    std::unordered_map<sctp::FourTuple, Unkept> unkept_;
    size_t failed_ = 0;  // of them
    uint64_t puts_ = 0;
    std::unordered_map<sctp::FourTuple, Removal> removals_;  // at most `capacity`
    uint64_t removal_attempts_ = 0;
    std::vector<std::function<void()>> later_;  // in the next run()
    TimePoint next_retry_{};
    TimePoint next_renewal_{};
    TimePoint lease_ends_{};  // at the earliest
    bool lease_over_ = false;
    bool renewing_ = false;
    bool failing_ = false;  // as last logged
    bool fenced_ = false;
};

}  // namespace sdg::restart
