#include "control/keymgmt/preshared/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sdg::keymgmt {

using keys::KeyRole;

KeySession::KeySession(const SessionContext& context, Source source,
                       const KeySessionOptions& options)
    : initiator_(context.initiator),
      restarted_(context.restarted.has_value()),
      restart_keys_(context),
      source_(std::move(source)),
      options_(options) {
}

Actions KeySession::failed(std::string reason) {
    state_ = State::failed;
    Actions actions;
    actions.emplace_back(Fail{std::move(reason)});
    return actions;
}

bool KeySession::install_receive(Actions& actions, uint16_t epoch) {
    auto material = source_(Direction::receive, KeyRole::primary, epoch);
    if (!material) {
        actions = failed(material.error().message);
        return false;
    }
    actions.emplace_back(InstallReceiveKey{KeyRole::primary, epoch, std::move(*material)});
    receive_epochs_.insert(epoch);
    return true;
}

bool KeySession::install_send(Actions& actions, uint16_t epoch) {
    auto material = source_(Direction::send, KeyRole::primary, epoch);
    if (!material) {
        actions = failed(material.error().message);
        return false;
    }
    actions.emplace_back(InstallSendKey{KeyRole::primary, epoch, std::move(*material)});
    actions.emplace_back(SelectSendKey{KeyRole::primary, epoch});
    send_epoch_ = epoch;
    return true;
}

bool KeySession::install_restart_keys(Actions& actions) {
    if (!restart_keys_.agreed()) {
        return true;
    }
    auto send = source_(Direction::send, KeyRole::restart, options_.first_epoch);
    auto receive = source_(Direction::receive, KeyRole::restart, options_.first_epoch);
    if (!send || !receive) {
        actions = failed((send ? receive : send).error().message);
        return false;
    }
    restart_keys_.install(actions, options_.first_epoch, std::move(*send), std::move(*receive));
    restart_keys_.commit(actions, options_.first_epoch, {}, {}, false);
    return true;
}

Actions KeySession::on_parameters_agreed() {
    if (state_ != State::negotiating) {
        return failed("parameters agreed twice");
    }
    state_ = State::keying;
    peer_epoch_ = options_.first_epoch;
    Actions actions;
    if (!install_receive(actions, options_.first_epoch)) {
        return actions;
    }
    if (options_.may_advance &&
        !install_receive(actions, static_cast<uint16_t>(options_.first_epoch + 1))) {
        return actions;
    }
    if (!restarted_) {
        actions.emplace_back(SetClearPolicy{keys::ClearPolicy::handshake_only});
    }
    return actions;
}

Actions KeySession::on_established() {
    // A packet that the responder opens before its own ESTABLISHED cannot be: no send key yet.
    if (state_ != State::keying) {
        return failed("established before the parameters were agreed");
    }
    state_ = State::sending;
    if (restarted_) {
        return on_restarted();
    }
    Actions actions;
    if (!install_send(actions, options_.first_epoch)) {
        return actions;
    }
    if (initiator_) {
        actions.emplace_back(RequireProtection{});
        actions.emplace_back(RequestHeartbeat{});
    }
    if (!install_restart_keys(actions)) {
        return actions;
    }
    actions.emplace_back(ProtectionUp{});
    return actions;
}

Actions KeySession::on_restarted() {
    Actions actions;
    // The responder has put its receive key in before it sent COOKIE ACK; what we know of the
    // initiator is that it has our INIT ACK.
    if (initiator_) {
        if (!install_send(actions, options_.first_epoch)) {
            return actions;
        }
        restart_keys_.on_primary(actions);
        actions.emplace_back(RequestHeartbeat{});
    }
    if (!install_restart_keys(actions)) {
        return actions;
    }
    actions.emplace_back(Report{.text = fmt::format("restarted under the restart keys of epoch {}",
                                                    restart_keys_.in_use().value_or(0))});
    actions.emplace_back(ProtectionUp{});
    return actions;
}

Actions KeySession::on_first_opened() {
    Actions actions;
    if (state_ == State::keying) {
        // The initiator may open the responder's COOKIE ACK before usrsctp has reported
        // ESTABLISHED: its COOKIE ECHO was repeated and the answer already protected.
        return actions;
    }
    if (state_ != State::sending || restarted_) {
        return actions;  // a restart begins with packets under the restart keys
    }
    state_ = State::confirmed;
    if (!initiator_) {
        actions.emplace_back(RequireProtection{});
    }
    return actions;
}

Actions KeySession::on_message(std::span<const uint8_t>) {
    return {};  // method 0 has no messages; what a peer sends on PPID 4242 is ignored
}

