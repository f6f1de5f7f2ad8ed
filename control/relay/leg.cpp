#include "control/relay/leg.h"

#include <array>
#include <utility>

#include "control/log.h"
#include "dataplane/packet/code_points.h"

namespace sdg::relay {

std::string Leg::describe() const {
    if (association_ == nullptr) {
        return name_;
    }
    const sctp::Endpoints& e = association_->endpoints();
    return fmt::format("{} [{}]:{} <-> [{}]:{} {}", name_, e.local.to_string(), e.local_port,
                       e.peer.to_string(), e.peer_port,
                       protection_ ? fmt::format("method {}", protection_->method()) : "clear");
}

void Leg::on_parameters_agreed(sctp::Association& association) {
    association_ = &association;
    if (policy_ == nullptr || !association.negotiated().agreement) {
        return;
    }
    auto started =
        keymgmt::AssociationProtection::start(*policy_, protection_table_, association, *this);
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
    if (protection_) {
        protection_->on_sender_dry();
        send_key_management();
    }
}

void Leg::on_peer_shutdown(sctp::Association&) {
    peer_finished_ = true;
    owner_.on_leg_ready(*this);
}

void Leg::on_closed(sctp::Association&, sctp::CloseReason reason, const std::string& detail) {
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
    if (!std::exchange(failed_, true)) {
        owner_.on_leg_failed(*this, reason);
    }
}

void Leg::on_tick(TimePoint now) {
    if (protection_ && association_ != nullptr) {
        protection_->on_tick(now);
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

bool Leg::on_key_management_piece(std::span<const uint8_t> octets, bool end) {
    if (key_management_message_.size() + octets.size() > kMaxKeyManagementMessage) {
        return false;
    }
    key_management_message_.insert(key_management_message_.end(), octets.begin(), octets.end());
    if (end) {
        const auto message = std::exchange(key_management_message_, {});
        protection_->on_message(message);
    }
    return true;
}

void Leg::send_key_management() {
    if (protection_ && association_ != nullptr && association_->is_established()) {
        protection_->send_pending();
    }
}

bool Leg::read_key_management() {
    std::array<uint8_t, 4096> buffer;
    while (is_keying() && association_ != nullptr && association_->is_established()) {
        const auto piece = association_->receive(buffer);
        if (!piece || !piece->has_value()) {
            return true;
        }
        if ((*piece)->info.ppid != packet::kPpidKeyManagement ||
            !on_key_management_piece(std::span(buffer).first((*piece)->length),
                                     (*piece)->info.end_of_message)) {
            return false;
        }
    }
    return true;
}

}  // namespace sdg::relay
