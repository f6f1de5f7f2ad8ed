#include "control/relay/pair.h"

#include <utility>
#include <vector>

#include "control/log.h"
#include "dataplane/packet/code_points.h"

namespace sdg::relay {

Pair::Pair(Relay& relay, uint64_t id, std::shared_ptr<Listener> listener,
           std::shared_ptr<Backend> backend)
    : relay_(relay),
      id_(id),
      begun_(relay.clock_.now()),
      listener_(std::move(listener)),
      backend_of_(std::move(backend)),
      listener_kept_(listener_->settings),
      backend_kept_(backend_of_->settings),
      listener_settings_(*listener_kept_),
      backend_settings_(*backend_kept_),
      accepted_(fmt::format("association {} listener {}", id, listener_settings_.name),
                listener_settings_.policy.get(), relay.protection_, relay.handshakes_, *this),
      backend_(fmt::format("association {} backend {}", id, backend_settings_.name),
               backend_settings_.policy.get(), relay.protection_, relay.handshakes_, *this),
      to_backend_(accepted_, backend_),
      from_backend_(backend_, accepted_) {
    ++listener_->counters.associations;
    ++listener_->counters.accepted;
    ++backend_of_->counters.associations;
}

Pair::~Pair() {
    end_restoring();
    --listener_->counters.associations;
    --backend_of_->counters.associations;
}

void Pair::tell(spdlog::level::level_enum level, std::string_view event, const Leg& leg,
                std::string_view text) const {
    std::vector<log::Field> fields = {{"event", std::string(event)},
                                      {"association", std::to_string(id_)},
                                      {"leg", &leg == &accepted_ ? "accepted" : "backend"},
                                      {"listener", listener_settings_.name},
                                      {"backend", backend_settings_.name}};
    for (auto& field : leg.log_fields()) {
        fields.push_back(std::move(field));
    }
    log::event("relay", level, text, fields);
}

void Pair::on_leg_up(Leg& leg) {
    tell(spdlog::level::info, "leg_up", leg, fmt::format("{} is up", leg.describe()));
    if (keeping(leg).restarted) {
        on_restarted_leg_up(leg);
        return;
    }
    if (restoring_) {
        if (&leg == &backend_) {
            relay_.note_backend(*backend_of_, true);
        }
        on_restored_leg_up(leg);
        return;
    }
    if (&leg == &accepted_) {
        connect_backend();
    } else {
        relay_.note_backend(*backend_of_, true);
        if (accepted_.is_up()) {
            ++relay_.counters_.pairs_relaying;
            flush_restart_keys();
        }
    }
    relay_.make_ready(*this);
}

void Pair::connect_backend(uint16_t local_port) {
    if (std::exchange(backend_started_, true)) {
        return;
    }
    sctp::Endpoints endpoints = backend_settings_.endpoints;
    if (local_port != 0) {
        endpoints.local_port = local_port;
    }
    auto connected = relay_.host_.connect(endpoints, backend_settings_.leg,
                                          backend_settings_.connect_timeout, backend_);
    if (connected) {
        backend_.attach(**connected);
        return;
    }
    backend_absent_ = true;
    relay_.note_backend(*backend_of_, false);
    tell(spdlog::level::err, "backend_unreachable", accepted_,
         fmt::format("backend {} cannot be connected: {}; {} is aborted", backend_settings_.name,
                     connected.error().message, accepted_.describe()));
    aborting_ = true;
    accepted_.abort("backend not reachable");
}

void Pair::on_leg_ready(Leg&) {
    relay_.make_ready(*this);
}

void Pair::on_leg_failed(Leg& leg, const std::string& reason) {
    ++relay_.counters_.protection_failures;
    tell(spdlog::level::err, "leg_failed", leg,
         fmt::format("{} is aborted: {}", leg.describe(), reason));
}

void Pair::abort(std::string_view text) {
    aborting_ = true;
    accepted_.abort(text);
    backend_.abort(text);
}

bool Pair::pump() {
    if (aborting_) {
        return false;
    }
    for (Leg* leg : {&accepted_, &backend_}) {
        leg->read_key_management();
        leg->send_key_management();
    }
    bool more = false;
    for (Leg* source : {&accepted_, &backend_}) {
        Leg& destination = other(*source);
        if (destination.is_closed() && source->is_up() && has_late_message(*source)) {
            return false;
        }
        // A closed source may have left a piece that still goes out.
        if (!destination.is_up() || !(source->is_up() || source->is_closed())) {
            continue;
        }
        Flow& flow = from(*source);
        const auto progress =
            flow.pump(kBudget, source == &accepted_ ? relay_.counters_.to_backend
                                                    : relay_.counters_.from_backend);
        if (progress == Flow::Progress::broken) {
            ++relay_.counters_.messages_refused;
            log::of("relay").error("{}: {}; both legs are aborted", source->describe(),
                                   flow.reason());
            abort("message cannot be relayed");
            return false;
        }
        more = more || progress == Flow::Progress::more;
        if (progress == Flow::Progress::idle && (source->peer_finished() || source->is_closed())) {
            finish_flow(*source);
        }
    }
    return more;
}

bool Pair::has_late_message(Leg& source) {
    // The destination has been shut down. Reading lets the source's own SHUTDOWN complete, and key
    // management goes on.
    if (from(source).drop_held() && refuse_late(source, true)) {
        return true;
    }
    thread_local std::vector<uint8_t> buffer(Flow::kPiece);
    for (unsigned budget = kBudget; budget > 0; --budget) {
        const auto piece = source.receive(buffer);
        if (!piece) {
            return false;
        }
        if (source.is_protected() && piece->info.ppid == packet::kPpidKeyManagement) {
            source.on_key_management_piece(piece->info, std::span(buffer).first(piece->length));
            if (!source.is_up()) {
                return true;
            }
        } else if (refuse_late(source, piece->info.end_of_message)) {
            return true;
        }
    }
    relay_.make_ready(*this);
    return false;
}

bool Pair::refuse_late(Leg& source, bool end_of_message) {
    // A message that can go nowhere must not be acknowledged as if it had been relayed. Only a
    // gateway or pair that is being stopped lets go of what still comes after its SHUTDOWN.
    if (relay_.is_draining() || closing_since_) {
        relay_.counters_.messages_late += end_of_message ? 1U : 0U;
        return false;
    }
    ++relay_.counters_.messages_late;
    log::of("relay").warn("{} sent a message after {} had been shut down; it is aborted",
                          source.describe(), other(source).name());
    abort("other side has been shut down");
    return true;
}

void Pair::finish_flow(Leg& source) {
    bool& ended = &source == &accepted_ ? accepted_ended_ : backend_ended_;
    if (ended) {
        return;
    }
    ended = true;
    Leg& destination = other(source);
    if (from(source).mid_message()) {
        ++relay_.counters_.messages_cut;
        log::of("relay").error("{} ended in the middle of a message; {} is aborted", source.name(),
                               destination.describe());
        abort("message cut short");
        return;
    }
    destination.shutdown();
}

void Pair::request_rekey() {
    accepted_.request_rekey();
    backend_.request_rekey();
}

void Pair::request_reauthentication() {
    accepted_.request_reauthentication();
    backend_.request_reauthentication();
}

void Pair::on_tick(TimePoint now) {
    accepted_.on_tick(now);
    backend_.on_tick(now);
    if (closing_since_) {
        close_step(now);
    }
}

void Pair::close(std::chrono::nanoseconds timeout) {
    if (!closing_since_) {
        closing_since_ = relay_.clock_.now();
        closing_timeout_ = timeout;
        drain(false);
    }
}

void Pair::close_step(TimePoint now) {
    const auto waited = now - *closing_since_;
    if (waited >= closing_timeout_) {
        abort("closed by the operator");
    } else {
        drain(waited >= closing_timeout_ / 2);
    }
}

void Pair::drain(bool forced) {
    const auto quiet = [](Leg& leg, const Flow& flow) {
        return flow.is_clean() && (!leg.is_up() || leg.association()->unsent_octets() == 0);
    };
    if (forced || (quiet(accepted_, to_backend_) && quiet(backend_, from_backend_))) {
        for (Leg* leg : {&accepted_, &backend_}) {
            if (leg->association() != nullptr && !leg->association()->is_established()) {
                leg->abort("gateway is being stopped");
            } else {
                leg->shutdown();
            }
        }
    }
}

void Pair::on_leg_closed(Leg& leg, sctp::CloseReason reason, const std::string& detail) {
    const bool graceful = reason == sctp::CloseReason::shutdown_complete;
    tell(graceful || aborting_ ? spdlog::level::info : spdlog::level::warn, "leg_closed", leg,
         fmt::format("{} closed: {}{}{}", leg.describe(), sctp::to_string(reason),
                     detail.empty() ? "" : ": ", detail));
    forget(leg);
    if (&leg == &backend_ && std::exchange(backend_resetting_, false) && accepted_.is_up()) {
        backend_.prepare_restart({});
        to_backend_.reset();
        from_backend_.reset();
        backend_ended_ = backend_started_ = false;
        connect_backend();
        return;
    }
    if (restoring_ && try_again(leg)) {
        return;
    }
    Leg& peer = other(leg);
    if (&leg == &backend_ && !graceful && !aborting_) {
        relay_.note_backend(*backend_of_, false);
    }
    if (!peer.is_closed() && peer.association() != nullptr && !aborting_) {
        if (graceful) {
            relay_.make_ready(*this);  // what it left is passed on, then the peer shut down
            if (!peer.is_up()) {
                peer.abort("other leg closed");
            }
        } else {
            if (from(leg).mid_message()) {
                ++relay_.counters_.messages_cut;
            }
            aborting_ = true;
            peer.abort(&leg == &backend_ ? "backend leg failed" : "accepted leg failed");
        }
    }
    if (!graceful) {
        aborting_ = true;
    }
    close_if_done();
}

void Pair::close_if_done() {
    const bool backend_gone = backend_.is_closed() || !backend_started_ || backend_absent_;
    const bool accepted_gone = accepted_.is_closed() || accepted_absent_;
    if (accepted_gone && backend_gone && !std::exchange(in_closed_list, true)) {
        ++(aborting_ ? relay_.counters_.closed_by_abort : relay_.counters_.closed_gracefully);
        relay_.closed_.push_back(this);
    }
}

}  // namespace sdg::relay
