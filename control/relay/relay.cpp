#include "control/relay/relay.h"

#include <algorithm>
#include <utility>

#include "control/log.h"
#include "control/relay/pair.h"

namespace sdg::relay {
namespace {
constexpr std::chrono::nanoseconds kTick = std::chrono::seconds(1);
// Key-management computing per round: what a message that is relayed meanwhile may wait for it.
constexpr std::chrono::nanoseconds kHandshakeTime = std::chrono::milliseconds(1);
}  // namespace

Relay::Relay(sctp::Host& host, keys::ChunkProtection& protection, const Clock& clock,
             std::vector<BackendSettings> backends, size_t handshakes)
    : host_(host),
      protection_(protection),
      clock_(clock),
      handshakes_(handshakes, clock),
      backends_(std::move(backends)),
      backend_counters_(backends_.size()),
      last_tick_(clock.now()) {
}

Relay::~Relay() = default;

Result<void> Relay::listen(const ListenerSettings& settings) {
    if (settings.backend >= backends_.size()) {
        return fail(ErrorCode::invalid_argument, "listener {} names no backend", settings.name);
    }
    const ListenerSettings& kept = listener_settings_.emplace_back(settings);
    ListenerCounters& counters = listener_counters_.emplace_back();
    counters.name = settings.name;
    auto listener = host_.listen(
        settings.address, settings.sctp_port, settings.port, settings.leg,
        settings.max_associations,
        [this, &kept, &counters](sctp::Association& association) -> sctp::AssociationObserver* {
            if (is_draining()) {
                return nullptr;
            }
            pairs_.push_back(std::make_unique<Pair>(*this, ++last_pair_id_, kept, counters,
                                                    backends_[kept.backend]));
            Pair& pair = *pairs_.back();
            pair.self = std::prev(pairs_.end());
            pair.accepted().attach(association);
            ++counters_.pairs_accepted;
            return &pair.accepted();
        });
    if (!listener) {
        listener_settings_.pop_back();
        listener_counters_.pop_back();
        return fail(listener.error().code, "listener {}: {}", settings.name,
                    listener.error().message);
    }
    listeners_.push_back(std::move(*listener));
    return {};
}

const ListenerSettings* Relay::find_listener(const std::string& name) const {
    const auto found = std::ranges::find(listener_settings_, name, &ListenerSettings::name);
    return found != listener_settings_.end() ? &*found : nullptr;
}

const BackendSettings* Relay::find_backend(const std::string& name) const {
    const auto found = std::ranges::find(backends_, name, &BackendSettings::name);
    return found != backends_.end() ? &*found : nullptr;
}

void Relay::restore(const ListenerSettings& listener, const BackendSettings& backend,
                    RestoredPair restored) {
    // There is one of each listener's name.
    const auto counters =
        std::ranges::find(listener_counters_, listener.name, &ListenerCounters::name);
    pairs_.push_back(std::make_unique<Pair>(*this, ++last_pair_id_, listener, *counters, backend));
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
    for (Pair* pair : std::exchange(closed_, {})) {
        std::erase(ready_, pair);
        pairs_.erase(pair->self);
    }
    return done;
}

Pair* Relay::find(uint64_t id) const {
    const auto found = std::ranges::find(pairs_, id, [](const auto& pair) { return pair->id(); });
    return found == pairs_.end() ? nullptr : found->get();
}

void Relay::note_backend(const BackendSettings& backend, bool connected) {
    BackendCounters& counters = counters_of(backend);
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
    listeners_.clear();
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
