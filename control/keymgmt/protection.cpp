#include "control/keymgmt/protection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "control/log.h"
#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

// More waiting key-management messages than any method needs: the peer does not read.
constexpr size_t kMaxPending = 64;
// A store that is slow must not hold a rekey up for longer.
constexpr unsigned kLongestWait = 2;  // ticks

SessionContext context_of(const sctp::Negotiated& negotiated) {
    SessionContext context;
    context.role = negotiated.agreement->role;
    context.initiator = negotiated.initiator;
    const auto local = negotiated.local_parameter->wire();
    const auto peer = negotiated.peer_parameter->wire();
    const bool client = context.role == keys::KmRole::client;
    const auto& first = client ? local : peer;
    const auto& second = client ? peer : local;
    context.client_parameter.assign(first.begin(), first.end());
    context.server_parameter.assign(second.begin(), second.end());
    context.client_tag = client ? negotiated.local_tag : negotiated.peer_tag;
    context.server_tag = client ? negotiated.peer_tag : negotiated.local_tag;
    context.restart = negotiated.agreement->restart;
    context.restarted = negotiated.restarted;
    return context;
}

}  // namespace

Result<std::unique_ptr<AssociationProtection>> AssociationProtection::start(
    const Policy& policy, keys::ChunkProtection& protection, HandshakeQueue& queue,
    sctp::Association& association, ProtectionOwner& owner, std::string peer_identity) {
    const sctp::Negotiated& negotiated = association.negotiated();
    const uint8_t id = negotiated.agreement->method;
    const auto method = std::find_if(policy.methods.begin(), policy.methods.end(),
                                     [id](const auto& m) { return m->id() == id; });
    if (method == policy.methods.end()) {
        return fail(ErrorCode::not_found, "policy {} has no key-management method {}", policy.name,
                    id);
    }
    SessionContext context = context_of(negotiated);
    context.peer_identity = peer_identity;
    auto session = (*method)->start(std::move(context));
    if (!session) {
        return tl::unexpected(session.error());
    }
    if (auto done = protection.configure_replay_window(association.id(), policy.replay_window);
        !done) {
        return tl::unexpected(done.error());
    }
    if (auto done =
            protection.set_restart_supported(association.id(), negotiated.agreement->restart);
        !done) {
        return tl::unexpected(done.error());
    }
    std::unique_ptr<AssociationProtection> out(
        new AssociationProtection(protection, queue, association, owner));
    out->session_ = std::move(*session);
    out->method_id_ = id;
    out->peer_identity_ = std::move(peer_identity);
    return out;
}

void AssociationProtection::on_tick(TimePoint now) {
    if (failed_) {
        return;
    }
    if (!selected_at_) {
        selected_at_ = now;
    }
    if (waiting_for_ && ++ticks_waited_ > kLongestWait) {
        report({.warning = true,
                .text = fmt::format("restart keys of epoch {} are not kept yet: the store is slow",
                                    *waiting_for_)});
        stop_waiting();
    }
    if (auto statistics = protection_.statistics(association_.id())) {
        carry_out(session_->on_tick(now, *statistics));
    }
}

void AssociationProtection::on_turn(bool has_slot) {
    if (failed_) {
        return;
    }
    carry_out(session_->on_turn(has_slot));
    owner_.on_protection_turn();
}

void AssociationProtection::report(const Report& report) const {
    const sctp::Endpoints& e = association_.endpoints();
    const sctp::Negotiated& negotiated = association_.negotiated();
    const std::string local = fmt::format("[{}]:{}", e.local.to_string(), e.local_port);
    const std::string peer = fmt::format("[{}]:{}", e.peer.to_string(), e.peer_port);
    log::event("keymgmt", report.warning ? spdlog::level::warn : spdlog::level::info,
               fmt::format("{} <-> {}: {}", local, peer, report.text),
               {{"event", "keys"},
                {"local", local},
                {"peer", peer},
                {"local_tag", fmt::format("0x{:08x}", negotiated.local_tag)},
                {"peer_tag", fmt::format("0x{:08x}", negotiated.peer_tag)}});
}

