#include "control/relay/restoration.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "control/log.h"
#include "control/relay/restart_note.h"

namespace sdg::relay {
namespace {

// Each batch is one transaction of the store.
constexpr size_t kBatch = 32;
// While the store fails. After kPatience the peers have given most associations up.
constexpr std::chrono::milliseconds kFirstBackoff(250);
constexpr std::chrono::milliseconds kLastBackoff(4'000);
constexpr auto kPatience = std::chrono::seconds(60);

// The keys are still in the store, or may be.
bool may_pass(ErrorCode code) {
    return code == ErrorCode::timed_out || code == ErrorCode::unavailable ||
           code == ErrorCode::io || code == ErrorCode::resource_exhausted;
}

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
    StoredLeg& stored = note->accepted ? out.accepted : out.backend_leg;
    StoredLeg& other = note->accepted ? out.backend_leg : out.accepted;
    stored = {.tuple = listed.description.tuple, .is_protected = true};
    other = {.tuple = note->other, .is_protected = note->other_is_protected};
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
    // Newest first: where the store was not told of the end of an association, and its node has
    // come back from the same port, the older one is of no use any more.
    std::vector<const restart::ListedAssociation*> newest_first;
    for (const restart::ListedAssociation& listed : listing.associations) {
        newest_first.push_back(&listed);
    }
    std::stable_sort(newest_first.begin(), newest_first.end(), [](const auto* a, const auto* b) {
        return std::tie(a->lease_epoch, a->generation) > std::tie(b->lease_epoch, b->generation);
    });
    std::unordered_map<sctp::FourTuple, sctp::FourTuple> backend_leg_of;
    std::vector<Waiting> pairs;
    for (const restart::ListedAssociation* listed : newest_first) {
        const sctp::FourTuple& tuple = listed->description.tuple;
        auto planned = plan(*listed);
        if (!planned) {
            log.error("{} is not restarted: {}", restart::to_string(tuple),
                      planned.error().message);
            keeper_.forget(tuple);
            continue;
        }
        // Two protected legs are stored each on its own and are one pair.
        const auto [found, is_new] =
            backend_leg_of.emplace(planned->accepted.tuple, planned->backend_leg.tuple);
        if (is_new) {
            hold(*planned);
            pairs.push_back(std::move(*planned));
        } else if (found->second != planned->backend_leg.tuple) {
            log.warn("{} is not restarted: there is a newer association of the same node",
                     restart::to_string(tuple));
            keeper_.forget(tuple);
        }
    }
    for (size_t i = pairs.size(); i > 1; --i) {
        std::swap(pairs[i - 1], pairs[random_.u32() % i]);
    }
    waiting_.assign(std::make_move_iterator(pairs.begin()), std::make_move_iterator(pairs.end()));
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
    if (failing_since_ && (being_taken_ > 0 || now < next_try_)) {
        return 0;
    }
    const size_t busy = being_taken_ + relay_.restoring();
    const size_t room = busy < settings_.at_once ? settings_.at_once - busy : 0;
    const size_t count = std::min({waiting_.size(), room, kBatch, static_cast<size_t>(allowance_)});
    if (count == 0) {
        return 0;
    }
    allowance_ -= static_cast<double>(count);
    const auto end = waiting_.begin() + static_cast<ptrdiff_t>(count);
    const auto pairs = std::make_shared<std::vector<Waiting>>(
        std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
    waiting_.erase(waiting_.begin(), end);
    std::vector<sctp::FourTuple> tuples;
    for (const Waiting& pair : *pairs) {
        for (const StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
            if (leg->is_protected && !leg->taken) {
                tuples.push_back(leg->tuple);
            }
        }
    }
    being_taken_ += count;
    keeper_.take(std::move(tuples),
                 [this, pairs](std::vector<Result<restart::TakenAssociation>> taken) {
                     on_taken(*pairs, std::move(taken));
                 });
    return count;
}

void Restoration::on_taken(std::vector<Waiting>& pairs,
                           std::vector<Result<restart::TakenAssociation>> taken) {
    being_taken_ -= pairs.size();
    bool failed = false;
    size_t next = 0;
    for (Waiting& pair : pairs) {
        std::string lacks;
        bool gone = false;  // for good
        for (StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
            if (!leg->is_protected || leg->taken) {
                continue;
            }
            auto& result = taken[next++];
            if (result && !result->contexts.empty()) {
                leg->taken = std::move(*result);
            } else {
                const bool passes = !result && may_pass(result.error().code);
                failed = failed || passes;
                gone = gone || !passes;
                lacks = fmt::format("{}: {}", restart::to_string(leg->tuple),
                                    result ? "no keys" : result.error().message);
            }
        }
        if (relay_.is_draining()) {
            release(pair);
        } else if (const auto checked = check(pair); !checked) {
            give_up(pair, checked.error().message);
        } else if (lacks.empty()) {
            relay_.restore(
                pair.listener, pair.backend,
                {.accepted = {pair.accepted.tuple, std::move(pair.accepted.taken)},
                 .backend = {pair.backend_leg.tuple, std::move(pair.backend_leg.taken)}});
        } else if (!gone && (!failing_since_ || clock_.now() - *failing_since_ < kPatience)) {
            waiting_.push_back(std::move(pair));
        } else {
            give_up(pair, lacks);
        }
    }
    if (failed) {
        note_failure();
    } else {
        failing_since_.reset();
        backoff_ = {};
    }
}

void Restoration::note_failure() {
    if (!failing_since_) {
        failing_since_ = clock_.now();
        log::of("restart").warn("the restart store gives no keys; it is asked again");
    }
    backoff_ = std::clamp(2 * backoff_, kFirstBackoff, kLastBackoff);
    next_try_ = clock_.now() + backoff_;
}

void Restoration::give_up(const Waiting& pair, const std::string& why) {
    log::of("restart").error("{} is not restarted: {}", restart::to_string(pair.accepted.tuple),
                             why);
    relay_.note_restore_failed();
    for (const StoredLeg* leg : {&pair.accepted, &pair.backend_leg}) {
        if (leg->is_protected) {
            keeper_.forget(leg->tuple);
        }
    }
    release(pair);
}

void Restoration::stop() {
    for (const Waiting& pair : waiting_) {
        release(pair);
    }
    waiting_.clear();
}

}  // namespace sdg::relay
