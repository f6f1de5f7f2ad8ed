#include "control/restart/store_writer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sdg::restart {
namespace {

bool same_lease(const Lease& a, const Lease& b) {
    return a.group == b.group && a.owner == b.owner && a.epoch == b.epoch;
}

}  // namespace

StoreWriter::StoreWriter(std::unique_ptr<RestartStore> store, size_t capacity,
                         std::function<void()> on_completion)
    : store_(std::move(store)),
      capacity_(capacity),
      on_completion_(std::move(on_completion)),
      thread_([this] { work(); }) {
}

StoreWriter::~StoreWriter() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_writer_.notify_one();
    thread_.join();
}

Result<void> StoreWriter::submit(Operation operation) {
    {
        const std::lock_guard lock(mutex_);
        if (places_in_use_ + operation.places > capacity_) {
            return fail(ErrorCode::resource_exhausted,
                        "{} operations wait for the restart store already, at most {}",
                        places_in_use_, capacity_);
        }
        places_in_use_ += operation.places;
        queue_.push_back(std::move(operation));
    }
    wake_writer_.notify_one();
    return {};
}

template <class Call, class Finish>
StoreWriter::Other StoreWriter::call_of(Call call, Finish done) {
    return [call = std::move(call),
            done = std::move(done)](RestartStore& store) mutable -> std::function<void()> {
        // A std::function must be copyable and a result with key material is not.
        auto result = std::make_shared<decltype(call(store))>(call(store));
        return [result = std::move(result), done = std::move(done)] {
            if (done) {
                done(std::move(*result));
            }
        };
    };
}

template <class Call, class Finish>
Result<void> StoreWriter::submit_call(Call call, Finish done) {
    return submit({.what = call_of(std::move(call), std::move(done))});
}

Result<void> StoreWriter::put(Lease lease, std::vector<StoredAssociation> associations, Done done) {
    const size_t places = std::max<size_t>(1, associations.size());
    return submit({.places = places,
                   .what = Put{std::move(lease), std::move(associations), std::move(done)}});
}

Result<void> StoreWriter::drop_previous(Lease lease, std::vector<sctp::FourTuple> tuples,
                                        Done done) {
    return submit({.what = Erase{.lease = std::move(lease),
                                 .tuples = std::move(tuples),
                                 .previous_only = true,
                                 .done = std::move(done)}});
}

Result<void> StoreWriter::remove(Lease lease, std::vector<sctp::FourTuple> tuples, Done done) {
    return submit({.what = Erase{.lease = std::move(lease),
                                 .tuples = std::move(tuples),
                                 .previous_only = false,
                                 .done = std::move(done)}});
}

Result<void> StoreWriter::take(Lease lease, std::vector<sctp::FourTuple> tuples, TakeDone done) {
    return submit_call([lease = std::move(lease), tuples = std::move(tuples)](
                           RestartStore& store) { return store.take(lease, tuples); },
                       std::move(done));
}

Result<void> StoreWriter::acquire(std::string group, std::string owner,
                                  std::chrono::milliseconds duration, AcquireMode mode,
                                  LeaseDone done) {
    return submit_call(
        [group = std::move(group), owner = std::move(owner), duration, mode](RestartStore& store) {
            return store.acquire(group, owner, duration, mode);
        },
        std::move(done));
}

Result<void> StoreWriter::renew(Lease lease, std::chrono::milliseconds duration, LeaseDone done) {
    {
        const std::lock_guard lock(mutex_);
        renewals_.push_back(
            {.places = 0,
             .what = call_of([lease = std::move(lease), duration](
                                 RestartStore& store) { return store.renew(lease, duration); },
                             std::move(done))});
    }
    wake_writer_.notify_one();
    return {};
}

Result<void> StoreWriter::release(Lease lease, Done done) {
    return submit_call(
        [lease = std::move(lease)](RestartStore& store) { return store.release(lease); },
        std::move(done));
}

Result<void> StoreWriter::rotate(KeyRing ring, RotateDone done) {
    return submit_call([shared = std::make_shared<KeyRing>(std::move(ring))](
                           RestartStore& store) { return store.rotate(std::move(*shared)); },
                       std::move(done));
}

Result<void> StoreWriter::list(std::string group, ListDone done) {
    return submit_call(
        [group = std::move(group)](RestartStore& store) { return store.list(group); },
        std::move(done));
}

void StoreWriter::complete(size_t places, std::function<void()> run) {
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        first = completions_.empty();
        completions_.push_back({places, std::move(run)});
    }
    if (first && on_completion_) {
        on_completion_();
    }
}

