#include "control/restart/store.h"

#include <algorithm>

#include "control/restart/association_codec.h"
#include "control/restart/sealed_row.h"

namespace sdg::restart {
namespace {

constexpr std::chrono::milliseconds kLongestLease = std::chrono::hours(24);

Result<void> check_name(const char* what, std::string_view name, size_t most) {
    const bool good =
        !name.empty() && name.size() <= most && std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '.' || c == '_' || c == ':' || c == '-';
        });
    if (!good) {
        return fail(ErrorCode::invalid_argument,
                    "{} name of {} octets: expected 1 to {} of letters, digits, '.', '_', ':', '-'",
                    what, name.size(), most);
    }
    return {};
}

Result<void> check_lease(const Lease& lease) {
    return check_name("group", lease.group, kMaxGroupName)
        .and_then([&] { return check_name("owner", lease.owner, kMaxOwnerName); })
        .and_then([&]() -> Result<void> {
            if (lease.epoch == 0) {
                return fail(ErrorCode::invalid_argument, "a lease nobody has acquired");
            }
            return {};
        });
}

Result<void> check_duration(std::chrono::milliseconds duration) {
    if (duration < std::chrono::milliseconds(1) || duration > kLongestLease) {
        return fail(ErrorCode::invalid_argument, "a lease of {} ms, expected 1 to {}",
                    duration.count(), kLongestLease.count());
    }
    return {};
}

Result<void> check_batch(size_t size) {
    if (size > kMaxBatch) {
        return fail(ErrorCode::invalid_argument, "{} associations in one call, at most {}", size,
                    kMaxBatch);
    }
    return {};
}

Result<void> check_write(const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    return check_lease(lease)
        .and_then([&] { return check_batch(tuples.size()); })
        .and_then([&]() -> Result<void> {
            for (const sctp::FourTuple& tuple : tuples) {
                if (!tuple.local.is_set() || !tuple.peer.is_set()) {
                    return fail(ErrorCode::invalid_argument, "{}: an address is not set",
                                to_string(tuple));
                }
            }
            return {};
        });
}

}  // namespace

void RestartStore::count(const Error& error) {
    switch (error.code) {
        case ErrorCode::invalid_argument:
        case ErrorCode::not_found:
        case ErrorCode::already_exists:
            return;
        case ErrorCode::fenced:
            add(fenced_);
            break;
        case ErrorCode::resource_exhausted:
            add(full_);
            break;
        case ErrorCode::timed_out:
        case ErrorCode::unavailable:
            add(unreachable_);
            break;
        default:
            break;
    }
    add(alarms_);
}

template <class T>
Result<T> RestartStore::counted(Result<T> result, Counter* on_success, uint64_t by) {
    if (!result) {
        count(result.error());
    } else if (on_success != nullptr) {
        add(*on_success, by);
    }
    return result;
}

Result<Lease> RestartStore::acquire(std::string_view group, std::string_view owner,
                                    std::chrono::milliseconds duration, AcquireMode mode) {
    return counted(check_name("group", group, kMaxGroupName)
                       .and_then([&] { return check_name("owner", owner, kMaxOwnerName); })
                       .and_then([&] { return check_duration(duration); })
                       .and_then([&] {
                           const WallTime now = wall_clock_.now();
                           return do_acquire(group, owner, now, now + duration, mode);
                       }));
}

Result<Lease> RestartStore::renew(const Lease& lease, std::chrono::milliseconds duration) {
    Lease renewed = lease;
    return counted(check_lease(lease)
                       .and_then([&] { return check_duration(duration); })
                       .and_then([&] {
                           renewed.expires = wall_clock_.now() + duration;
                           return do_renew(lease, renewed.expires);
                       })
                       .map([&] { return renewed; }));
}

Result<void> RestartStore::release(const Lease& lease) {
    // An own lease that has ended is anybody's.
    return counted(check_lease(lease).and_then([&] { return do_renew(lease, WallTime(0)); }));
}

Result<void> RestartStore::put(const Lease& lease,
                               std::span<const StoredAssociation> associations) {
    auto checked = check_lease(lease).and_then([&] { return check_batch(associations.size()); });
    for (const StoredAssociation& one : associations) {
        if (!checked) {
            break;
        }
        checked = one.description.validate()
                      .and_then([&] { return one.context.validate(); })
                      .map_error([&](const Error& error) {
                          return Error{error.code,
                                       to_string(one.description.tuple) + ": " + error.message};
                      });
    }
    return counted(checked.and_then([&] { return do_put(lease, associations); }), &puts_,
                   associations.size());
}

