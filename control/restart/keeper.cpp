#include "control/restart/keeper.h"

#include <utility>

#include "control/log.h"

namespace sdg::restart {

Result<std::unique_ptr<Keeper>> Keeper::start(std::unique_ptr<RestartStore> store,
                                              const KeeperSettings& settings, const Clock& clock) {
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
    out->next_renewal_ = clock.now() + settings.lease / 3;
    if (!out->listing_.damaged.empty() || out->listing_.unreadable_places > 0) {
        log::of("restart").error(
            "{} associations in the restart store cannot be read and will not be restarted",
            out->listing_.damaged.size() + out->listing_.unreadable_places);
    }
    return out;
}

Keeper::~Keeper() {
    if (!fenced_) {
        static_cast<void>(writer_->release(lease_, [](const Result<void>&) {}));
    }
}

void Keeper::note(const Result<void>& result, const char* what) {
    auto& log = log::of("restart");
    if (result) {
        if (std::exchange(failing_, false)) {
            log.info("the restart store works again");
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

void Keeper::keep(AssociationDescription description, RestartContext context,
                  std::function<void(bool kept)> done) {
    std::vector<StoredAssociation> one;
    one.push_back({std::move(description), std::move(context)});
    const auto on_done = [this, done = std::move(done)](const Result<void>& result) {
        note(result, "restart keys are not kept");
        ++(result ? counters_.kept : counters_.not_kept);
        done(result.has_value());
    };
    if (fenced_) {
        ++counters_.not_kept;
        return;  // the program is about to end
    }
    if (const auto queued = writer_->put(lease_, std::move(one), on_done); !queued) {
        note(queued, "restart keys are not kept");
        ++counters_.not_kept;
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
        return;
    }
    ++counters_.forgotten;
    note(writer_->remove(lease_, {tuple},
                         [this, done = std::move(done)](const Result<void>& result) {
                             note(result, "an association that has ended is not removed");
                             if (done) {
                                 done(result.has_value());
                             }
                         }),
         "an association that has ended is not removed");
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
    const size_t done = writer_->run_completions();
    if (!fenced_ && !renewing_ && clock_.now() >= next_renewal_) {
        renew();
    }
    return done;
}

void Keeper::renew() {
    next_renewal_ = clock_.now() + settings_.lease / 3;
    const auto queued =
        writer_->renew(lease_, settings_.lease, [this](const Result<Lease>& result) {
            renewing_ = false;
            if (result) {
                lease_ = *result;
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
