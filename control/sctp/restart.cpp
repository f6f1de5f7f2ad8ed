// The Host's part in protected restart (draft-ietf-tsvwg-sctp-dtls-chunk, "SCTP Restart
// Considerations").
//
// Who restarts: connect() with the restart keys of the association before. They go into the table
// with the tag of our INIT, so that nothing but INIT ever leaves in clear.
//
// Who is restarted: an INIT for a live association is answered like any other, without state; the
// cookie names the association. When it comes back under that association's restart keys, a new
// association takes the old one's place, its keys, its worker and its observer, and usrsctp drops
// the old one without a word to the peer. usrsctp never sees a restart of its own kind.
#include <utility>

#include "control/sctp/host_impl.h"

namespace sdg::sctp {

Result<void> HostImpl::install_restart_keys(LiveAssociation& association) {
    using keys::KeyRole;
    const RestartStart& start = *association.restart_start_;
    const keys::AssociationId id = association.id_;
    association.negotiated_.restarted = start.epoch;
    ++counters_.restarts_begun;
    for (const auto& done :
         {protection_.set_restart_supported(id, true),
          protection_.configure_replay_window(id, start.replay_window),
          protection_.establish_receive_key(id, KeyRole::restart, start.epoch, start.receive),
          protection_.establish_send_key(id, KeyRole::restart, start.epoch, start.send),
          protection_.select_send_key(id, KeyRole::restart, start.epoch),
          protection_.require_protected_packets(id)}) {
        if (!done) {
            return done;
        }
    }
    return {};
}

// The agreement is known: what it means for restart, past and future.
Result<void> HostImpl::prepare_restart(LiveAssociation& association) {
    const Negotiated& negotiated = association.negotiated_;
    const keys::Agreement& agreement = *negotiated.agreement;
    if (negotiated.restarted && association.restart_method_ != 0 &&
        agreement.method != association.restart_method_) {
        return fail(ErrorCode::invalid_argument,
                    "the peer agrees on key-management method {} for the restart of an association "
                    "of method {}",
                    agreement.method, association.restart_method_);
    }
    if (!agreement.restart) {
        return negotiated.restarted ? fail(ErrorCode::invalid_argument,
                                           "the peer does not support protected restart any more")
                                    : Result<void>{};
    }
    if (association.listener_ == 0 && association.door_ == 0) {
        const IpAddress::Family family = association.endpoints_.local.family;
        for (const auto& [number, entry] : listener_by_number_) {
            if (entry->is_door && entry->family == family && entry->settings == association.leg_) {
                association.door_ = number;
            }
        }
        if (association.door_ == 0) {
            auto door = open_listener(association.leg_, family);
            if (!door) {
                return tl::unexpected(door.error());
            }
            (*door)->is_door = true;
            association.door_ = add_listener(std::move(*door)).number;
        }
        ++listener_by_number_.at(association.door_)->associations;
    }
    return protection_.set_restart_path(association.id_, association.endpoints_.local,
                                        association.endpoints_.peer);
}

HostImpl::ListenerEntry* HostImpl::door_of(const LiveAssociation& association) {
    const auto& agreement = association.negotiated_.agreement;
    if (!association.is_established() || !agreement || !agreement->restart) {
        return nullptr;
    }
    const auto found = listener_by_number_.find(association.listener_ != 0 ? association.listener_
                                                                           : association.door_);
    return found != listener_by_number_.end() && found->second->socket ? found->second.get()
                                                                       : nullptr;
}

void HostImpl::restart_association(const ReceivedPacket& packet, const CookieContent& cookie,
                                   LiveAssociation& old) {
    const bool proven = packet.opened && packet.restart && packet.association == old.id_;
    if (!proven) {
        ++counters_.cookie_refused;
        ++counters_.restarts_in_clear;  // nobody restarts a protected association in clear
        return;
    }
    // From here on it is the peer itself: its association is lost to it in any case.
    ListenerEntry* const door = door_of(old);
    const auto settled = settle_cookie(old.leg_, cookie.local_parameter, cookie.peer_parameter);
    const bool agreed = settled && settled->agreement && settled->agreement->restart &&
                        settled->agreement->method == old.negotiated_.agreement->method;
    const bool possible = agreed && !old.ending() && door != nullptr &&
                          cookie.restarts == old.negotiated_.local_tag &&
                          door->virtual_port == cookie.path.local_port && !path_in_use(cookie.path);
    if (possible && !may_restart(old, packet)) {
        return;
    }
    const bool fresh_cookie =
        possible && spent_.spend(cookie.local_tag, cookie.peer_tag, clock_.now()) ==
                        SpentCookies::Verdict::fresh;
    const auto id =
        fresh_cookie ? protection_.restart(old.id_, cookie.local_tag, cookie.peer_tag, packet.epoch)
                     : fail(ErrorCode::invalid_argument, "not acceptable");
    if (!id) {
        ++counters_.restarts_refused;
        return;
    }
    auto owned = std::make_unique<LiveAssociation>(*this, old.endpoints_, old.leg_, false);
    LiveAssociation& fresh = *owned;
    fresh.path_ = cookie.path;
    fresh.worker_ = old.worker_;
    fresh.id_ = *id;
    fresh.listener_ = old.listener_;
    fresh.door_ = old.door_;
    fresh.observer_ = old.observer_;
    fresh.counted_ = true;  // a restart is counted as such
    fresh.negotiated_.local_tag = cookie.local_tag;
    fresh.negotiated_.peer_tag = cookie.peer_tag;
    fresh.negotiated_.local_parameter = settled->local;
    fresh.negotiated_.peer_parameter = settled->peer;
    fresh.negotiated_.restarted = packet.epoch;
    const uint64_t door_number = door->number;
    replace(old);
    by_index_[fresh.id_.index] = &fresh;
    insert(std::move(owned));
    ++counters_.restarts_accepted;

    fresh.observer_->on_restarted(fresh);
    agree(fresh, *settled);
    const auto still = listener_by_number_.find(door_number);
    if (fresh.ending() || still == listener_by_number_.end() || !still->second->socket) {
        fresh.end(CloseReason::internal, "the listener was closed");
        deliver_promptly(fresh);
        return;
    }
    set_up_accepted(fresh, *still->second, packet, cookie);
}

// False: the packet is kept until allow_restart() or refuse_restart().
bool HostImpl::may_restart(LiveAssociation& old, const ReceivedPacket& packet) {
    if (old.restart_allowed_) {
        return true;
    }
    if (old.waiting_restart_) {
        return false;
    }
    if (old.observer_->on_restart_requested(old, packet.epoch)) {
        old.restart_allowed_ = true;
        return true;
    }
    old.waiting_restart_ = WaitingRestart{packet, {packet.sctp.begin(), packet.sctp.end()}};
    return false;
}

void HostImpl::resume_restart(LiveAssociation& association) {
    if (!association.waiting_restart_ || association.ending()) {
        return;
    }
    WaitingRestart waiting = *std::exchange(association.waiting_restart_, std::nullopt);
    waiting.packet.sctp = waiting.octets;
    on_packet(waiting.packet);
}

// Out of all tables, like take_out(), but for what the new association has taken over.
void HostImpl::replace(LiveAssociation& old) {
    old.finished_ = true;
    count_no_more(old);
    if (old.deadline_) {
        deadlines_.erase({*old.deadline_, &old});
    }
    by_path_.erase(old.path_);  // now nobody hears usrsctp's ABORT
    by_index_.erase(old.id_.index);
    old.close_socket();
    if (old.owns_virtual_port_) {
        stack_->route_output(old.path_.local_port, nullptr);
        stack_->ports().give_back_connection(old.path_.local_port);
    }
    const auto owner = by_tuple_.extract(old.tuple());
    finished_.push_back(std::move(owner.mapped()));
}

}  // namespace sdg::sctp