Actions KeySession::on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) {
    if (state_ == State::sending || state_ == State::keying) {
        return await_peer(now, epochs);
    }
    Actions actions;
    if (state_ != State::confirmed) {
        return actions;
    }
    for (const auto& epoch : epochs) {
        if (epoch.role == KeyRole::primary && epoch.has_receive_key && epoch.epoch == peer_epoch_ &&
            epoch.open_failed >= epoch.open_limit) {
            return failed(fmt::format(
                "receive key of epoch {} has reached its limit of {} records that do not "
                "authenticate: somebody injects forged packets",
                epoch.epoch, epoch.open_limit));
        }
    }
    follow_peer(actions, epochs);
    if (state_ == State::confirmed) {
        advance_send(actions, now, epochs);
    }
    if (state_ == State::confirmed && restart_keys_.in_use()) {
        check_restart(actions, now);
    }
    return actions;
}

Actions KeySession::on_restart_keys_kept(uint16_t epoch, bool kept) {
    restart_keys_.on_kept(epoch, kept);
    return {};
}

// Both sides send under primary keys: once nothing under the restart keys can be under way, they
// make room for the new ones.
void KeySession::check_restart(Actions& actions, TimePoint now) {
    if (!restart_left_) {
        restart_left_ = now;
    } else if (now - *restart_left_ >= kRestartDrain) {
        restart_keys_.on_drained(actions);
    }
}

Actions KeySession::await_peer(TimePoint now, std::span<const keys::EpochStatistics> epochs) {
    Actions actions;
    if (state_ == State::keying) {
        return actions;  // SCTP's own time-outs guard the set-up
    }
    const bool opened = std::any_of(epochs.begin(), epochs.end(), [](const auto& epoch) {
        return epoch.role == KeyRole::primary && epoch.opened > 0;
    });
    if (opened && restarted_) {
        state_ = State::confirmed;
        if (!initiator_ && install_send(actions, options_.first_epoch)) {
            restart_keys_.on_primary(actions);
        }
        return actions;
    }
    if (opened) {
        return on_first_opened();  // seen in the counters when the event came while keying
    }
    if (!waiting_since_) {
        waiting_since_ = now;
    }
    if (now - *waiting_since_ < options_.protection_timeout) {
        actions.emplace_back(RequestHeartbeat{});
        return actions;
    }
    uint64_t forged = 0;
    for (const auto& epoch : epochs) {
        forged += epoch.open_failed;
    }
    return failed(
        forged > 0
            ? fmt::format("{} records of the peer came and none authenticates: different "
                          "pre-shared keys or suites, or a 0x8006 parameter was changed on the way",
                          forged)
            : std::string("the peer sent no protected packet: does it have the same pre-shared key "
                          "and suite, and does chunk 0x41 pass the network?"));
}

void KeySession::follow_peer(Actions& actions, std::span<const keys::EpochStatistics> epochs) {
    uint16_t newest = peer_epoch_;
    for (const auto& epoch : epochs) {
        if (epoch.role == KeyRole::primary && epoch.has_receive_key && epoch.opened > 0) {
            newest = std::max(newest, epoch.epoch);
        }
    }
    if (newest == peer_epoch_ || !options_.may_advance) {
        return;
    }
    peer_epoch_ = newest;
    // Records of the previous epoch may still be under way; older ones go, before the new key
    // takes their place in the low two bits of the epoch.
    while (!receive_epochs_.empty() && *receive_epochs_.begin() + 1 < newest) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::primary, *receive_epochs_.begin()});
        receive_epochs_.erase(receive_epochs_.begin());
    }
    if (newest == UINT16_MAX) {
        actions = failed("the peer has used up all epochs: set the association up again");
        return;
    }
    install_receive(actions, static_cast<uint16_t>(newest + 1));
}

void KeySession::advance_send(Actions& actions, TimePoint now,
                              std::span<const keys::EpochStatistics> epochs) {
    const auto current =
        std::find_if(epochs.begin(), epochs.end(), [](const auto& e) { return e.selected; });
    if (current == epochs.end() || current->seal_limit == record::kNoLimit) {
        return;
    }
    const auto threshold =
        static_cast<double>(current->seal_limit) * std::clamp(options_.rekey_fraction, 0.0, 1.0);
    if (static_cast<double>(current->sealed) < threshold) {
        return;
    }
    if (!options_.may_advance || send_epoch_ == UINT16_MAX) {
        if (current->sealed >= current->seal_limit) {
            actions = failed(
                fmt::format("send key of epoch {} is used up and has no successor", send_epoch_));
        }
        return;
    }
    if (last_advance_ && now - *last_advance_ < options_.min_epoch_interval) {
        return;
    }
    last_advance_ = now;
    const uint16_t old_epoch = send_epoch_;
    if (install_send(actions, static_cast<uint16_t>(old_epoch + 1))) {
        actions.emplace_back(DestroySendKey{KeyRole::primary, old_epoch});
    }
}

}  // namespace sdg::keymgmt