void StoreWriter::carry_out_puts(std::vector<Operation>& batch) {
    std::vector<StoredAssociation> all;
    for (Operation& one : batch) {
        auto& associations = std::get<Put>(one.what).associations;
        all.insert(all.end(), std::make_move_iterator(associations.begin()),
                   std::make_move_iterator(associations.end()));
    }
    const Lease& lease = std::get<Put>(batch.front().what).lease;
    const auto result = store_->put(lease, all);
    if (!result && result.error().code == ErrorCode::invalid_argument && batch.size() > 1) {
        // One that cannot be stored must not take the others with it.
        size_t at = 0;
        for (Operation& one : batch) {
            Put& put = std::get<Put>(one.what);
            const size_t count = put.associations.size();
            auto own = store_->put(lease, std::span(all).subspan(at, count));
            at += count;
            complete(one.places, [done = std::move(put.done), own] {
                if (done) {
                    done(own);
                }
            });
        }
        return;
    }
    for (Operation& one : batch) {
        complete(one.places, [done = std::move(std::get<Put>(one.what).done), result] {
            if (done) {
                done(result);
            }
        });
    }
}

void StoreWriter::carry_out_erasures(std::vector<Operation>& batch) {
    std::vector<sctp::FourTuple> all;
    for (const Operation& one : batch) {
        const auto& tuples = std::get<Erase>(one.what).tuples;
        all.insert(all.end(), tuples.begin(), tuples.end());
    }
    const Erase& first = std::get<Erase>(batch.front().what);
    const auto result = first.previous_only ? store_->drop_previous(first.lease, all)
                                            : store_->remove(first.lease, all);
    for (Operation& one : batch) {
        complete(one.places, [done = std::move(std::get<Erase>(one.what).done), result] {
            if (done) {
                done(result);
            }
        });
    }
}

void StoreWriter::carry_out(std::vector<Operation>& batch) {
    const auto& first = batch.front().what;
    if (auto* other = std::get_if<Other>(&batch.front().what)) {
        complete(batch.front().places, (*other)(*store_));
    } else if (std::holds_alternative<Put>(first)) {
        carry_out_puts(batch);
    } else {
        carry_out_erasures(batch);
    }
}

size_t StoreWriter::Operation::associations() const {
    const auto* erase = std::get_if<Erase>(&what);
    return erase != nullptr ? erase->tuples.size() : places;
}

bool StoreWriter::go_together(const Operation& first, const Operation& next) {
    if (const auto* put = std::get_if<Put>(&first.what)) {
        const auto* another = std::get_if<Put>(&next.what);
        return another != nullptr && same_lease(put->lease, another->lease);
    }
    if (const auto* erase = std::get_if<Erase>(&first.what)) {
        const auto* another = std::get_if<Erase>(&next.what);
        return another != nullptr && same_lease(erase->lease, another->lease) &&
               erase->previous_only == another->previous_only;
    }
    return false;
}

// There is something to do.
std::vector<StoreWriter::Operation> StoreWriter::next_batch() {
    std::deque<Operation>& from = renewals_.empty() ? queue_ : renewals_;
    std::vector<Operation> batch;
    size_t associations = 0;
    do {
        associations += from.front().associations();
        batch.push_back(std::move(from.front()));
        from.pop_front();
    } while (!from.empty() && go_together(batch.front(), from.front()) &&
             associations + from.front().associations() <= kMaxBatch);
    return batch;
}

void StoreWriter::work() {
    std::unique_lock lock(mutex_);
    const auto is_idle = [this] { return queue_.empty() && renewals_.empty(); };
    for (;;) {
        busy_ = false;
        if (is_idle()) {
            idle_.notify_all();
        }
        wake_writer_.wait(lock, [&] { return stopping_ || !is_idle(); });
        if (is_idle()) {
            return;
        }
        busy_ = true;
        std::vector<Operation> batch = next_batch();
        lock.unlock();
        carry_out(batch);
        batch.clear();
        lock.lock();
    }
}

size_t StoreWriter::run_completions() {
    std::deque<Completion> ready;
    {
        const std::lock_guard lock(mutex_);
        ready.swap(completions_);
        for (const Completion& one : ready) {
            places_in_use_ -= one.places;
        }
    }
    for (const Completion& one : ready) {
        one.run();
    }
    return ready.size();
}

size_t StoreWriter::drain() {
    {
        std::unique_lock lock(mutex_);
        idle_.wait(lock, [this] { return queue_.empty() && renewals_.empty() && !busy_; });
    }
    return run_completions();
}

size_t StoreWriter::waiting() const {
    const std::lock_guard lock(mutex_);
    return places_in_use_;
}

}  // namespace sdg::restart
