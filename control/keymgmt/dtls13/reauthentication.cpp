#include "control/keymgmt/dtls13/reauthentication.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr size_t kContextRandom = 16;

}  // namespace

bool Reauthentication::is_steady() const {
    return connection_.state() == Connection::State::established && !connection_.is_updating() &&
           connection_.send_epoch() == connection_.receive_epoch();
}

Result<void> Reauthentication::request() {
    if (!is_steady() || is_waiting()) {
        return fail(ErrorCode::unavailable, "an update or a re-authentication is under way");
    }
    std::array<uint8_t, kContextRandom> random{};
    random_.fill(random);
    Writer context;
    context.be64(connection_.send_epoch()).bytes(random);
    request_ = authenticator_request(connection_.role(), context.take(),
                                     connection_.configuration().signature_schemes);
    answer_by_ = clock_.now() + options_.timeout;
    if (auto sent = send(Kind::request, request_); !sent) {
        return fail(ErrorCode::internal, "{}", sent.error().reason);
    }
    return {};
}

Checked<void> Reauthentication::send(Kind kind, View octets) {
    Writer data;
    data.u8(static_cast<uint8_t>(kind)).bytes(octets);
    if (auto sent = connection_.send(data.take()); !sent) {
        return refuse(AlertDescription::internal_error, "{}", sent.error().message);
    }
    return {};
}

void Reauthentication::on_data(View data) {
    if (auto taken = take(data); !taken) {
        connection_.abort(taken.error());
    } else {
        progress();
    }
}

Checked<void> Reauthentication::take(View data) {
    const auto kind = data.empty() ? Kind{} : static_cast<Kind>(data[0]);
    switch (kind) {
        case Kind::request:
            return take_request(data.subspan(1));
        case Kind::authenticator:
        case Kind::refusal:
            return take_answer(kind, data.subspan(1));
    }
    return refuse(AlertDescription::unexpected_message, "application data of unknown kind");
}

Checked<void> Reauthentication::take_request(View octets) {
    const auto request = parse_authenticator_request(other(connection_.role()), octets);
    if (!request) {
        return tl::unexpected(request.error());
    }
    if (has_pending()) {
        return refuse(AlertDescription::unexpected_message,
                      "a second authenticator request before the first is answered");
    }
    Reader context(request->context);
    const uint64_t epoch = be64(context);
    // It may have crossed an update, no more.
    if (!context.ok() || context.left() != kContextRandom || epoch > connection_.receive_epoch() ||
        epoch + 1 < connection_.receive_epoch() ||
        std::find_if(answered_.begin(), answered_.end(), [&](const Octets& one) {
            return std::ranges::equal(one, request->context);
        }) != answered_.end()) {
        return refuse(AlertDescription::illegal_parameter,
                      "an authenticator request of another epoch, or one that was answered");
    }
    answered_.emplace_back(request->context.begin(), request->context.end());
    if (answered_.size() > kRememberedContexts) {
        answered_.pop_front();
    }
    pending_.assign(octets.begin(), octets.end());
    return {};
}

void Reauthentication::progress() {
    if (!has_pending() || !is_steady() ||
        (last_answer_ && clock_.now() < *last_answer_ + options_.min_interval)) {
        return;
    }
    if (auto answered = answer(); !answered) {
        connection_.abort(answered.error());
    }
}

Checked<void> Reauthentication::answer() {
    const auto keys = authenticator_keys(connection_, connection_.send_epoch(), connection_.role());
    if (!keys) {
        return tl::unexpected(keys.error());
    }
    last_answer_ = clock_.now();
    const Octets request = std::exchange(pending_, {});
    if (options_.answer) {
        const auto current = options_.current ? options_.current() : nullptr;
        const auto made =
            make_authenticator(*keys, current ? *current : connection_.configuration(), request);
        if (made) {
            return send(Kind::authenticator, *made);
        }
        if (made.error().description != AlertDescription::handshake_failure) {
            return tl::unexpected(made.error());
        }
    }
    const auto refusal = make_empty_authenticator(*keys, request);
    if (!refusal) {
        return tl::unexpected(refusal.error());
    }
    return send(Kind::refusal, *refusal);
}

Checked<void> Reauthentication::take_answer(Kind kind, View octets) {
    if (!is_waiting()) {
        return refuse(AlertDescription::unexpected_message,
                      "an authenticator that nobody has asked for");
    }
    const Role sender = other(connection_.role());
    const auto keys = authenticator_keys(connection_, connection_.receive_epoch(), sender);
    if (!keys) {
        return tl::unexpected(keys.error());
    }
    if (kind == Kind::refusal) {
        if (auto checked = check_empty_authenticator(*keys, request_, octets); !checked) {
            return checked;
        }
        return refuse(AlertDescription::access_denied, "the peer refuses to authenticate anew");
    }
    if (auto checked = check_authenticator(*keys, connection_.configuration(), check_peer_, sender,
                                           request_, octets);
        !checked) {
        return checked;
    }
    request_.clear();
    answer_by_.reset();
    ++completed_;
    return {};
}

std::optional<TimePoint> Reauthentication::deadline() const {
    if (connection_.state() != Connection::State::established) {
        return std::nullopt;
    }
    std::optional<TimePoint> out = answer_by_;
    // The end of an update answers a request that waits for it.
    if (has_pending() && last_answer_ && is_steady()) {
        const TimePoint at = *last_answer_ + options_.min_interval;
        out = out ? std::min(*out, at) : at;
    }
    return out;
}

void Reauthentication::on_time() {
    if (answer_by_ && clock_.now() >= *answer_by_) {
        answer_by_.reset();
        connection_.abort(
            {AlertDescription::access_denied, "the peer has not authenticated anew in time"});
        return;
    }
    progress();
}

}  // namespace sdg::keymgmt::dtls13
