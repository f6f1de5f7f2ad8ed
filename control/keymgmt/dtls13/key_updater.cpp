#include "control/keymgmt/dtls13/key_updater.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {

void KeyUpdater::begin() {
    receive_epoch_ = send_epoch_ = kFirstApplicationEpoch;
}

void KeyUpdater::enter(State state) {
    if (state_ == State::idle && context_.configuration.update_timeout.count() > 0) {
        give_up_at_ = context_.clock.now() + context_.configuration.update_timeout;
    }
    state_ = state;
    if (state == State::idle) {
        give_up_at_.reset();
        share_.reset();
        request_.clear();
        next_ = {};
    }
}

Checked<void> KeyUpdater::start() {
    auto share = KeyShare::generate(context_.negotiated.group);
    if (!share) {
        return tl::unexpected(share.error());
    }
    Octets body = extended_key_update_body(
        {.type = ExtendedKeyUpdateType::key_update_request,
         .key_share = {.group = share->group(), .key_exchange = share->public_value()}});
    request_ = tls_message(HandshakeType::extended_key_update, body);
    share_ = std::move(*share);
    enter(State::wait_response);
    return send(std::move(body));
}

Checked<void> KeyUpdater::send(Octets body) {
    if (auto added = context_.transport.add(send_epoch_, HandshakeType::extended_key_update,
                                            std::move(body));
        !added) {
        return added;
    }
    return context_.transport.flush();
}

Checked<void> KeyUpdater::on_message(const Reassembly::Message& message) {
    const auto update = parse_extended_key_update(message.body);
    if (!update) {
        return tl::unexpected(update.error());
    }
    if (update->type != ExtendedKeyUpdateType::new_key_update &&
        update->key_share.group != context_.negotiated.group) {
        return refuse(AlertDescription::illegal_parameter,
                      "an extended key update in another group than the handshake's");
    }
    // A peer that already sends under the new keys has got our new_key_update.
    if (state_ == State::wait_ack && message.epoch == receive_epoch_) {
        context_.transport.flight_has_arrived();
        if (auto moved = on_flight_acknowledged(); !moved) {
            return moved;
        }
    }
    const bool is_expected_epoch = message.epoch == receive_epoch_;
    switch (update->type) {
        case ExtendedKeyUpdateType::key_update_request:
            if (is_expected_epoch && (state_ == State::idle || state_ == State::wait_response)) {
                return on_request(message, update->key_share);
            }
            break;
        case ExtendedKeyUpdateType::key_update_response:
            if (is_expected_epoch && state_ == State::wait_response) {
                return on_response(message, update->key_share);
            }
            break;
        case ExtendedKeyUpdateType::new_key_update:
            if (is_expected_epoch && state_ == State::wait_new_key) {
                return on_new_key();
            }
            break;
    }
    return refuse(AlertDescription::unexpected_message,
                  "an extended key update of type {} out of turn",
                  static_cast<unsigned>(update->type));
}

Checked<void> KeyUpdater::on_request(const Reassembly::Message& message,
                                     const KeyShareEntry& share) {
    if (state_ == State::wait_response) {
        const Octets& ours = share_->public_value();
        if (std::ranges::equal(share.key_exchange, ours)) {
            return refuse(AlertDescription::unexpected_message,
                          "crossed extended key updates with the same key share");
        }
        if (std::ranges::lexicographical_compare(share.key_exchange, ours)) {
            context_.transport.acknowledge_now();
            return {};
        }
        // Ours is dropped, but it stays in the flight: the peer needs it to get at what follows.
    } else {
        context_.transport.flight_has_arrived();
    }
    request_ = tls_message(HandshakeType::extended_key_update, message.body);
    peer_value_.assign(share.key_exchange.begin(), share.key_exchange.end());
    share_.reset();
    const TimePoint now = context_.clock.now();
    const auto interval = context_.configuration.min_update_interval;
    if (last_request_ && now < *last_request_ + interval) {
        enter(State::deferred);
        respond_at_ = *last_request_ + interval;
        if (give_up_at_) {
            give_up_at_ = *respond_at_ + context_.configuration.update_timeout;
        }
        context_.transport.acknowledge_now();
        return {};
    }
    return respond();
}