void AssociationProtection::fail_with(const std::string& reason) {
    if (!std::exchange(failed_, true)) {
        up_ = false;
        owner_.on_protection_failed(reason);
    }
}

void AssociationProtection::on_restart_keys_kept(uint16_t epoch, bool kept) {
    if (waiting_for_ == epoch) {
        stop_waiting();
    }
    if (!failed_) {
        carry_out(session_->on_restart_keys_kept(epoch, kept));
    }
}

void AssociationProtection::stop_waiting() {
    waiting_for_.reset();
    ticks_waited_ = 0;
    carry_out(std::exchange(deferred_, {}));
}

void AssociationProtection::carry_out(Actions actions) {
    for (auto action = actions.begin(); action != actions.end(); ++action) {
        if (failed_) {
            return;
        }
        if (waiting_for_) {
            deferred_.insert(deferred_.end(), std::make_move_iterator(action),
                             std::make_move_iterator(actions.end()));
            return;
        }
        if (auto done = carry_out(*action); !done) {
            fail_with("key management: " + done.error().message);
        }
    }
}

Result<void> AssociationProtection::carry_out(const Action& action) {
    const keys::AssociationId id = association_.id();
    return std::visit(
        Overloaded{
            [&](const InstallReceiveKey& a) {
                return protection_.establish_receive_key(id, a.role, a.epoch, a.material);
            },
            [&](const InstallSendKey& a) {
                suite_ = a.material.suite;
                return protection_.establish_send_key(id, a.role, a.epoch, a.material);
            },
            [&](const SelectSendKey& a) {
                selected_at_.reset();
                return protection_.select_send_key(id, a.role, a.epoch);
            },
            [&](const DestroySendKey& a) {
                return protection_.destroy_send_key(id, a.role, a.epoch);
            },
            [&](const DestroyReceiveKey& a) {
                return protection_.destroy_receive_key(id, a.role, a.epoch);
            },
            [&](const SetClearPolicy& a) { return protection_.set_clear_policy(id, a.policy); },
            [&](const RequireProtection&) { return protection_.require_protected_packets(id); },
            [&](const RequestHeartbeat&) -> Result<void> {
                association_.request_heartbeat();
                return {};
            },
            [&](const SendMessage& a) -> Result<void> {
                if (pending_.size() >= kMaxPending) {
                    return fail(ErrorCode::resource_exhausted,
                                "the peer does not read key-management messages");
                }
                pending_.push_back(a.octets);
                return {};
            },
            [&](const ProtectionUp&) -> Result<void> {
                up_ = true;
                owner_.on_protection_up();
                return {};
            },
            [&](const KeepRestartKeys& a) -> Result<void> {
                peer_identity_ = a.peer_identity;
                if (!owner_.on_keep_restart_keys(a)) {
                    carry_out(session_->on_restart_keys_kept(a.epoch, true));
                } else if (a.wait) {
                    waiting_for_ = a.epoch;
                }
                return {};
            },
            [&](const DropPreviousRestartKeys&) -> Result<void> {
                owner_.on_drop_previous_restart_keys();
                return {};
            },
            [&](const RequestTurn& a) -> Result<void> {
                queue_.request(*this, a.needs_slot);
                return {};
            },
            [&](const EndHandshake&) -> Result<void> {
                queue_.release(*this);
                return {};
            },
            [&](const Report& a) -> Result<void> {
                report(a);
                return {};
            },
            [&](const Fail& a) -> Result<void> {
                fail_with(a.reason);
                return {};
            }},
        action);
}

bool AssociationProtection::send_pending() {
    while (!pending_.empty()) {
        const auto& front = pending_.front();
        const auto taken = association_.send({.stream = 0,
                                              .ppid = packet::kPpidKeyManagement,
                                              .unordered = false,
                                              .end_of_message = true},
                                             std::span(front).subspan(sent_of_front_));
        if (!taken) {
            pending_.clear();
            fail_with(taken.error().message);
            return false;
        }
        sent_of_front_ += *taken;
        if (sent_of_front_ < front.size()) {
            return false;
        }
        pending_.pop_front();
        sent_of_front_ = 0;
    }
    return true;
}

}  // namespace sdg::keymgmt
