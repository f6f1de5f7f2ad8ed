#include "control/relay/relay.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "control/log.h"
#include "control/relay/pair.h"

namespace sdg::relay {
namespace {
constexpr std::chrono::nanoseconds kTick = std::chrono::seconds(1);
// Key-management computing per round: what a message that is relayed meanwhile may wait for it.
constexpr std::chrono::nanoseconds kHandshakeTime = std::chrono::milliseconds(1);

// What the host knows of a listener is the same.
bool listens_alike(const ListenerSettings& a, const ListenerSettings& b) {
    return a.address == b.address && a.sctp_port == b.sctp_port && a.port == b.port &&
           a.leg == b.leg;
}

}  // namespace

Relay::Relay(sctp::Host& host, keys::ChunkProtection& protection, const Clock& clock,
             size_t handshakes)
    : host_(host),
      protection_(protection),
      clock_(clock),
      handshakes_(handshakes, clock),
      last_tick_(clock.now()) {
}

Relay::~Relay() = default;

sctp::AssociationObserver* Relay::accept(Listener& listener, sctp::Association& association) {
    if (is_draining() || listener.is_removed) {
        return nullptr;
    }
    const auto shared = std::ranges::find(listeners_, &listener, &std::shared_ptr<Listener>::get);
    pairs_.push_back(std::make_unique<Pair>(*this, ++last_pair_id_, *shared, listener.backend));
    Pair& pair = *pairs_.back();
    pair.self = std::prev(pairs_.end());
    pair.accepted().attach(association);
    ++counters_.pairs_accepted;
    return &pair.accepted();
}

// --- what is listened on, and where it goes

tl::expected<Relay::Plan, Relay::PlanError> Relay::prepare(
    std::vector<BackendSettings> backends, std::vector<ListenerSettings> listeners) {
    const auto refused = [](ErrorCode code, std::string message, std::string listener = {}) {
        return tl::unexpected(PlanError{{code, std::move(message)}, std::move(listener)});
    };
    if (is_draining()) {
        return refused(ErrorCode::unavailable, "the gateway is being stopped");
    }
    Plan plan;
    std::unordered_map<std::string, size_t> by_name;
    for (BackendSettings& settings : backends) {
        if (!by_name.emplace(settings.name, by_name.size()).second) {
            return refused(ErrorCode::already_exists,
                           fmt::format("there are two backends {}", settings.name));
        }
        plan.backends_.push_back(std::make_shared<const BackendSettings>(std::move(settings)));
    }
    std::set<std::string> names;
    std::map<std::pair<IpAddress, uint16_t>, std::string> addresses;
    for (ListenerSettings& settings : listeners) {
        const auto backend = by_name.find(settings.backend);
        if (backend == by_name.end()) {
            return refused(ErrorCode::not_found,
                           fmt::format("there is no backend {}", settings.backend), settings.name);
        }
        if (!names.insert(settings.name).second) {
            return refused(ErrorCode::already_exists, "there are two of this name", settings.name);
        }
        const auto [other, is_new] =
            addresses.emplace(std::pair(settings.address, settings.sctp_port), settings.name);
        if (!is_new) {
            return refused(
                ErrorCode::already_exists,
                fmt::format("{} port {} is that of listener {}", settings.address.to_string(),
                            settings.sctp_port, other->second),
                settings.name);
        }
        Plan::Entry& entry = plan.listeners_.emplace_back();
        entry.backend = backend->second;
        // Handshakes under way find the listener that answered their INIT.
        const auto same = std::ranges::find_if(listeners_, [&](const auto& listener) {
            return listener->door.open != nullptr && listens_alike(*listener->settings, settings);
        });
        if (same != listeners_.end()) {
            entry.keeps = same->get();
        } else {
            entry.door.owner = std::make_shared<Listener*>(nullptr);
            auto opened = host_.prepare_listener(
                settings.address, settings.sctp_port, settings.port, settings.leg,
                settings.max_associations,
                [this, owner = entry.door.owner](sctp::Association& association) {
                    return *owner == nullptr ? nullptr : accept(**owner, association);
                });
            if (!opened) {
                return refused(opened.error().code, opened.error().message, settings.name);
            }
            entry.door.open = std::move(*opened);
        }
        entry.settings = std::make_shared<const ListenerSettings>(std::move(settings));
    }
    return plan;
}

void Relay::commit(Plan plan) {
    const auto named = [](auto& entries, const std::string& name) {
        const auto found = std::ranges::find_if(
            entries, [&](const auto& entry) { return entry->settings->name == name; });
        return found == entries.end() ? nullptr : *found;
    };
    std::vector<std::shared_ptr<Backend>> backends;
    for (auto& settings : plan.backends_) {
        auto backend = named(backends_, settings->name);
        if (!backend) {
            backend = std::make_shared<Backend>();
        }
        backend->settings = std::move(settings);
        backends.push_back(std::move(backend));
    }
    // Doors first: one may go from a listener to another, and each has one at the end.
    for (Plan::Entry& entry : plan.listeners_) {
        if (entry.keeps != nullptr) {
            entry.door = std::exchange(entry.keeps->door, {});
        }
    }
    std::vector<std::shared_ptr<Listener>> listeners;
    for (Plan::Entry& entry : plan.listeners_) {
        auto listener = named(listeners_, entry.settings->name);
        if (!listener) {
            listener = std::make_shared<Listener>();
        }
        listener->settings = std::move(entry.settings);
        listener->backend = backends[entry.backend];
        *entry.door.owner = listener.get();
        entry.door.open->set_max_associations(listener->settings->max_associations);
        entry.door.open->activate();
        listener->door = std::move(entry.door);  // closes the one it had
        listeners.push_back(std::move(listener));
    }
    const auto keep_removed = [](auto& before, auto& now) {
        for (auto& entry : before) {
            entry->is_removed = std::ranges::find(now, entry) == now.end();
        }
        for (auto& entry : now) {
            entry->is_removed = false;
        }
        for (auto& entry : before) {
            if (entry->is_removed) {
                now.push_back(entry);
            }
        }
        before = std::move(now);
    };
    keep_removed(listeners_, listeners);
    keep_removed(backends_, backends);
    for (const auto& listener : listeners_) {
        if (listener->is_removed && listener->door.open) {
            *listener->door.owner = nullptr;
            listener->door = {};
        }
    }
    forget_removed();
}

void Relay::forget_removed() {
    const auto is_over = [](const auto& entry) {
        return entry->is_removed && entry->counters.associations == 0;
    };
    std::erase_if(listeners_, is_over);
    std::erase_if(backends_, is_over);
}

std::shared_ptr<Listener> Relay::find_listener(const std::string& name) const {
    const auto found = std::ranges::find_if(listeners_, [&](const auto& listener) {
        return !listener->is_removed && listener->settings->name == name;
    });
    return found != listeners_.end() ? *found : nullptr;
}

std::shared_ptr<Backend> Relay::find_backend(const std::string& name) const {
    const auto found = std::ranges::find_if(backends_, [&](const auto& backend) {
        return !backend->is_removed && backend->settings->name == name;
    });
    return found != backends_.end() ? *found : nullptr;
}

void Relay::restore(std::shared_ptr<Listener> listener, std::shared_ptr<Backend> backend,
                    RestoredPair restored) {
    pairs_.push_back(
        std::make_unique<Pair>(*this, ++last_pair_id_, std::move(listener), std::move(backend)));
    Pair& pair = *pairs_.back();
    pair.self = std::prev(pairs_.end());
    pair.restore(std::move(restored));
}

void Relay::make_ready(Pair& pair) {
    if (!std::exchange(pair.in_ready_list, true)) {
        ready_.push_back(&pair);
    }
}

size_t Relay::run() {
    size_t done = 0;
    const auto now = clock_.now();
    if (now - last_tick_ >= kTick) {
        last_tick_ = now;
        for (const auto& pair : pairs_) {
            pair->on_tick(now);
        }
        handshakes_.on_tick();
    }
    done += handshakes_.run(kHandshakeTime);
    auto ready = std::exchange(ready_, {});
    for (Pair* pair : ready) {
        pair->in_ready_list = false;
        ++done;
        if (pair->pump()) {
            make_ready(*pair);
        }
    }
    if (is_draining()) {
        drain_step();
    }
    if (!closed_.empty()) {
        for (Pair* pair : std::exchange(closed_, {})) {
            std::erase(ready_, pair);
            pairs_.erase(pair->self);
        }
        forget_removed();
    }
    return done;
}

Pair* Relay::find(uint64_t id) const {
    const auto found = std::ranges::find(pairs_, id, [](const auto& pair) { return pair->id(); });
    return found == pairs_.end() ? nullptr : found->get();
}

void Relay::note_backend(Backend& backend, bool connected) {
    BackendCounters& counters = backend.counters;
    ++(connected ? counters.connected : counters.failures);
    counters.last_connected = connected;
    counters_.backend_failures += connected ? 0U : 1U;
}

void Relay::request_rekey() {
    for (const auto& pair : pairs_) {
        pair->request_rekey();
    }
}

void Relay::drain(std::chrono::milliseconds timeout) {
    if (is_draining()) {
        return;
    }
    drain_started_ = clock_.now();
    drain_timeout_ = timeout;
    for (const auto& listener : listeners_) {
        listener->door.open.reset();
    }
}

void Relay::drain_step() {
    const auto waited = clock_.now() - *drain_started_;
    for (const auto& pair : pairs_) {
        if (waited >= drain_timeout_) {
            pair->abort("gateway is being stopped");
        } else {
            pair->drain(waited >= drain_timeout_ / 2);
        }
    }
}

}  // namespace sdg::relay
