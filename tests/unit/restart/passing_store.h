// A store in front of another one, for tests that look at some of the calls, or answer them.
#pragma once

#include <memory>
#include <utility>

#include "control/restart/store.h"
#include "tests/unit/restart/sample.h"

namespace sdg::restart::test {

class PassingStore : public RestartStore {
 public:
    PassingStore(std::unique_ptr<RestartStore> store, Random& random, const WallClock& wall_clock)
        : RestartStore(test::ring(), random, wall_clock),
          store_(std::move(store)),
          wall_clock_(wall_clock) {}

 protected:
    Result<Lease> do_acquire(std::string_view group, std::string_view owner, WallTime now,
                             WallTime expires, AcquireMode mode) override {
        return store_->acquire(group, owner, expires - now, mode);
    }
    Result<void> do_renew(const Lease& lease, WallTime expires) override {
        if (expires == WallTime(0)) {
            return store_->release(lease);
        }
        auto renewed = store_->renew(lease, expires - wall_clock_.now());
        return renewed ? Result<void>{} : tl::unexpected(renewed.error());
    }
    Result<void> do_put(const Lease& lease, std::span<const StoredAssociation> what) override {
        return store_->put(lease, what);
    }
    Result<void> do_drop_previous(const Lease& lease,
                                  std::span<const sctp::FourTuple> tuples) override {
        return store_->drop_previous(lease, tuples);
    }
    Result<void> do_remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        return store_->remove(lease, tuples);
    }
    Result<std::vector<Result<TakenAssociation>>> do_take(
        const Lease& lease, std::span<const sctp::FourTuple> tuples) override {
        return store_->take(lease, tuples);
    }
    Result<Listing> do_list(std::string_view group) override { return store_->list(group); }
    Result<size_t> do_rotate(const KeyRing&) override {
        return fail(ErrorCode::invalid_argument, "no rotation here");
    }

 private:
    std::unique_ptr<RestartStore> store_;
    const WallClock& wall_clock_;
};

}  // namespace sdg::restart::test
