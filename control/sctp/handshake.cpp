// The Host's part in INIT, INIT ACK and COOKIE ECHO. The responder keeps nothing for an INIT: what
// it settles travels in the State Cookie, and a record is made for a valid COOKIE ECHO only.
#include <algorithm>

#include "control/sctp/host_impl.h"
#include "control/sctp/leg_socket.h"

namespace sdg::sctp {
namespace {

constexpr uint16_t kCauseOutOfResource = 4;
constexpr uint16_t kCauseInvalidMandatoryParameter = 7;
constexpr uint32_t kSmallestWindow = 1500;  // RFC 9260, 3.3.2, and usrsctp's own limit
// How often another virtual path is tried for a peer whose first choice is taken.
constexpr unsigned kPlacements = 8;

}  // namespace

// Where a peer that has no association is shown to usrsctp.
std::optional<VirtualPath> HostImpl::place(const FourTuple& tuple, uint16_t virtual_port) {
    std::optional<VirtualPath> free;
    for (unsigned attempt = 0; attempt < kPlacements; ++attempt) {
        const VirtualPath path = path_hash_.place(tuple, virtual_port, attempt);
        if (path_in_use(path)) {
            continue;
        }
        if (offered_paths_.offer(path, tuple, clock_.now())) {
            return path;
        }
        free = path;
    }
    return free;
}

// Two INITs have crossed (RFC 9260, 5.2.1). On a leg with key management one of them must win, or
// keys would be agreed twice for one pair of tags: the one with the larger tie breaker. Its sender
// ignores the other, whose sender answers.
bool HostImpl::takes_init(const LiveAssociation& association, const packet::InitView& init) {
    const Negotiated& negotiated = association.negotiated_;
    if (association.is_established() || !negotiated.initiator || !negotiated.local_parameter) {
        return true;
    }
    const auto theirs = init.key_management();
    return !negotiated.agreement && theirs &&
           theirs->tie_breaker() > negotiated.local_parameter->tie_breaker();
}

void HostImpl::on_init(const ReceivedPacket& packet, const FourTuple& tuple) {
    const auto init = packet::InitView::parse(packet.sctp);
    if (!init || init->header().verification_tag != 0 || init->initiate_tag() == 0) {
        ++counters_.malformed;
        return;
    }
    ++counters_.init_received;
    const auto existing = by_tuple_.find(tuple);
    LiveAssociation* const association =
        existing != by_tuple_.end() ? existing->second.get() : nullptr;
    // usrsctp ends a live association for an INIT like this, which anybody can send.
    if (init->receiver_window() < kSmallestWindow || init->outbound_streams() == 0 ||
        init->inbound_streams() == 0) {
        ++counters_.init_refused;
        if (association == nullptr) {
            answer(packet, refusal(*init, kCauseInvalidMandatoryParameter).bytes());
        }
        return;
    }
    const LegSettings* leg = nullptr;
    std::optional<VirtualPath> path;
    uint32_t restarts = 0;
    if (association != nullptr) {
        if (association->ending() || !takes_init(*association, *init)) {
            ++counters_.init_refused;
            return;
        }
        leg = &association->leg_;
        path = association->path_;
        // usrsctp is not told of a protected restart: for it the peer is a new one, and the old one
        // goes when the COOKIE ECHO has come under the restart keys.
        if (ListenerEntry* const door = door_of(*association)) {
            path = place(tuple, door->virtual_port);
            restarts = association->negotiated_.local_tag;
            if (!path) {
                ++counters_.init_refused;
                return;
            }
        }
    } else {
        ListenerEntry* const listener = find_listener(tuple.local, tuple.local_port);
        if (listener == nullptr) {
            ++counters_.init_refused;
            answer(packet, refusal(*init, std::nullopt).bytes());
            return;
        }
        leg = &listener->settings;
        path = place(tuple, listener->virtual_port);
        if (!path || is_full(*listener) || by_tuple_.size() >= settings_.max_associations) {
            ++counters_.init_refused;
            answer(packet, refusal(*init, kCauseOutOfResource).bytes());
            return;
        }
    }
    const auto settled = settle_init(*init, *leg, random_);
    if (!settled) {
        ++counters_.init_refused;
        answer(packet, refusal(*init, keys::error_cause(settled.error())).bytes());
        return;
    }
    std::vector<uint8_t> copy(packet.sctp.begin(), packet.sctp.end());
    if (!strip_for_usrsctp(copy)) {
        ++counters_.malformed;
        return;
    }
    const Responding responding{&packet, *path, init->initiate_tag(), restarts, *settled};
    responding_ = &responding;
    to_usrsctp(*path, copy);
    responding_ = nullptr;
}

// usrsctp's INIT ACK: add our parameter, wrap the cookie, send.
void HostImpl::send_init_ack(std::span<uint8_t> packet) {
    const ReceivedPacket& init = *responding_->packet;
    const packet::CommonHeader asked = packet::read_common_header(init.sctp.data());
    std::vector<uint8_t> out(packet.begin(), packet.end());
    packet::store_be16(out.data(), asked.destination_port);
    packet::store_be16(out.data() + 2, asked.source_port);
    const auto view = packet::InitView::parse(out);
    const auto inner = view ? view->state_cookie() : std::nullopt;
    if (!inner) {
        ++counters_.output_refused;
        return;
    }
    CookieContent content;
    content.local_tag = view->initiate_tag();
    content.peer_tag = responding_->peer_tag;
    content.path = responding_->path;
    content.restarts = responding_->restarts;
    content.local_parameter = responding_->settled.local;
    content.peer_parameter = responding_->settled.peer;
    content.inner.assign(inner->begin(), inner->end());
    const auto cookie = cookies_.wrap(
        content, {init.local, init.peer, asked.destination_port, asked.source_port}, clock_.now());
    const bool changed =
        packet::replace_state_cookie(out, cookie).has_value() &&
        (!content.local_parameter ||
         packet::append_parameter(out, content.local_parameter->wire()).has_value());
    if (!changed) {
        ++counters_.output_refused;
        return;
    }
    answer(init, out);
}

// Our INIT leaves (also when it is repeated): its tag names the association from now on.
void HostImpl::on_own_init(LiveAssociation& association, std::span<uint8_t> packet) {
    const auto view = packet::InitView::parse(packet);
    if (!view) {
        ++counters_.output_refused;
        return;
    }
    if (!association.id_.is_set()) {
        association.negotiated_.local_tag = view->initiate_tag();
        if (const auto added = protect(association); !added) {
            connect_error_ = added.error();
            return;
        }
    }
    std::vector<uint8_t> out(packet.begin(), packet.end());
    if (association.negotiated_.local_parameter &&
        !packet::append_parameter(out, association.negotiated_.local_parameter->wire())) {
        ++counters_.output_refused;
        return;
    }
    emit({.local = association.endpoints_.local,
          .peer = association.endpoints_.peer,
          .port = association.endpoints_.port,
          .association = {},
          .worker = association.worker_,
          .keep_clear = true,
          .sctp = out});
}

void HostImpl::on_init_ack(const ReceivedPacket& packet, LiveAssociation* association) {
    const auto view = packet::InitView::parse(packet.sctp);
    if (!view || view->initiate_tag() == 0) {
        ++counters_.malformed;
        return;
    }
    // RFC 9260, 5.2.3: discarded in any state but COOKIE-WAIT.
    if (association == nullptr || association->ending() || association->is_established() ||
        !association->negotiated_.initiator ||
        view->header().verification_tag != association->negotiated_.local_tag) {
        ++counters_.out_of_the_blue;
        return;
    }
    Negotiated& negotiated = association->negotiated_;
    const auto settled = settle_init_ack(*view, association->leg_, negotiated.local_parameter);
    if (negotiated.agreement) {
        // Keys may exist: the peer cannot change its mind now. The same answer again is harmless.
        if (!settled || settled->agreement != negotiated.agreement ||
            settled->peer != negotiated.peer_parameter ||
            view->initiate_tag() != negotiated.peer_tag) {
            ++counters_.out_of_the_blue;
            return;
        }
    } else if (!settled) {
        answer(packet, refusal(*view, keys::error_cause(settled.error())).bytes());
        association->end(
            CloseReason::negotiation_failed,
            "INIT ACK refused with error cause " + cause_text(keys::error_cause(settled.error())));
        deliver_promptly(*association);
        return;
    } else {
        negotiated.peer_tag = view->initiate_tag();
        association->peer_initial_tsn_ = view->initial_tsn();
        agree(*association, *settled);
        if (association->ending()) {
            deliver_promptly(*association);
            return;
        }
    }
    std::vector<uint8_t> copy(packet.sctp.begin(), packet.sctp.end());
    if (!strip_for_usrsctp(copy)) {
        ++counters_.malformed;
        return;
    }
    to_usrsctp(association->path_, copy);
    association->wake();
    deliver_promptly(*association);
}

// Both sides are known: tell the data plane, then key management.
void HostImpl::agree(LiveAssociation& association, const Settled& settled) {
    Negotiated& negotiated = association.negotiated_;
    negotiated.peer_parameter = settled.peer;
    if (settled.local) {
        negotiated.local_parameter = settled.local;
    }
    static_cast<void>(protection_.set_peer_tag(association.id_, negotiated.peer_tag));
    if (!settled.agreement) {
        return;
    }
    negotiated.agreement = settled.agreement;
    if (const auto set = protection_.set_agreement(association.id_, *settled.agreement,
                                                   *settled.local, *settled.peer);
        !set) {
        association.end(CloseReason::internal, set.error().message);
        return;
    }
    if (const auto prepared = prepare_restart(association); !prepared) {
        association.end(CloseReason::negotiation_failed, prepared.error().message);
        return;
    }
    association.observer_->on_parameters_agreed(association);
}

void HostImpl::on_cookie_echo(const ReceivedPacket& packet, const FourTuple& tuple) {
    const auto echoed = packet::echoed_cookie(packet.sctp);
    if (!echoed) {
        ++counters_.malformed;
        return;
    }
    const auto cookie = cookies_.unwrap(*echoed, tuple, clock_.now());
    const packet::CommonHeader header = packet::read_common_header(packet.sctp.data());
    if (!cookie || header.verification_tag != cookie->local_tag) {
        ++counters_.cookie_invalid;
        if (!cookie) {
            tell_stale(packet, tuple, cookie.error());
        }
        return;
    }
    const auto existing = by_tuple_.find(tuple);
    if (existing == by_tuple_.end()) {
        accept_association(packet, tuple, *cookie);
        return;
    }
    LiveAssociation& association = *existing->second;
    Negotiated& negotiated = association.negotiated_;
    if (cookie->restarts != 0 && cookie->local_tag != negotiated.local_tag) {
        restart_association(packet, *cookie, association);
        return;
    }
    if (association.ending() || cookie->path != association.path_ ||
        (negotiated.restarted && !packet.opened)) {
        ++counters_.cookie_refused;
        return;
    }
    if (cookie->local_tag != negotiated.local_tag) {
        if (negotiated.agreement) {
            // Nobody restarts a protected association in clear (draft, "Restart").
            ++counters_.cookie_refused;
            return;
        }
    } else if (!own_cookie(association, *cookie)) {
        ++counters_.cookie_refused;
        return;
    }
    if (!association.ending()) {
        echo_to_usrsctp(packet, *cookie, negotiated.agreement.has_value());
        association.wake();
    }
    deliver_promptly(association);
}

// A cookie with the association's own tag: COOKIE ACK was lost, or INITs have crossed and the peer
// was faster.
bool HostImpl::own_cookie(LiveAssociation& association, const CookieContent& cookie) {
    Negotiated& negotiated = association.negotiated_;
    if (negotiated.peer_tag != 0) {
        return negotiated.peer_tag == cookie.peer_tag &&
               (!negotiated.agreement || (negotiated.local_parameter == cookie.local_parameter &&
                                          negotiated.peer_parameter == cookie.peer_parameter));
    }
    const auto settled =
        settle_cookie(association.leg_, cookie.local_parameter, cookie.peer_parameter);
    if (!settled ||
        (settled->agreement && spent_.spend(cookie.local_tag, cookie.peer_tag, clock_.now()) !=
                                   SpentCookies::Verdict::fresh)) {
        return false;
    }
    negotiated.initiator = false;
    negotiated.peer_tag = cookie.peer_tag;
    agree(association, *settled);
    return true;
}

void HostImpl::echo_to_usrsctp(const ReceivedPacket& packet, const CookieContent& cookie,
                               bool is_protected) {
    std::vector<uint8_t> copy(packet.sctp.begin(), packet.sctp.end());
    const bool keep_tail = !is_protected || packet.opened;
    if (packet::replace_echoed_cookie(copy, cookie.inner, keep_tail)) {
        to_usrsctp(cookie.path, copy);
    }
}

void HostImpl::refuse(const ReceivedPacket& packet, uint32_t peer_tag,
                      std::optional<uint16_t> cause) {
    ++counters_.cookie_refused;
    const packet::CommonHeader header = packet::read_common_header(packet.sctp.data());
    answer(packet, packet::build_abort({header.destination_port, header.source_port, peer_tag},
                                       false, cause)
                       .bytes());
}

// RFC 9260, 5.1.5: a cookie of ours that came too late is told. Nothing else that is wrong with one
// is, and with the association there nothing is either: the cookie may have come twice.
void HostImpl::tell_stale(const ReceivedPacket& packet, const FourTuple& tuple,
                          const CookieFault& fault) {
    const packet::CommonHeader header = packet::read_common_header(packet.sctp.data());
    if (fault.past_lifetime.count() == 0 || header.verification_tag != fault.local_tag ||
        by_tuple_.contains(tuple)) {
        return;
    }
    const std::chrono::microseconds past = fault.past_lifetime;
    const auto told = static_cast<uint32_t>(std::min<int64_t>(past.count(), UINT32_MAX));
    answer(packet, packet::build_stale_cookie(
                       {header.destination_port, header.source_port, fault.peer_tag}, told)
                       .bytes());
}

void HostImpl::accept_association(const ReceivedPacket& packet, const FourTuple& tuple,
                                  const CookieContent& cookie) {
    ListenerEntry* listener = find_listener(tuple.local, tuple.local_port);
    if (listener == nullptr || listener->virtual_port != cookie.path.local_port) {
        refuse(packet, cookie.peer_tag, std::nullopt);  // another listener made this cookie
        return;
    }
    if (is_full(*listener) || by_tuple_.size() >= settings_.max_associations) {
        refuse(packet, cookie.peer_tag, kCauseOutOfResource);
        return;
    }
    const auto settled =
        settle_cookie(listener->settings, cookie.local_parameter, cookie.peer_parameter);
    if (!settled) {
        refuse(packet, cookie.peer_tag, keys::error_cause(settled.error()));
        return;
    }
    // After a flood of INITs two peers with a handshake under way may have been given one path.
    if (path_in_use(cookie.path)) {
        refuse(packet, cookie.peer_tag, kCauseOutOfResource);
        return;
    }
    if (settled->agreement) {
        // Before the cookie is spent, and without an answer: it may come again in a second, when
        // there is room.
        if (const auto peers = unauthenticated_at_.find({tuple.local, tuple.local_port});
            peers != unauthenticated_at_.end() &&
            !peers->second.admits(tuple.peer, listener->max_associations,
                                  settings_.unauthenticated)) {
            ++counters_.cookie_held_back;
            return;
        }
        switch (spent_.spend(cookie.local_tag, cookie.peer_tag, clock_.now())) {
            case SpentCookies::Verdict::fresh:
                break;
            case SpentCookies::Verdict::spent:
                ++counters_.cookie_refused;
                return;
            case SpentCookies::Verdict::full:
                refuse(packet, cookie.peer_tag, kCauseOutOfResource);
                return;
        }
    }
    const Endpoints endpoints{tuple.local, tuple.peer, tuple.local_port, tuple.peer_port,
                              packet.port};
    auto owned = std::make_unique<LiveAssociation>(*this, endpoints, listener->settings, false);
    LiveAssociation& association = *owned;
    association.path_ = cookie.path;
    association.worker_ = next_worker_++ % settings_.workers;
    association.negotiated_.local_tag = cookie.local_tag;
    association.negotiated_.peer_tag = cookie.peer_tag;
    association.negotiated_.local_parameter = settled->local;
    association.negotiated_.peer_parameter = settled->peer;
    if (const auto added = protect(association); !added) {
        refuse(packet, cookie.peer_tag, kCauseOutOfResource);
        return;
    }
    const uint64_t number = listener->number;
    association.listener_ = number;
    ++listener->associations;
    ++accepted_at_[{listener->local, listener->local_port}];
    if (settled->agreement) {
        unauthenticated_at_[{listener->local, listener->local_port}].add(tuple.peer);
        association.unauthenticated_ = true;
    }
    insert(std::move(owned));

    const Accept accept = listener->accept;  // the call may close the listener
    association.observer_ = accept(association);
    if (association.observer_ == nullptr) {
        association.finished_ = true;
        take_out(association);
        refuse(packet, cookie.peer_tag, std::nullopt);
        return;
    }
    agree(association, *settled);
    const auto found = listener_by_number_.find(number);
    listener = found != listener_by_number_.end() ? found->second.get() : nullptr;
    if (association.ending() || listener == nullptr || listener->is_closed) {
        association.end(CloseReason::internal, "the listener was closed");
        refuse(packet, cookie.peer_tag, std::nullopt);
        deliver_promptly(association);
        return;
    }
    set_up_accepted(association, *listener, packet, cookie);
}

void HostImpl::set_up_accepted(LiveAssociation& association, ListenerEntry& listener,
                               const ReceivedPacket& packet, const CookieContent& cookie) {
    echo_to_usrsctp(packet, cookie, association.negotiated_.agreement.has_value());
    Socket socket = accept_socket(listener.socket.get());
    if (!socket) {
        association.end(CloseReason::internal, "usrsctp did not take the COOKIE ECHO");
    } else if (const auto ready = after_accept(socket.get(), association.leg_, packet.local.family);
               !ready) {
        association.end(CloseReason::internal, ready.error().message);
    } else {
        association.adopt(std::move(socket));
        association.wake();
    }
    deliver_promptly(association);
}

}  // namespace sdg::sctp