Result<void> RestartStore::drop_previous(const Lease& lease,
                                         std::span<const sctp::FourTuple> tuples) {
    return counted(
        check_write(lease, tuples).and_then([&] { return do_drop_previous(lease, tuples); }));
}

Result<void> RestartStore::remove(const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    return counted(check_write(lease, tuples).and_then([&] { return do_remove(lease, tuples); }),
                   &removes_, tuples.size());
}

Result<std::vector<Result<TakenAssociation>>> RestartStore::take(
    const Lease& lease, std::span<const sctp::FourTuple> tuples) {
    auto taken =
        counted(check_write(lease, tuples).and_then([&] { return do_take(lease, tuples); }));
    if (taken) {
        const auto good = std::count_if(taken->begin(), taken->end(),
                                        [](const auto& one) { return one.has_value(); });
        add(takes_, static_cast<uint64_t>(good));
    }
    return taken;
}

Result<Listing> RestartStore::list(std::string_view group) {
    return counted(
        check_name("group", group, kMaxGroupName).and_then([&] { return do_list(group); }));
}

Result<size_t> RestartStore::rotate(KeyRing ring) {
    auto sealed = counted(do_rotate(ring));
    if (sealed) {
        ring_ = std::move(ring);
    }
    return sealed;
}

StoreCounts RestartStore::counts() const {
    const auto value = [](const Counter& counter) {
        return counter.load(std::memory_order_relaxed);
    };
    return {.puts = value(puts_),
            .takes = value(takes_),
            .removes = value(removes_),
            .fenced = value(fenced_),
            .damaged = value(damaged_),
            .full = value(full_),
            .unreachable = value(unreachable_),
            .alarms = value(alarms_)};
}

Result<TakenAssociation> RestartStore::open_all(
    std::string_view group, const sctp::FourTuple& tuple,
    std::span<const std::span<const uint8_t>> newest_first) {
    if (newest_first.empty()) {
        return fail(ErrorCode::not_found, "{}: nothing is stored in group {}", to_string(tuple),
                    group);
    }
    TakenAssociation out;
    Result<TakenAssociation> worst = fail(ErrorCode::internal, "no row");
    std::vector<ContextMark> seen;
    for (const auto& row : newest_first) {
        auto opened = open_row(ring_, {group, tuple}, row);
        if (!opened) {
            count_damaged();
            worst = tl::unexpected(opened.error());
            continue;
        }
        // Marks are under the row's own key: compare those of one key only. put() has kept them
        // apart already, this is for a store put together by hand.
        const ContextMark mark = ring_.active().mark(opened->record.context);
        if (std::find(seen.begin(), seen.end(), mark) != seen.end()) {
            continue;
        }
        seen.push_back(mark);
        if (out.contexts.empty()) {
            out.description = std::move(opened->record.description);
        }
        out.contexts.push_back(std::move(opened->record.context));
    }
    if (out.contexts.empty()) {
        return worst;
    }
    return out;
}

void RestartStore::list_one(std::string_view group, std::span<const uint8_t> encoded_tuple,
                            std::span<const std::span<const uint8_t>> newest_first,
                            Listing& listing) {
    const auto tuple = decode_tuple(encoded_tuple);
    if (!tuple) {
        count_damaged();
        ++listing.unreadable_places;
        return;
    }
    ListedAssociation found;
    size_t good = 0;
    for (const auto& row : newest_first) {
        auto opened = open_row(ring_, {group, *tuple}, row);
        if (!opened) {
            count_damaged();
            continue;
        }
        if (good++ == 0) {
            found.description = std::move(opened->record.description);
            found.generation = opened->header.generation;
            found.lease_epoch = opened->header.lease_epoch;
            found.epoch = opened->record.context.epoch;
        }
    }
    if (good == 0) {
        listing.damaged.push_back(*tuple);
        return;
    }
    found.has_previous = good > 1;
    listing.associations.push_back(std::move(found));
}

tl::unexpected<Error> fenced(const Lease& lease, std::string_view owner, uint64_t epoch) {
    return fail(ErrorCode::fenced,
                "group {}: the lease of {} (epoch {}) is over, the owner is {} (epoch {})",
                lease.group, lease.owner, lease.epoch, owner.empty() ? "nobody" : owner, epoch);
}

tl::unexpected<Error> held(std::string_view group, std::string_view owner, WallTime now,
                           WallTime expires) {
    return fail(ErrorCode::already_exists, "group {} belongs to {} for another {} ms", group, owner,
                (expires - now).count());
}

}  // namespace sdg::restart
