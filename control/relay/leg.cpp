#include "control/relay/leg.h"

#include <algorithm>
#include <array>
#include <utility>

#include "control/log.h"
#include "dataplane/packet/code_points.h"

namespace sdg::relay {

std::string Leg::describe() const {
    if (association_ == nullptr) {
        return closed_as_.empty() ? name_ : closed_as_;
    }
    const sctp::Endpoints& e = association_->endpoints();
    const sctp::Negotiated& negotiated = association_->negotiated();
    return fmt::format("{} [{}]:{} <-> [{}]:{} tags {:08x} {:08x} {}", name_, e.local.to_string(),
                       e.local_port, e.peer.to_string(), e.peer_port, negotiated.local_tag,
                       negotiated.peer_tag,
                       protection_ ? fmt::format("method {}", protection_->method()) : "clear");
}

std::vector<std::pair<std::string_view, std::string>> Leg::log_fields() const {
    if (association_ == nullptr) {
        return closed_fields_;
    }
    const sctp::Endpoints& e = association_->endpoints();
    const sctp::Negotiated& negotiated = association_->negotiated();
    return {{"local", fmt::format("[{}]:{}", e.local.to_string(), e.local_port)},
            {"peer", fmt::format("[{}]:{}", e.peer.to_string(), e.peer_port)},
            {"local_tag", fmt::format("0x{:08x}", negotiated.local_tag)},
            {"peer_tag", fmt::format("0x{:08x}", negotiated.peer_tag)},
            {"method", protection_ ? std::to_string(protection_->method()) : ""}};
}

void Leg::start_anew() {
    closed_as_.clear();
    closed_fields_.clear();
    protection_.reset();
    key_management_message_.clear();
    early_.clear();
    early_octets_ = 0;
    ticks_to_abort_ = 0;
    sending_message_ = false;
    up_ = false;
    closed_ = false;
    peer_finished_ = false;
    failed_ = false;
    shutting_down_ = false;
}

void Leg::on_restarted(sctp::Association& fresh) {
    restarted_identity_ = protection_ ? protection_->peer_identity() : std::string();
    start_anew();
    association_ = &fresh;
    owner_.on_leg_restarted(*this);
}

void Leg::prepare_restart(std::string peer_identity) {
    restarted_identity_ = std::move(peer_identity);
    start_anew();
    association_ = nullptr;
}

void Leg::on_restart_keys_kept(uint16_t epoch, bool kept) {
    if (protection_) {
        protection_->on_restart_keys_kept(epoch, kept);
        send_key_management();
    }
}

void Leg::on_parameters_agreed(sctp::Association& association) {
    association_ = &association;
    if (policy_ == nullptr || !association.negotiated().agreement) {
        return;
    }
    auto started = keymgmt::AssociationProtection::start(*policy_, protection_table_, handshakes_,
                                                         association, *this, restarted_identity_);
    if (!started) {
        on_protection_failed(started.error().message);
        return;
    }
    protection_ = std::move(*started);
    protection_->on_parameters_agreed();
}

void Leg::on_established(sctp::Association& association) {
    association_ = &association;
    if (failed_) {
        return;
    }
    if (policy_ != nullptr && association.negotiated().agreement) {
        if (!protection_) {
            on_protection_failed("established with an agreement and without key management");
            return;
        }
        protection_->on_established();
        return;
    }
    if (policy_ != nullptr && policy_->key_management.required) {
        on_protection_failed("established without protection although it is required");
        return;
    }
    become_up();
}

void Leg::on_first_opened(sctp::Association&) {
    if (protection_) {
        protection_->on_first_opened();
    }
}

void Leg::on_sender_dry(sctp::Association&) {
    if (ticks_to_abort_ > 0) {
        abort_after_alert();
    } else if (protection_) {
        protection_->on_sender_dry();
        send_key_management();
    }
}

void Leg::on_peer_shutdown(sctp::Association&) {
    peer_finished_ = true;
    owner_.on_leg_ready(*this);
}

void Leg::on_closed(sctp::Association&, sctp::CloseReason reason, const std::string& detail) {
    closed_as_ = describe();
    closed_fields_ = log_fields();
    closed_ = true;
    up_ = false;
    protection_.reset();
    association_ = nullptr;
    owner_.on_leg_closed(*this, reason, detail);
}

void Leg::on_protection_up() {
    become_up();
}

void Leg::become_up() {
    up_ = true;
    owner_.on_leg_up(*this);
}

void Leg::on_protection_failed(const std::string& reason) {
    if (std::exchange(failed_, true)) {
        return;
    }
    up_ = false;
    owner_.on_leg_failed(*this, reason);
    // A TLS alert tells the peer why; an ABORT at once would overtake it.
    send_key_management();
    if (association_ != nullptr && association_->is_established() &&
        association_->unsent_octets() > 0) {
        ticks_to_abort_ = kTicksForAlert;
    } else {
        abort_after_alert();
    }
}

void Leg::abort_after_alert() {
    ticks_to_abort_ = 0;
    abort("key management failed");
}

void Leg::on_tick(TimePoint now) {
    if (ticks_to_abort_ > 0) {
        if (--ticks_to_abort_ == 0) {
            abort_after_alert();
        }
    } else if (protection_ && association_ != nullptr) {
        protection_->on_tick(now);
        send_key_management();
    }
}

void Leg::request_rekey() {
    if (protection_ && association_ != nullptr) {
        protection_->on_rekey_requested();
    }
}

void Leg::request_reauthentication() {
    if (protection_ && association_ != nullptr) {
        protection_->on_reauthentication_requested();
    }
}

void Leg::shutdown() {
    if (association_ != nullptr && !std::exchange(shutting_down_, true)) {
        association_->shutdown();
    }
}

void Leg::abort(std::string_view text) {
    if (association_ != nullptr) {
        association_->abort(text);
    }
}

Result<size_t> Leg::send(const sctp::FragmentInfo& info, std::span<const uint8_t> octets) {
    if (association_ == nullptr) {
        return fail(ErrorCode::unavailable, "{} is closed", name_);
    }
    // A user message must not begin inside a key-management message, nor the other way round.
    if (!sending_message_ && protection_ && !protection_->send_pending()) {
        return association_ == nullptr ? fail(ErrorCode::unavailable, "{} is closed", name_)
                                       : Result<size_t>(0);
    }
    auto taken = association_->send(info, octets);
    if (taken) {
        const bool ended = info.end_of_message && *taken == octets.size();
        sending_message_ = !ended && (sending_message_ || *taken > 0);
    }
    return taken;
}

std::optional<sctp::Association::Received> Leg::receive(std::span<uint8_t> buffer) {
    if (!early_.empty()) {
        Early& piece = early_.front();
        const size_t length = std::min(buffer.size(), piece.octets.size() - piece.taken);
        std::copy_n(piece.octets.begin() + static_cast<ptrdiff_t>(piece.taken), length,
                    buffer.begin());
        piece.taken += length;
        sctp::Association::Received out{.info = piece.info, .length = length};
        if (piece.taken < piece.octets.size()) {
            out.info.end_of_message = false;
        } else {
            early_octets_ -= piece.octets.size();
            early_.pop_front();
        }
        return out;
    }
    if (association_ == nullptr) {
        return std::nullopt;
    }
    const auto received = association_->receive(buffer);
    return received ? *received : std::nullopt;  // an error: closing, on_closed() follows
}

void Leg::on_key_management_piece(const sctp::FragmentInfo& info, std::span<const uint8_t> octets) {
    if (info.stream != 0 || info.unordered) {
        on_protection_failed(
            "a key-management message came on another stream than 0, or unordered");
        return;
    }
    if (key_management_message_.size() + octets.size() > kMaxKeyManagementMessage) {
        on_protection_failed("key-management message too long");
        return;
    }
    key_management_message_.insert(key_management_message_.end(), octets.begin(), octets.end());
    if (info.end_of_message) {
        const auto message = std::exchange(key_management_message_, {});
        protection_->on_message(message);
        send_key_management();
    }
}

void Leg::send_key_management() {
    if (protection_ && !sending_message_ && association_ != nullptr &&
        association_->is_established()) {
        protection_->send_pending();
    }
}

void Leg::read_key_management() {
    std::array<uint8_t, 4096> buffer;
    // What a message in the queue brings may change what the next piece means: wait for the turn.
    while (is_keying() && !protection_->is_busy() && association_ != nullptr &&
           association_->is_established()) {
        const auto piece = association_->receive(buffer);
        if (!piece || !piece->has_value()) {
            return;
        }
        const sctp::FragmentInfo& info = (*piece)->info;
        const auto octets = std::span(buffer).first((*piece)->length);
        if (info.ppid == packet::kPpidKeyManagement) {
            on_key_management_piece(info, octets);
            continue;
        }
        early_octets_ += octets.size();
        if (early_octets_ > kMaxEarly) {
            on_protection_failed("the peer sends user messages and no Protection Established");
            return;
        }
        early_.push_back({.info = info, .octets = {octets.begin(), octets.end()}});
    }
}

}  // namespace sdg::relay
