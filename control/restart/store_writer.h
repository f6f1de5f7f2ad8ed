// StoreWriter: a thread that waits for the store, so that the control loop never does.
//
// The control thread submits operations, which costs it a lock and a copy; they are carried out in
// that order. Puts that wait one behind another under one lease become one transaction, and so do
// removals, and drops of what was before. A renewal comes first: no row depends on it, and a lease
// must not end because ten thousand associations have. The outcome comes back on the control
// thread, in run_completions().
//
// Bounded: an operation takes one of `capacity` places (a put one per association, a renewal none)
// until its completion has run; without room, submitting fails with resource_exhausted and nothing
// happens. Completions may submit.
//
// Everything but waiting() and the store's counts() belongs to the control thread.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <variant>
#include <vector>

#include "control/restart/store.h"

namespace sdg::restart {

class StoreWriter {
 public:
    using Done = std::function<void(Result<void>)>;
    using LeaseDone = std::function<void(Result<Lease>)>;
    using TakeDone = std::function<void(Result<std::vector<Result<TakenAssociation>>>)>;
    using ListDone = std::function<void(Result<Listing>)>;
    using RotateDone = std::function<void(Result<size_t>)>;

    // on_completion: called on the writer's thread when a completion waits and none did (e.g. to
    // wake the loop); may be empty.
    StoreWriter(std::unique_ptr<RestartStore> store, size_t capacity,
                std::function<void()> on_completion = {});
    // Carries out what is queued, then ends. Completions that have not run never do.
    ~StoreWriter();
    StoreWriter(const StoreWriter&) = delete;
    StoreWriter& operator=(const StoreWriter&) = delete;

    // As the calls of RestartStore; the result of these is whether the operation was queued.
    [[nodiscard]] Result<void> put(Lease lease, std::vector<StoredAssociation> associations,
                                   Done done);
    [[nodiscard]] Result<void> drop_previous(Lease lease, std::vector<sctp::FourTuple> tuples,
                                             Done done);
    [[nodiscard]] Result<void> remove(Lease lease, std::vector<sctp::FourTuple> tuples, Done done);
    [[nodiscard]] Result<void> take(Lease lease, std::vector<sctp::FourTuple> tuples,
                                    TakeDone done);
    [[nodiscard]] Result<void> acquire(std::string group, std::string owner,
                                       std::chrono::milliseconds duration, AcquireMode mode,
                                       LeaseDone done);
    [[nodiscard]] Result<void> renew(Lease lease, std::chrono::milliseconds duration,
                                     LeaseDone done);
    [[nodiscard]] Result<void> release(Lease lease, Done done);
    [[nodiscard]] Result<void> list(std::string group, ListDone done);
    [[nodiscard]] Result<void> rotate(KeyRing ring, RotateDone done);

    // Runs the completions there are. Returns how many.
    size_t run_completions();
    // For shutdown and tests: blocks until everything queued has been carried out, then runs the
    // completions.
    size_t drain();

    // Places in use. Any thread.
    [[nodiscard]] size_t waiting() const;
    // Any thread.
    [[nodiscard]] StoreCounts counts() const { return store_->counts(); }

 private:
    struct Put {
        Lease lease;
        std::vector<StoredAssociation> associations;
        Done done;
    };
    struct Erase {
        Lease lease;
        std::vector<sctp::FourTuple> tuples;
        bool previous_only = false;
        Done done;
    };
    // Carries itself out on the writer's thread and returns what is to run on the control thread.
    using Other = std::function<std::function<void()>(RestartStore&)>;
    struct Operation {
        size_t places = 1;
        std::variant<Put, Erase, Other> what;
        [[nodiscard]] size_t associations() const;
    };
    struct Completion {
        size_t places = 1;
        std::function<void()> run;
    };

    Result<void> submit(Operation operation);
    template <class Call, class Finish>
    static Other call_of(Call call, Finish done);
    template <class Call, class Finish>
    Result<void> submit_call(Call call, Finish done);
    static bool go_together(const Operation& first, const Operation& next);
    std::vector<Operation> next_batch();
    void work();
    void carry_out(std::vector<Operation>& batch);
    void carry_out_puts(std::vector<Operation>& batch);
    void carry_out_erasures(std::vector<Operation>& batch);
    void complete(size_t places, std::function<void()> run);

    std::unique_ptr<RestartStore> store_;  // the writer's thread, but for counts()
    const size_t capacity_;
    const std::function<void()> on_completion_;

    mutable std::mutex mutex_;  // guards everything below
    std::condition_variable wake_writer_;
    std::condition_variable idle_;
    std::deque<Operation> renewals_;
    std::deque<Operation> queue_;
    std::deque<Completion> completions_;
    size_t places_in_use_ = 0;
    bool busy_ = false;
    bool stopping_ = false;

    std::thread thread_;  // last: it uses all of the above
};

}  // namespace sdg::restart