Checked<void> KeyUpdater::respond() {
    respond_at_.reset();
    last_request_ = context_.clock.now();
    auto share = KeyShare::generate(context_.negotiated.group);
    if (!share) {
        return tl::unexpected(share.error());
    }
    share_ = std::move(*share);
    Octets body = extended_key_update_body(
        {.type = ExtendedKeyUpdateType::key_update_response,
         .key_share = {.group = share_->group(), .key_exchange = share_->public_value()}});
    if (auto derived = derive(peer_value_, tls_message(HandshakeType::extended_key_update, body));
        !derived) {
        return derived;
    }
    enter(State::wait_new_key);
    return send(std::move(body));
}

Checked<void> KeyUpdater::derive(View peer_value, View response) {
    const auto secret = share_->derive(peer_value);
    if (!secret) {
        return tl::unexpected(secret.error());
    }
    auto next = context_.schedule.next_epoch(secret->bytes(), request_, response);
    if (!next) {
        return tl::unexpected(next.error());
    }
    next_ = std::move(*next);
    share_.reset();
    return {};
}

Checked<void> KeyUpdater::on_response(const Reassembly::Message& message,
                                      const KeyShareEntry& share) {
    context_.transport.flight_has_arrived();
    const Octets response = tls_message(HandshakeType::extended_key_update, message.body);
    if (auto derived = derive(share.key_exchange, response); !derived) {
        return derived;
    }
    if (auto moved = move_receive_epoch(); !moved) {
        return moved;
    }
    enter(State::wait_ack);
    Octets body =
        extended_key_update_body({.type = ExtendedKeyUpdateType::new_key_update, .key_share = {}});
    return send(std::move(body));
}

Checked<void> KeyUpdater::on_new_key() {
    context_.transport.flight_has_arrived();
    if (auto moved = move_receive_epoch(); !moved) {
        return moved;
    }
    if (auto moved = move_send_epoch(); !moved) {
        return moved;
    }
    enter(State::idle);
    context_.transport.acknowledge_now();
    return {};
}

Checked<void> KeyUpdater::on_flight_acknowledged() {
    if (state_ != State::wait_ack) {
        return {};
    }
    if (auto moved = move_send_epoch(); !moved) {
        return moved;
    }
    enter(State::idle);
    return {};
}

Checked<void> KeyUpdater::move_receive_epoch() {
    // The old keys stay until something has opened under the new ones; those before them go, so
    // that the two low bits on the wire are enough.
    context_.transport.records().remove_receive_before(receive_epoch_);
    ++receive_epoch_;
    return context_.transport.records().install_receive(receive_epoch_,
                                                        next_.of(other(context_.role)));
}

Checked<void> KeyUpdater::move_send_epoch() {
    ++send_epoch_;
    RecordLayer& records = context_.transport.records();
    records.remove_send_before(send_epoch_);
    return records.install_send(send_epoch_, next_.of(context_.role));
}

void KeyUpdater::on_opened(uint64_t epoch) {
    if (epoch == receive_epoch_ && epoch > kFirstApplicationEpoch) {
        context_.transport.records().remove_receive_before(epoch);
    }
}

std::optional<TimePoint> KeyUpdater::deadline() const {
    if (respond_at_ && give_up_at_) {
        return std::min(*respond_at_, *give_up_at_);
    }
    return respond_at_ ? respond_at_ : give_up_at_;
}

Checked<bool> KeyUpdater::on_time() {
    const TimePoint now = context_.clock.now();
    if (respond_at_ && now >= *respond_at_) {
        if (auto responded = respond(); !responded) {
            return tl::unexpected(responded.error());
        }
    }
    return !give_up_at_ || now < *give_up_at_;
}

}  // namespace sdg::keymgmt::dtls13
