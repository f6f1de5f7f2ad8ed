#include "control/restart/keeper.h"

#include <algorithm>
#include <utility>

#include "control/log.h"

namespace sdg::restart {
namespace {

constexpr auto kRetryInterval = std::chrono::seconds(2);
constexpr size_t kRetriesAtOnce = 512;

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(std::unique_ptr<RestartStore> store,
                                              const KeeperSettings& settings, const Clock& clock) {
    const TimePoint began = clock.now();
    auto lease = store->acquire(settings.group, settings.owner, settings.lease);
    if (!lease) {
        return tl::unexpected(lease.error());
    }
    auto listing = store->list(settings.group);
    if (!listing) {
        return tl::unexpected(listing.error());
    }
    std::unique_ptr<Keeper> out(new Keeper(
        std::make_unique<StoreWriter>(std::move(store), settings.capacity), settings, clock));
    out->lease_ = std::move(*lease);
    out->listing_ = std::move(*listing);
    out->next_renewal_ = began + settings.lease / 3;
    out->lease_ends_ = began + settings.lease;
    if (!out->listing_.damaged.empty() || out->listing_.unreadable_places > 0) {
        log::of("restart").error(
            "{} associations in the restart store cannot be read and will not be restarted",
            out->listing_.damaged.size() + out->listing_.unreadable_places);
    }
    return out;
}

Keeper::~Keeper() {
    if (!fenced_) {
        remove_again();
        static_cast<void>(writer_->release(lease_, [](const Result<void>&) {}));
    }
}

void Keeper::note(const Result<void>& result, const char* what) {
    auto& log = log::of("restart");
    if (result) {
        if (failed_ == 0 && removals_.empty()) {  // a full store renews, and keeps nothing
            note_that_it_works();
        }
        return;
    }
    if (result.error().code == ErrorCode::fenced) {
        if (!std::exchange(fenced_, true)) {
            log.error("another gateway owns the associations of group {} now: {}", settings_.group,
                      result.error().message);
        }
    } else if (!std::exchange(failing_, true)) {
        log.error("{}: {}; associations go on, but cannot be restarted as they are now", what,
                  result.error().message);
    }
}

void Keeper::note_that_it_works() {
    if (std::exchange(failing_, false)) {
        log::of("restart").info("the restart store works again");
    }
}

void Keeper::keep(AssociationDescription description, RestartContext context,
                  std::function<void(bool kept)> done) {
    if (fenced_) {
        ++counters_.not_kept;
        return;  // the program is about to end
    }
    const sctp::FourTuple tuple = description.tuple;
    drop_unkept(tuple);
    removals_.erase(tuple);  // it would remove these as well
    put(unkept_[tuple] = {.description = std::move(description),
                          .context = std::move(context),
                          .done = std::move(done)});
}

void Keeper::put(Unkept& one) {
    one.put = ++puts_;
    std::vector<StoredAssociation> what;
    what.push_back({one.description, one.context.clone()});
    const auto queued =
        writer_->put(lease_, std::move(what),
                     [this, tuple = one.description.tuple, number = one.put](
                         const Result<void>& result) { on_put(tuple, number, result); });
    one.under_way = queued.has_value();
    if (!queued) {
        note_failure(one, queued.error());
    }
}

void Keeper::on_put(const sctp::FourTuple& tuple, uint64_t number, const Result<void>& result) {
    if (result) {
        note_that_it_works();
        ++counters_.kept;
    }
    const auto found = unkept_.find(tuple);
    if (found == unkept_.end() || found->second.put != number) {
        return;  // forgotten meanwhile, or there are newer ones
    }
    Unkept& one = found->second;
    one.under_way = false;
    const auto done = one.done;
    const bool is_news = result.has_value() || !one.failed;
    if (!result) {
        note_failure(one, result.error());
    }
    if (result || result.error().code == ErrorCode::invalid_argument) {  // no use to try again
        drop_unkept(tuple);
    }
    if (is_news) {
        done(result.has_value());
    }
}

void Keeper::note_failure(Unkept& one, const Error& error) {
    note(tl::unexpected(error), "restart keys are not kept");
    if (!std::exchange(one.failed, true)) {
        ++counters_.not_kept;
        ++failed_;
        next_retry_ = std::max(next_retry_, clock_.now() + kRetryInterval);
    }
}

// While the store fails it is asked with the one that has waited longest.
void Keeper::put_again() {
    next_retry_ = clock_.now() + kRetryInterval;
    std::vector<Unkept*> waiting;
    for (auto& [tuple, one] : unkept_) {
        if (one.failed && !one.under_way) {
            waiting.push_back(&one);
        }
    }
    const size_t count = std::min(failing_ ? size_t{1} : kRetriesAtOnce, waiting.size());
    std::partial_sort(waiting.begin(), waiting.begin() + static_cast<ptrdiff_t>(count),
                      waiting.end(),
                      [](const Unkept* a, const Unkept* b) { return a->put < b->put; });
    waiting.resize(count);
    for (Unkept* one : waiting) {
        put(*one);
    }
}

void Keeper::drop_unkept(const sctp::FourTuple& tuple) {
    if (const auto found = unkept_.find(tuple); found != unkept_.end()) {
        failed_ -= found->second.failed ? 1 : 0;
        unkept_.erase(found);
    }
}

void Keeper::drop_previous(const sctp::FourTuple& tuple) {
    if (fenced_) {
        return;
    }
    note(writer_->drop_previous(lease_, {tuple},
                                [this](const Result<void>& result) {
                                    note(result, "old restart keys are not removed");
                                }),
         "old restart keys are not removed");
}

void Keeper::forget(const sctp::FourTuple& tuple, std::function<void(bool gone)> done) {
    if (fenced_) {
        later_.emplace_back([done = std::move(done)] { done(false); });
        return;
    }
    ++counters_.forgotten;
    drop_unkept(tuple);
    remove({tuple}, std::move(done));
}

void Keeper::remove(const std::vector<sctp::FourTuple>& tuples,
                    std::function<void(bool gone)> done) {
    const uint64_t attempt = ++removal_attempts_;
    for (const sctp::FourTuple& tuple : tuples) {
        if (const auto found = removals_.find(tuple); found != removals_.end()) {
            found->second = {.attempt = attempt, .under_way = true};
        }
    }
    const auto queued =
        writer_->remove(lease_, tuples, [this, tuples, attempt, done](const Result<void>& result) {
            on_removed(tuples, attempt, result);
            done(result.has_value());
        });
    if (!queued) {
        on_removed(tuples, attempt, queued);
        later_.emplace_back([done = std::move(done)] { done(false); });
    }
}

void Keeper::on_removed(const std::vector<sctp::FourTuple>& tuples, uint64_t attempt,
                        const Result<void>& result) {
    if (result) {
        note_that_it_works();
    } else {
        note(result, "associations that have ended are not removed");
    }
    for (const sctp::FourTuple& tuple : tuples) {
        const auto found = removals_.find(tuple);
        if (found != removals_.end()) {
            if (found->second.attempt > attempt) {
                continue;  // another one is under way
            }
            found->second.under_way = false;
            if (result) {
                removals_.erase(found);
            }
        } else if (!result && !fenced_ && result.error().code != ErrorCode::invalid_argument &&
                   !unkept_.contains(tuple) && removals_.size() < settings_.capacity) {
            // With newer keys on their way nothing must be removed any more.
            removals_.emplace(tuple, Removal{.attempt = attempt});
            next_retry_ = std::max(next_retry_, clock_.now() + kRetryInterval);
        }
    }
}

// One transaction, however many there are.
void Keeper::remove_again() {
    std::vector<sctp::FourTuple> waiting;
    for (const auto& [tuple, removal] : removals_) {
        if (!removal.under_way && waiting.size() < kRetriesAtOnce) {
            waiting.push_back(tuple);
        }
    }
    if (!waiting.empty()) {
        remove(waiting, [](bool) {});
    }
}

void Keeper::take(std::vector<sctp::FourTuple> tuples, const Taken& done) {
    const size_t count = tuples.size();
    const auto all_failed = [count](const Error& error) {
        std::vector<Result<TakenAssociation>> out;
        for (size_t i = 0; i < count; ++i) {
            out.emplace_back(tl::unexpected(error));
        }
        return out;
    };
    const auto queued = writer_->take(
        lease_, std::move(tuples),
        [this, done, all_failed](Result<std::vector<Result<TakenAssociation>>> result) {
            if (!result) {
                note(tl::unexpected(result.error()), "associations are not restarted");
            }
            done(result ? std::move(*result) : all_failed(result.error()));
        });
    if (!queued) {
        note(queued, "associations are not restarted");
        done(all_failed(queued.error()));
    }
}

size_t Keeper::run() {
    size_t done = writer_->run_completions();
    for (const auto& tell : std::exchange(later_, {})) {
        tell();
        ++done;
    }
    if (fenced_) {
        unkept_.clear();
        removals_.clear();
        failed_ = 0;
    } else if ((failed_ > 0 || !removals_.empty()) && clock_.now() >= next_retry_) {
        put_again();
        remove_again();
    }
    if (!fenced_ && !renewing_ && clock_.now() >= next_renewal_) {
        renew();
    }
    watch_lease();
    return done;
}

void Keeper::watch_lease() {
    const bool over = !fenced_ && clock_.now() >= lease_ends_;
    if (over == std::exchange(lease_over_, over) || fenced_) {
        return;
    }
    if (over) {
        log::of("restart").error(
            "the lease on group {} has ended without a renewal: a standby may take the "
            "associations "
            "over while this gateway still has them",
            settings_.group);
    } else {
        log::of("restart").info("the lease on group {} is renewed", settings_.group);
    }
}

void Keeper::renew() {
    const TimePoint began = clock_.now();
    next_renewal_ = began + settings_.lease / 3;
    const auto queued =
        writer_->renew(lease_, settings_.lease, [this, began](const Result<Lease>& result) {
            renewing_ = false;
            if (result) {
                lease_ = *result;
                lease_ends_ = began + settings_.lease;
                note({}, "");
            } else {
                ++counters_.lease_renewals_failed;
                note(tl::unexpected(result.error()), "the lease is not renewed");
            }
        });
    renewing_ = queued.has_value();
    if (!queued) {
        ++counters_.lease_renewals_failed;
        note(tl::unexpected(queued.error()), "the lease is not renewed");
    }
}

}  // namespace sdg::restart
