#include "control/relay/restoration.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "control/log.h"
#include "control/relay/restart_note.h"

namespace sdg::relay {
namespace {

// Each batch is one transaction of the store.
constexpr size_t kBatch = 32;

}  // namespace

Restoration::Restoration(Relay& relay, restart::Keeper& keeper, const RestorationSettings& settings,
                         const Clock& clock, Random& random)
    : relay_(relay),
      keeper_(keeper),
      settings_(settings),
      clock_(clock),
      random_(random),
      last_(clock.now()) {
}

Result<Restoration::Waiting> Restoration::plan(const restart::ListedAssociation& listed) const {
    const auto note = decode_restart_note(listed.description.attachment);
    if (!note) {
        return tl::unexpected(note.error());
    }
    Waiting out;
    out.listener = relay_.find_listener(note->listener);
    out.backend = relay_.find_backend(note->backend);
    if (out.listener == nullptr || out.backend == nullptr) {
        return fail(ErrorCode::not_found, "listener {} or backend {} is not configured any more",
                    note->listener, note->backend);
    }
    const StoredLeg stored{listed.description.tuple, true};
    const StoredLeg other{note->other, note->other_is_protected};
    out.accepted = note->accepted ? stored : other;
    out.backend_leg = note->accepted ? other : stored;
    if (auto checked = check(out); !checked) {
        return tl::unexpected(checked.error());
    }
    return out;
}

// Again before its turn: the configuration may have changed while it waited.
Result<void> Restoration::check(const Waiting& pair) {
    if (pair.listener->is_removed || pair.backend->is_removed) {
        return fail(ErrorCode::not_found, "its listener or backend is not configured any more");
    }
    for (const auto& [leg, policy] :
         {std::pair{&pair.accepted, pair.listener->settings->policy.get()},
          std::pair{&pair.backend_leg, pair.backend->settings->policy.get()}}) {
        if (leg->is_protected && (policy == nullptr || !policy->key_management.restart)) {
            return fail(ErrorCode::invalid_argument,
                        "its protection policy does not allow restart any more");
        }
    }
    return {};
}

void Restoration::hold(const Waiting& pair) {
    for (const StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
        relay_.host().hold(leg->tuple);
    }
}

void Restoration::release(const Waiting& pair) {
    for (const StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
        relay_.host().release(leg->tuple);
    }
}

void Restoration::begin(const restart::Listing& listing) {
    auto& log = log::of("restart");
    for (const sctp::FourTuple& damaged : listing.damaged) {
        keeper_.forget(damaged);
    }
    std::unordered_set<sctp::FourTuple> accepted;
    std::vector<Waiting> pairs;
    for (const restart::ListedAssociation& listed : listing.associations) {
        auto planned = plan(listed);
        if (!planned) {
            log.error("{} is not restarted: {}", restart::to_string(listed.description.tuple),
                      planned.error().message);
            keeper_.forget(listed.description.tuple);
            continue;
        }
        // Two protected legs are stored each on its own and are one pair.
        if (accepted.insert(planned->accepted.tuple).second) {
            hold(*planned);
            pairs.push_back(*planned);
        }
    }
    for (size_t i = pairs.size(); i > 1; --i) {
        std::swap(pairs[i - 1], pairs[random_.u32() % i]);
    }
    waiting_.assign(pairs.begin(), pairs.end());
    if (!waiting_.empty()) {
        log.info("{} pairs of a former run are restarted, {} a second", waiting_.size(),
                 settings_.per_second);
    }
}

size_t Restoration::waiting() const {
    return waiting_.size() + being_taken_ + relay_.restoring();
}

size_t Restoration::run() {
    if (waiting_.empty()) {
        return 0;
    }
    const TimePoint now = clock_.now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    allowance_ = std::min(allowance_ + seconds * settings_.per_second,
                          static_cast<double>(settings_.at_once));
    const size_t busy = being_taken_ + relay_.restoring();
    const size_t room = busy < settings_.at_once ? settings_.at_once - busy : 0;
    const size_t count = std::min({waiting_.size(), room, kBatch, static_cast<size_t>(allowance_)});
    if (count == 0) {
        return 0;
    }
    allowance_ -= static_cast<double>(count);
    std::vector<Waiting> pairs(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    std::vector<sctp::FourTuple> tuples;
    for (const Waiting& pair : pairs) {
        for (const StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
            if (leg->is_protected) {
                tuples.push_back(leg->tuple);
            }
        }
    }
    being_taken_ += count;
    keeper_.take(std::move(tuples), [this, pairs = std::move(pairs)](
                                        std::vector<Result<restart::TakenAssociation>> taken) {
        on_taken(pairs, std::move(taken));
    });
    return count;
}

void Restoration::on_taken(const std::vector<Waiting>& pairs,
                           std::vector<Result<restart::TakenAssociation>> taken) {
    being_taken_ -= pairs.size();
    size_t next = 0;
    for (const Waiting& pair : pairs) {
        RestoredPair restored{.accepted = {pair.accepted.tuple, {}},
                              .backend = {pair.backend_leg.tuple, {}}};
        bool usable = !relay_.is_draining();
        if (const auto checked = check(pair); !checked) {
            usable = false;
            log::of("restart").error("{} is not restarted: {}",
                                     restart::to_string(pair.accepted.tuple),
                                     checked.error().message);
        }
        for (auto& [stored, leg] : {std::pair{&pair.accepted, &restored.accepted},
                                    std::pair{&pair.backend_leg, &restored.backend}}) {
            if (!stored->is_protected) {
                continue;
            }
            auto& result = taken[next++];
            if (result && !result->contexts.empty()) {
                leg->taken = std::move(*result);
            } else {
                usable = false;
                log::of("restart").error("{} is not restarted: {}",
                                         restart::to_string(stored->tuple),
                                         result ? "no keys" : result.error().message);
            }
        }
        if (usable) {
            relay_.restore(pair.listener, pair.backend, std::move(restored));
        } else {
            release(pair);
        }
    }
}

void Restoration::stop() {
    for (const Waiting& pair : waiting_) {
        release(pair);
    }
    waiting_.clear();
}

}  // namespace sdg::relay
