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
Result<void> StoreWriter::submit_call(Call call, Finish done) {
    return submit({.what = Other([call = std::move(call), done = std::move(done)](
                                     RestartStore& store) mutable -> std::function<void()> {
                       // A std::function must be copyable and a result with key material is not.
                       auto result = std::make_shared<decltype(call(store))>(call(store));
                       return [result = std::move(result), done = std::move(done)] {
                           if (done) {
                               done(std::move(*result));
                           }
                       };
                   })});
}

Result<void> StoreWriter::put(Lease lease, std::vector<StoredAssociation> associations, Done done) {
    const size_t places = std::max<size_t>(1, associations.size());
    return submit({.places = places,
                   .what = Put{std::move(lease), std::move(associations), std::move(done)}});
}

Result<void> StoreWriter::drop_previous(Lease lease, std::vector<sctp::FourTuple> tuples,
                                        Done done) {
    return submit_call([lease = std::move(lease), tuples = std::move(tuples)](
                           RestartStore& store) { return store.drop_previous(lease, tuples); },
                       std::move(done));
}

Result<void> StoreWriter::remove(Lease lease, std::vector<sctp::FourTuple> tuples, Done done) {
    return submit_call([lease = std::move(lease), tuples = std::move(tuples)](
                           RestartStore& store) { return store.remove(lease, tuples); },
                       std::move(done));
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
    return submit_call([lease = std::move(lease),
                        duration](RestartStore& store) { return store.renew(lease, duration); },
                       std::move(done));
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

void StoreWriter::carry_out(std::vector<Operation>& batch) {
    if (auto* other = std::get_if<Other>(&batch.front().what)) {
        complete(batch.front().places, (*other)(*store_));
    } else {
        carry_out_puts(batch);
    }
}

void StoreWriter::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        busy_ = false;
        if (queue_.empty()) {
            idle_.notify_all();
        }
        wake_writer_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty()) {
            return;
        }
        busy_ = true;
        std::vector<Operation> batch;
        size_t associations = 0;
        do {
            associations += queue_.front().places;
            batch.push_back(std::move(queue_.front()));
            queue_.pop_front();
            const auto* first = std::get_if<Put>(&batch.front().what);
            const auto* next = queue_.empty() ? nullptr : std::get_if<Put>(&queue_.front().what);
            if (first == nullptr || next == nullptr || !same_lease(first->lease, next->lease) ||
                associations + queue_.front().places > kMaxBatch) {
                break;
            }
        } while (true);
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
        idle_.wait(lock, [this] { return queue_.empty() && !busy_; });
    }
    return run_completions();
}

size_t StoreWriter::waiting() const {
    const std::lock_guard lock(mutex_);
    return places_in_use_;
}

}  // namespace sdg::restart
