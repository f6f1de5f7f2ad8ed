#include "gateway/leg_environments.h"

#include <algorithm>
#include <iterator>
#include <span>
#include <utility>

namespace sdg::gateway {
namespace {

template <class Environment>
using List = std::vector<LegEnvironment<Environment>>;

template <class Environment>
void follow(LegEnvironment<Environment>& live, Environment& environment,
            std::span<const LegEnvironment<Environment>> now) {
    const auto take = [&](const LegEnvironment<Environment>& from, bool with_names) {
        const auto source = from.environment.lock();
        environment.credentials = source->credentials;
        environment.options = source->options;
        if (with_names) {
            environment.peer_names = source->peer_names;
            live.has_own_names = from.has_own_names;
        }
        live.policy = from.policy;
        environment.is_withdrawn = false;
    };
    const auto same_leg = std::ranges::find(now, live.leg, &LegEnvironment<Environment>::leg);
    if (!live.leg.empty() && same_leg != now.end()) {
        take(*same_leg, true);
        return;
    }
    const auto same_policy = std::ranges::find_if(
        now, [&](const auto& other) { return other.leg.empty() && other.policy == live.policy; });
    if (same_policy != now.end()) {
        take(*same_policy, !live.has_own_names);
    } else {
        environment.is_withdrawn = true;
    }
}

template <class Environment>
void replace_in(List<Environment>& now, List<Environment> running) {
    List<Environment> former;
    for (LegEnvironment<Environment>& live : running) {
        const auto environment = live.environment.lock();
        // Those of a policy itself have no sessions.
        if (environment && !live.leg.empty()) {
            follow<Environment>(live, *environment, now);
            former.push_back(std::move(live));
        }
    }
    std::ranges::move(former, std::back_inserter(now));
}

template <class Environment>
void forget_in(List<Environment>& list) {
    std::erase_if(list, [](const auto& entry) { return entry.environment.expired(); });
}

}  // namespace

void LegEnvironments::replace(LegEnvironments running) {
    replace_in(tls13, std::move(running.tls13));
    replace_in(dtls13, std::move(running.dtls13));
}

void LegEnvironments::forget_unused() {
    forget_in(tls13);
    forget_in(dtls13);
}

}  // namespace sdg::gateway
