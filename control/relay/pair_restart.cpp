// The pair's part in protected restart.
//
//   the peer of a leg restarts it    its restart keys leave the store, then the host takes the new
//                                    association; the other leg goes on or begins anew, as the
//                                    listener's policy says and as half relayed messages allow
//   the gateway has been restarted   the pair's protected legs are restarted first; then, with
//                                    policy keep, the plain one from the same address and port (for
//                                    its peer a restart of plain SCTP), with policy reset the
//                                    backend from a new port, and an accepted association is closed
//                                    so that its peers know at once
#include <algorithm>
#include <utility>

#include "control/log.h"
#include "control/relay/pair.h"
#include "control/relay/restart_note.h"

namespace sdg::relay {
namespace {

sctp::FourTuple tuple_of(const sctp::Endpoints& endpoints) {
    return {endpoints.local, endpoints.peer, endpoints.local_port, endpoints.peer_port};
}

}  // namespace

// Only while the pair is there.
template <class Act>
auto Pair::while_alive(Act act) {
    return [weak = std::weak_ptr<Pair*>(alive_), act](bool done) {
        if (const auto pair = weak.lock()) {
            act(**pair, done);
        }
    };
}

// --- the peer restarts a leg

bool Pair::on_leg_restart_requested(Leg& leg) {
    auto& tuple = keeping(leg).tuple;
    keeping(leg).pending.reset();
    if (!tuple || relay_.keeper_ == nullptr) {
        return true;
    }
    // Once they are used they must not come back from the store: every nonce would be used twice.
    const bool accepted = &leg == &accepted_;
    const sctp::FourTuple which = *std::exchange(tuple, std::nullopt);
    relay_.keeper_->forget(which, while_alive([accepted, which](Pair& pair, bool gone) {
                               pair.on_keys_forgotten(accepted ? pair.accepted_ : pair.backend_,
                                                      which, gone);
                           }));
    return false;
}

void Pair::on_keys_forgotten(Leg& leg, const sctp::FourTuple& tuple, bool gone) {
    sctp::Association* const association = leg.association();
    if (association == nullptr || tuple_of(association->endpoints()) != tuple) {
        return;
    }
    if (gone) {
        association->allow_restart();
        return;
    }
    log::of("relay").error(
        "{} cannot be restarted by its peer now: its restart keys are still in the store",
        leg.describe());
    keeping(leg).tuple = tuple;  // the peer asks again, and so do we
    association->refuse_restart();
}

void Pair::on_leg_restarted(Leg& leg) {
    log::of("relay").warn("{} is restarted by its peer; what was on its way is lost",
                          leg.describe());
    ++relay_.counters_.pairs_restarted;
    keeping(leg).restarted = true;
    keeping(leg).reset_other = from(leg).mid_message();
    from(leg).restart_source();
    if (from(other(leg)).restart_destination()) {
        ++relay_.counters_.messages_cut;
    }
    (&leg == &accepted_ ? accepted_ended_ : backend_ended_) = false;
}

void Pair::on_restarted_leg_up(Leg& leg) {
    Keeping& state = keeping(leg);
    state.restarted = false;
    const bool reset_other = std::exchange(state.reset_other, false);
    if (reset_other) {
        ++relay_.counters_.messages_cut;
    }
    Leg& peer = other(leg);
    if (aborting_ || peer.is_closed() || relay_.is_draining()) {
        leg.shutdown();
        return;
    }
    if (reset_other || listener_settings_.on_restart == OnRestart::reset) {
        if (&peer == &accepted_) {
            log::of("relay").info("{} is ended: its other leg has been restarted", peer.describe());
            abort("other leg has been restarted");
            return;
        }
        reset_backend();
    } else if (peer.is_up()) {
        flush_restart_keys();
    }
    relay_.make_ready(*this);
}

void Pair::reset_backend() {
    if (!backend_started_) {
        connect_backend();
    } else if (!backend_resetting_ && backend_.is_up()) {
        log::of("relay").info("{} begins anew: its other leg has been restarted",
                              backend_.describe());
        backend_resetting_ = true;
        backend_.abort("other leg has been restarted");
    }
}

// --- the gateway has been restarted

void Pair::restore(RestoredPair restored) {
    restoring_.emplace(std::move(restored));
    ++relay_.restoring_;
    accepted_absent_ = true;
    begin_restart(restoring_->accepted.taken ? accepted_ : backend_);
}

void Pair::begin_restart(Leg& leg) {
    const bool accepted = &leg == &accepted_;
    RestoredLeg& stored = accepted ? restoring_->accepted : restoring_->backend;
    auto& contexts = stored.taken->contexts;
    const restart::RestartContext context = std::move(contexts.front());
    contexts.erase(contexts.begin());
    const auto& description = stored.taken->description;
    const keymgmt::Policy* const policy =
        (accepted ? listener_settings_.policy : backend_settings_.policy).get();
    const sctp::RestartStart start{.epoch = context.epoch,
                                   .send = context.send,
                                   .receive = context.receive,
                                   .method = description.method,
                                   .replay_window = policy->replay_window};
    leg.prepare_restart(description.peer_identity);
    const sctp::FourTuple& tuple = stored.tuple;
    const auto connected = relay_.host_.connect(
        {.local = tuple.local,
         .peer = tuple.peer,
         .local_port = tuple.local_port,
         .peer_port = tuple.peer_port,
         .port = accepted ? listener_settings_.port : backend_settings_.endpoints.port},
        accepted ? listener_settings_.leg : backend_settings_.leg,
        contexts.empty() ? last_attempt() : backend_settings_.connect_timeout, leg, &start);
    if (!connected) {
        give_up_restoring(leg.name() + ": " + connected.error().message);
        return;
    }
    leg.attach(**connected);
    (accepted ? accepted_absent_ : backend_started_) = !accepted;
}

void Pair::on_restored_leg_up(Leg& leg) {
    Leg& peer = other(leg);
    if (peer.is_up()) {
        ++relay_.counters_.pairs_restored;
        ++relay_.counters_.pairs_relaying;
        end_restoring();
        flush_restart_keys();
        relay_.make_ready(*this);
        return;
    }
    const bool keep_plain = listener_settings_.on_restart == OnRestart::keep;
    if (&peer == &accepted_) {
        if (keep_plain) {
            connect_accepted();
        } else {
            // Its node finds out by itself and comes back; the peer of this leg knows now.
            log::of("relay").info("{} is shut down: its plain leg is not kept", leg.describe());
            end_restoring();
            accepted_absent_ = true;
            leg.shutdown();
        }
    } else if (restoring_->backend.taken) {
        begin_restart(backend_);
    } else {
        relay_.host_.release(restoring_->backend.tuple);
        connect_backend(keep_plain ? restoring_->backend.tuple.local_port : 0);
    }
    relay_.make_ready(*this);
}

void Pair::connect_accepted() {
    const sctp::FourTuple& tuple = restoring_->accepted.tuple;
    accepted_.prepare_restart({});
    const auto connected = relay_.host_.connect({.local = tuple.local,
                                                 .peer = tuple.peer,
                                                 .local_port = tuple.local_port,
                                                 .peer_port = tuple.peer_port,
                                                 .port = listener_settings_.port},
                                                listener_settings_.leg, last_attempt(), accepted_);
    relay_.host_.release(tuple);
    if (!connected) {
        give_up_restoring(accepted_.name() + ": " + connected.error().message);
        return;
    }
    accepted_.attach(**connected);
    accepted_absent_ = false;
}

// As long as a peer holds an association that does not answer: by RFC 9260's parameters about a
// minute. It may be starting itself, and restart keys serve one attempt only.
std::chrono::milliseconds Pair::last_attempt() const {
    return std::max<std::chrono::milliseconds>(backend_settings_.connect_timeout, kLastAttempt);
}

bool Pair::try_again(Leg& leg) {
    RestoredLeg& stored = &leg == &accepted_ ? restoring_->accepted : restoring_->backend;
    if (aborting_ || relay_.is_draining() || !stored.taken || stored.taken->contexts.empty()) {
        ++relay_.counters_.restores_failed;
        end_restoring();
        return false;
    }
    log::of("relay").info("{} is restarted with the restart keys before", leg.name());
    begin_restart(leg);
    return true;
}

void Pair::give_up_restoring(const std::string& why) {
    ++relay_.counters_.restores_failed;
    log::of("relay").error("a pair cannot be restored: {}", why);
    end_restoring();
    abort("gateway could not restore the pair");
    close_if_done();
}

void Pair::end_restoring() {
    if (!restoring_) {
        return;
    }
    for (const RestoredLeg* leg : {&restoring_->accepted, &restoring_->backend}) {
        relay_.host_.release(leg->tuple);
    }
    restoring_.reset();
    --relay_.restoring_;
}

// --- the store

bool Pair::on_leg_keeps_restart_keys(Leg& leg, const keymgmt::KeepRestartKeys& keys) {
    if (relay_.keeper_ == nullptr) {
        return false;
    }
    if (accepted_.is_up() && backend_.is_up()) {
        keep(leg, keys);
        return true;
    }
    // What the pair consists of is not known yet.
    keeping(leg).pending = keymgmt::KeepRestartKeys{.epoch = keys.epoch,
                                                    .send = keys.send.clone(),
                                                    .receive = keys.receive.clone(),
                                                    .local_identity = keys.local_identity,
                                                    .peer_identity = keys.peer_identity,
                                                    .wait = keys.wait};
    return true;
}

void Pair::flush_restart_keys() {
    for (Leg* leg : {&accepted_, &backend_}) {
        if (auto pending = std::exchange(keeping(*leg).pending, std::nullopt)) {
            keep(*leg, *pending);
        }
    }
}

void Pair::keep(Leg& leg, const keymgmt::KeepRestartKeys& keys) {
    const bool accepted = &leg == &accepted_;
    const sctp::Association& association = *leg.association();
    const sctp::Negotiated& negotiated = association.negotiated();
    const bool client = negotiated.agreement->role == keys::KmRole::client;
    const auto local = negotiated.local_parameter->wire();
    const auto peer = negotiated.peer_parameter->wire();
    const auto& first = client ? local : peer;
    const auto& second = client ? peer : local;
    restart::AssociationDescription description;
    description.tuple = tuple_of(association.endpoints());
    description.initiator = negotiated.initiator;
    description.km_role = negotiated.agreement->role;
    description.method = negotiated.agreement->method;
    description.policy = (accepted ? listener_settings_.policy : backend_settings_.policy)->name;
    description.local_identity = keys.local_identity.substr(0, restart::kMaxIdentity);
    description.peer_identity = keys.peer_identity;
    description.client_parameter.assign(first.begin(), first.end());
    description.server_parameter.assign(second.begin(), second.end());
    description.attachment =
        encode(RestartNote{.accepted = accepted,
                           .listener = listener_settings_.name,
                           .backend = backend_settings_.name,
                           .other = tuple_of(other(leg).association()->endpoints()),
                           .other_is_protected = other(leg).is_protected()});
    keeping(leg).tuple = description.tuple;
    relay_.keeper_->keep(
        std::move(description),
        {.epoch = keys.epoch, .send = keys.send.clone(), .receive = keys.receive.clone()},
        while_alive([accepted, epoch = keys.epoch](Pair& pair, bool kept) {
            (accepted ? pair.accepted_ : pair.backend_).on_restart_keys_kept(epoch, kept);
        }));
}

void Pair::on_leg_drops_previous_restart_keys(Leg& leg) {
    if (relay_.keeper_ != nullptr && keeping(leg).tuple) {
        relay_.keeper_->drop_previous(*keeping(leg).tuple);
    }
}

void Pair::forget(Leg& leg) {
    keeping(leg).pending.reset();
    if (auto tuple = std::exchange(keeping(leg).tuple, std::nullopt);
        tuple && relay_.keeper_ != nullptr) {
        relay_.keeper_->forget(*tuple);
    }
}

}  // namespace sdg::relay
