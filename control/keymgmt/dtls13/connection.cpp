#include "control/keymgmt/dtls13/connection.h"

#include <algorithm>
#include <utility>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr uint8_t kWarning = 1;
constexpr uint8_t kFatal = 2;
constexpr size_t kCookieKey = 32;

std::shared_ptr<const SecretBytes> own_cookie_key(Random& random) {
    auto key = std::make_shared<SecretBytes>(kCookieKey);
    random.fill(key->mutable_bytes());
    return key;
}

tl::unexpected<Error> as_error(const Alert& alert) {
    return fail(ErrorCode::internal, "{}", alert.reason);
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::create(Parameters parameters, const Clock& clock,
                                                       Random& random) {
    if (parameters.configuration == nullptr || !parameters.check_peer) {
        return fail(ErrorCode::invalid_argument,
                    "a DTLS connection needs a configuration and a judge of certificates");
    }
    if (auto checked = parameters.configuration->check(); !checked) {
        return tl::unexpected(checked.error());
    }
    return std::unique_ptr<Connection>(new Connection(std::move(parameters), clock, random));
}

Connection::Connection(Parameters parameters, const Clock& clock, Random& random)
    : role_(parameters.role),
      configuration_(std::move(parameters.configuration)),
      check_peer_(std::move(parameters.check_peer)),
      clock_(clock),
      transport_(*configuration_, clock),
      updater_(context(random)) {
    schedule_.set_log(configuration_->key_log, configuration_->key_log_shared_secrets);
    if (role_ == Role::client) {
        client_.emplace(context(random));
    } else {
        server_.emplace(
            context(random), std::move(parameters.peer_address),
            configuration_->cookie_key ? configuration_->cookie_key : own_cookie_key(random));
    }
}

HandshakeContext Connection::context(Random& random) {
    return {.role = role_,
            .configuration = *configuration_,
            .check_peer = check_peer_,
            .clock = clock_,
            .random = random,
            .transport = transport_,
            .schedule = schedule_,
            .transcript = transcript_,
            .negotiated = negotiated_};
}

void Connection::fail_with(const Alert& alert) {
    if (is_over()) {
        return;
    }
    state_ = State::failed;
    failure_ = {.cause = Failure::Cause::ours, .alert = alert.description, .reason = alert.reason};
    const std::array<uint8_t, 2> content{kFatal, static_cast<uint8_t>(alert.description)};
    // What cannot be sent is not sent.
    static_cast<void>(
        transport_.send_record(transport_.records().send_epoch(), ContentType::alert, content));
}

void Connection::time_out(std::string_view what) {
    state_ = State::failed;
    failure_ = {.cause = Failure::Cause::timed_out,
                .alert = AlertDescription::user_canceled,
                .reason = fmt::format("{} timed out", what)};
}

void Connection::limit_handshake() {
    const auto limit = configuration_->handshake_timeout;
    if (state_ == State::handshaking && !handshake_until_ && limit.count() > 0) {
        handshake_until_ = clock_.now() + limit;
    }
}

void Connection::start() {
    if (client_ && state_ == State::handshaking) {
        limit_handshake();
        if (auto started = client_->start(); !started) {
            fail_with(started.error());
        }
    }
}

void Connection::receive(View datagram) {
    limit_handshake();
    while (!is_over() && !datagram.empty()) {
        OpenedRecord record;
        const auto outcome = transport_.records().read(datagram, record);
        if (!outcome) {
            fail_with(outcome.error());
            break;
        }
        const auto taken = *outcome == ReadOutcome::opened ? take_record(record) : drop(*outcome);
        if (!taken) {
            fail_with(taken.error());
        }
    }
    if (!is_over()) {
        if (auto ended = transport_.end_of_datagram(); !ended) {
            fail_with(ended.error());
        }
    }
}

Checked<void> Connection::drop(ReadOutcome outcome) const {
    // RFC 9147, section 4.5.2: silence where anybody can send datagrams; on a transport that
    // delivers what the peer has sent, it is the peer's fault, or somebody is at work.
    if (configuration_->transport == Transport::datagram) {
        return {};
    }
    switch (outcome) {
        case ReadOutcome::no_keys:
            return refuse(AlertDescription::unexpected_message, "a record of an unknown epoch");
        case ReadOutcome::not_authentic:
        case ReadOutcome::replayed:
            return refuse(AlertDescription::bad_record_mac, "a record that does not open");
        case ReadOutcome::malformed:
        case ReadOutcome::opened:
            break;
    }
    return refuse(AlertDescription::decode_error, "octets that are no record");
}

Checked<void> Connection::take_record(const OpenedRecord& record) {
    if (record.number.epoch == kClearEpoch) {
        if (transport_.records().has_receive_keys()) {
            return take_clear_record(record);
        }
    } else {
        peer_is_protected_ = true;
        updater_.on_opened(record.number.epoch);
    }
    switch (record.type) {
        case ContentType::handshake:
            return take_handshake(record, /*only_repeated=*/false);
        case ContentType::ack:
            return take_ack(record);
        case ContentType::alert:
            return take_alert(record);
        case ContentType::application_data:
            return take_application_data(record);
        case ContentType::change_cipher_spec:
        case ContentType::invalid:
            break;
    }
    return refuse(AlertDescription::unexpected_message, "a record of type {}",
                  static_cast<unsigned>(record.type));
}

// In clear although there are keys: what the peer sent before it had them, or anybody's.
Checked<void> Connection::take_clear_record(const OpenedRecord& record) {
    if (record.type == ContentType::handshake) {
        return take_handshake(record, /*only_repeated=*/true);
    }
    if (!peer_is_protected_) {
        // A client that could not take our ServerHello has no keys to say so.
        if (record.type == ContentType::alert) {
            return take_alert(record);
        }
        if (record.type == ContentType::ack) {
            return take_ack(record);
        }
    }
    return configuration_->transport == Transport::datagram
               ? Checked<void>{}
               : refuse(AlertDescription::unexpected_message, "a record in clear");
}

Checked<void> Connection::take_handshake(const OpenedRecord& record, bool only_repeated) {
    if (server_ && configuration_->cookie_key && server_->is_fresh() &&
        transport_.next_receive_seq() == 0 && !transport_.is_waiting()) {
        // The answer to a HelloRetryRequest that another server has sent, or we in another life.
        View content = record.content;
        const auto first = take_fragment(content);
        if (first && first->message_seq == 1 && first->type == HandshakeType::client_hello) {
            transport_.resume_after_hello_retry(record.number);
        }
    }
    if (auto taken = transport_.on_handshake_record(record, only_repeated); !taken) {
        return taken;
    }
    if (server_ && state_ == State::handshaking && record.number.epoch == kHandshakeEpoch) {
        // Any part of a client's last flight answers all of ours.
        transport_.flight_has_arrived();
    }
    while (!is_over()) {
        const auto message = transport_.next_message();
        if (!message) {
            break;
        }
        if (auto taken = take_message(*message); !taken) {
            return taken;
        }
    }
    return {};
}

Checked<void> Connection::take_message(const Reassembly::Message& message) {
    if (state_ == State::established) {
        return take_post_handshake(message);
    }
    auto taken = client_ ? client_->on_message(message) : server_->on_message(message);
    if (taken && (client_ ? client_->is_complete() : server_->is_complete())) {
        state_ = State::established;
        handshake_until_.reset();
        updater_.begin();
    }
    return taken;
}

Checked<void> Connection::take_post_handshake(const Reassembly::Message& message) {
    if (message.epoch >= kFirstApplicationEpoch) {
        if (role_ == Role::client && updater_.is_idle()) {
            // A server that has gone on has got our Finished.
            transport_.flight_has_arrived();
        }
        if (message.type == HandshakeType::extended_key_update && negotiated_.extended_key_update) {
            return updater_.on_message(message);
        }
        if (message.type == HandshakeType::new_session_ticket && role_ == Role::client) {
            transport_.acknowledge_now();
            return {};
        }
    }
    return refuse(AlertDescription::unexpected_message, "{} after the handshake",
                  describe(message.type));
}

Checked<void> Connection::take_ack(const OpenedRecord& record) {
    const auto arrived = transport_.on_ack(record);
    if (!arrived) {
        return tl::unexpected(arrived.error());
    }
    return *arrived && state_ == State::established ? updater_.on_flight_acknowledged()
                                                    : Checked<void>{};
}

Checked<void> Connection::take_alert(const OpenedRecord& record) {
    if (record.content.size() != 2) {
        return refuse(AlertDescription::decode_error, "an alert of {} octets",
                      record.content.size());
    }
    const auto description = static_cast<AlertDescription>(record.content[1]);
    if (description == AlertDescription::close_notify && state_ == State::established) {
        close();
        return {};
    }
    if (description == AlertDescription::user_canceled) {
        return {};  // close_notify follows
    }
    // Every other alert is fatal, whatever level it names (RFC 8446, section 6).
    state_ = State::failed;
    failure_ = {.cause = Failure::Cause::peers_alert,
                .alert = description,
                .reason = fmt::format("the peer ended the connection with alert {} ({})",
                                      alert_name(description), record.content[1])};
    return {};
}

Checked<void> Connection::take_application_data(const OpenedRecord& record) {
    if (state_ != State::established || record.number.epoch < kFirstApplicationEpoch) {
        return refuse(AlertDescription::unexpected_message, "application data in the handshake");
    }
    if (record.content.empty()) {
        return {};
    }
    if (data_size_ + record.content.size() > kMaxPendingData) {
        return refuse(AlertDescription::internal_error, "more application data than is taken");
    }
    data_size_ += record.content.size();
    data_.push_back(record.content);
    return {};
}

std::vector<Octets> Connection::take_data() {
    data_size_ = 0;
    return std::exchange(data_, {});
}

std::optional<TimePoint> Connection::deadline() const {
    if (is_over()) {
        return std::nullopt;
    }
    std::optional<TimePoint> out;
    for (const auto& at : {transport_.deadline(), updater_.deadline(), handshake_until_}) {
        if (at) {
            out = out ? std::min(*out, *at) : *at;
        }
    }
    return out;
}

void Connection::on_time() {
    if (is_over()) {
        return;
    }
    const auto transport = transport_.on_time();
    if (!transport) {
        return fail_with(transport.error());
    }
    if (!*transport) {
        return time_out(state_ == State::established ? "a handshake message after the handshake"
                                                     : "the handshake");
    }
    const auto updater = updater_.on_time();
    if (!updater) {
        return fail_with(updater.error());
    }
    if (!*updater) {
        time_out("an extended key update");
    } else if (handshake_until_ && clock_.now() >= *handshake_until_) {
        time_out("the handshake");
    }
}

Result<void> Connection::send(View data) {
    if (state_ != State::established) {
        return fail(ErrorCode::unavailable, "the DTLS connection is not established");
    }
    const size_t limit =
        std::min(kMaxPlaintext, configuration_->packing.max_datagram - kProtectionOverhead);
    if (data.size() > limit) {
        return fail(ErrorCode::invalid_argument, "{} octets do not fit a record", data.size());
    }
    if (auto sent = transport_.send_record(send_epoch(), ContentType::application_data, data);
        !sent) {
        fail_with(sent.error());
        return as_error(sent.error());
    }
    return {};
}

void Connection::close() {
    if (is_over()) {
        return;
    }
    state_ = State::closed;
    const std::array<uint8_t, 2> content{kWarning,
                                         static_cast<uint8_t>(AlertDescription::close_notify)};
    static_cast<void>(
        transport_.send_record(transport_.records().send_epoch(), ContentType::alert, content));
}

Result<void> Connection::start_key_update() {
    if (state_ != State::established || !negotiated_.extended_key_update) {
        return fail(ErrorCode::unavailable,
                    "not established, or extended key update is not negotiated");
    }
    if (is_updating() || !is_acknowledged()) {
        return fail(ErrorCode::unavailable, "a handshake or an update is still under way");
    }
    if (auto started = updater_.start(); !started) {
        fail_with(started.error());
        return as_error(started.error());
    }
    return {};
}

Result<SecretBytes> Connection::export_secret(std::string_view label, View context,
                                              size_t length) const {
    if (state_ != State::established) {
        return fail(ErrorCode::unavailable, "the DTLS connection is not established");
    }
    auto out = schedule_.export_secret(label, context, length);
    return out ? Result<SecretBytes>(std::move(*out)) : as_error(out.error());
}

Result<SecretBytes> Connection::export_of_epoch(uint64_t epoch, std::string_view label,
                                                View context, size_t length) const {
    if (state_ != State::established) {
        return fail(ErrorCode::unavailable, "the DTLS connection is not established");
    }
    if (!schedule_.has_exporter(epoch)) {
        return fail(ErrorCode::not_found, "there is no exporter secret of epoch {}", epoch);
    }
    auto out = schedule_.export_of_epoch(epoch, label, context, length);
    return out ? Result<SecretBytes>(std::move(*out)) : as_error(out.error());
}

}  // namespace sdg::keymgmt::dtls13
