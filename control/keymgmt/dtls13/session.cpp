#include "control/keymgmt/dtls13/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/keymgmt/dtls13/chunk_keys.h"
#include "control/keymgmt/dtls13/credentials.h"
#include "control/keymgmt/dtls13/key_exchange.h"
#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt::dtls13 {

using keys::KeyRole;
using tls13::ExportRole;

namespace {

// Old and new certificates may be equal: do not ask again before half of what is left has gone.
constexpr int64_t kLeastExpiryRetry = 60;  // seconds
// An authenticator is one record; user messages may be that long.
constexpr size_t kMaxMessage = kMaxPlaintext + 256;

constexpr auto kSuspicion =
    "was a 0x8006 parameter changed on the way, or does the peer export from other ones?";

std::string seconds_text(std::chrono::nanoseconds time) {
    return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

// The beginning of a connection: a record in clear with the first octets of the first handshake
// message, a ClientHello. The one that answers a HelloRetryRequest is the second message.
bool begins_connection(View octets) {
    constexpr size_t kRecordHeader = 13;  // type, version, epoch, sequence number, length
    constexpr size_t kFragmentHeader = 12;
    if (octets.size() < kRecordHeader + kFragmentHeader ||
        octets[0] != static_cast<uint8_t>(ContentType::handshake)) {
        return false;
    }
    const auto is_zero = [](View part) {
        return std::ranges::all_of(part, [](uint8_t octet) { return octet == 0; });
    };
    const View fragment = octets.subspan(kRecordHeader);
    return is_zero(octets.subspan(3, 2)) &&  // epoch
           fragment[0] == static_cast<uint8_t>(HandshakeType::client_hello) &&
           is_zero(fragment.subspan(4, 2)) &&  // message_seq
           is_zero(fragment.subspan(6, 3));    // fragment_offset
}

std::string describe(const Connection& connection) {
    const Negotiated& negotiated = connection.negotiated();
    return fmt::format("DTLS 1.3, {}, {}", record::traits(negotiated.suite)->name,
                       group_name(negotiated.group));
}

}  // namespace

Result<std::shared_ptr<const Configuration>> SessionEnvironment::configuration() const {
    auto made = configuration_from(credentials->settings(), *credentials->current());
    if (!made) {
        return tl::unexpected(made.error());
    }
    made->transport = Transport::reliable;
    made->packing.max_datagram = kMaxMessage;
    made->handshake_timeout = {};  // the session has its own
    made->min_update_interval = options.min_update_interval;
    made->update_timeout = options.update_timeout;
    return std::make_shared<const Configuration>(std::move(*made));
}

DtlsSession::DtlsSession(SessionContext context,
                         std::shared_ptr<const SessionEnvironment> environment)
    : context_(std::move(context)),
      environment_(std::move(environment)),
      options_(environment_->options),
      restart_keys_(context_),
      retry_(options_.first_retry) {
}

DtlsSession::~DtlsSession() {
    reauthentication_.reset();
}

KeysInUse DtlsSession::current_keys() const {
    if (epoch_ == 0 && context_.restarted) {
        return {.role = KeyRole::restart, .epoch = *context_.restarted};
    }
    return {.role = KeyRole::primary, .epoch = epoch_};
}

TimePoint DtlsSession::after(std::chrono::nanoseconds time) const {
    // Not all at once after a common start, and the two sides rarely at the same moment.
    const double part = 0.9 + 0.1 * (environment_->random.u32() / 4294967296.0);
    return environment_->clock.now() +
           std::chrono::nanoseconds(static_cast<int64_t>(part * static_cast<double>(time.count())));
}

void DtlsSession::fail(Actions& actions, std::string reason) {
    state_ = State::failed;
    reauthentication_.reset();
    connection_.reset();
    inbox_.clear();
    actions.emplace_back(EndHandshake{});
    actions.emplace_back(Fail{std::move(reason)});
}

void DtlsSession::refuse_peer(Actions& actions, AlertDescription alert, std::string reason) {
    connection_->abort({alert, reason});
    send_output(actions);
    fail(actions, std::move(reason));
}

Actions DtlsSession::on_parameters_agreed() {
    return {};  // nothing is known before the handshake
}

Actions DtlsSession::on_established() {
    Actions actions;
    if (state_ == State::failed) {
        return actions;  // told already
    }
    if (state_ != State::negotiating) {
        fail(actions, "established twice");
        return actions;
    }
    const TimePoint now = environment_->clock.now();
    if (context_.restarted) {
        state_ = State::protected_;
        first_opened_ = true;
        required_ = true;
        keyed_at_ = now;
        actions.emplace_back(Report{.text = fmt::format("restarted under the restart keys of "
                                                        "epoch {}",
                                                        *context_.restarted)});
        actions.emplace_back(ProtectionUp{});
    } else {
        state_ = State::keying;
        deadline_ = now + options_.handshake_timeout;
    }
    if (is_client()) {
        begin_handshake(actions);
    }
    return actions;
}

Actions DtlsSession::on_first_opened() {
    Actions actions;
    first_opened_ = true;
    if (state_ == State::confirming) {
        state_ = State::protected_;
        require_protection(actions);
    }
    return actions;
}

Actions DtlsSession::on_sender_dry() {
    Actions actions;
    if (state_ == State::confirming) {
        // The ACK has arrived: the client seals everything from now on.
        require_protection(actions);
    }
    return actions;
}

void DtlsSession::require_protection(Actions& actions) {
    if (!std::exchange(required_, true)) {
        actions.emplace_back(RequireProtection{});
        actions.emplace_back(ProtectionUp{});
    }
}

// --- messages and turns

void DtlsSession::request_turn(Actions& actions) {
    // Only a server that is to begin: if clients needed slots too, two gateways could each hold all
    // of theirs for handshakes that wait for the other's.
    actions.emplace_back(
        RequestTurn{.needs_slot = is_first() && !is_client() && connection_ == nullptr});
}

Actions DtlsSession::on_message(std::span<const uint8_t> octets) {
    Actions actions;
    if (state_ == State::failed) {
        return actions;
    }
    if (state_ == State::negotiating) {
        fail(actions, "key-management message before the association was established");
        return actions;
    }
    if (octets.empty()) {
        fail(actions, "an empty key-management message");
        return actions;
    }
    if (inbox_.size() >= kMaxInbox || inbox_octets_ + octets.size() > kMaxInboxOctets) {
        fail(actions, "the peer sends key-management messages without waiting for answers");
        return actions;
    }
    inbox_.emplace_back(octets.begin(), octets.end());
    inbox_octets_ += octets.size();
    request_turn(actions);
    return actions;
}

Actions DtlsSession::on_turn(bool has_slot) {
    Actions actions;
    if (state_ == State::failed) {
        return actions;
    }
    const size_t before = inbox_.size();
    if (!inbox_.empty()) {
        take_message(actions, has_slot);
    } else if (std::exchange(begin_wanted_, false)) {
        if (open_connection(actions)) {
            connection_->start();
        }
    } else {
        run_timers();
    }
    if (state_ != State::failed) {
        follow(actions);
    }
    if (state_ != State::failed) {
        start_work(actions);
    }
    const bool more = !inbox_.empty() || begin_wanted_;
    if (state_ != State::failed && more && (inbox_.size() < before || is_first())) {
        request_turn(actions);
    }
    return actions;
}

void DtlsSession::take_message(Actions& actions, bool has_slot) {
    if (is_first() && !is_client() && connection_ == nullptr && !has_slot) {
        return;  // until there is one
    }
    const std::vector<uint8_t> octets = std::move(inbox_.front());
    inbox_octets_ -= octets.size();
    inbox_.pop_front();
    if (!is_client() && epoch_ == 0 && context_.restarted && begins_connection(octets)) {
        // The peer has given its last handshake up. messages_ goes on counting, so that this is no
        // way to keep us busy for ever.
        connection_.reset();
    }
    if (connection_ == nullptr && !is_client() && (is_first() || begins_connection(octets)) &&
        !open_connection(actions)) {
        return;
    }
    if (connection_ == nullptr) {
        if (++stray_ > kMaxStray) {
            fail(actions, "the peer sends DTLS records that belong to no connection");
        }
        return;
    }
    if (epoch_ == 0 && ++messages_ > kMaxHandshakeMessages) {
        fail(actions, "the peer dribbles its DTLS handshake over too many messages");
        return;
    }
    connection_->receive(octets);
}

void DtlsSession::run_timers() {
    const TimePoint now = environment_->clock.now();
    if (connection_ != nullptr && connection_->deadline() && now >= *connection_->deadline()) {
        connection_->on_time();
    }
    if (reauthentication_ && reauthentication_->deadline() &&
        now >= *reauthentication_->deadline()) {
        reauthentication_->on_time();
    }
}

bool DtlsSession::is_steady() const {
    return state_ == State::protected_ && reauthentication_ &&
           connection_->state() == Connection::State::established && !connection_->is_updating() &&
           connection_->is_acknowledged() && !reauthentication_->is_waiting() &&
           !reauthentication_->has_pending();
}

void DtlsSession::start_work(Actions& actions) {
    if (!is_steady()) {
        return;
    }
    // What cannot be started has failed the connection, and follow() says so.
    if (std::exchange(ask_wanted_, false)) {
        static_cast<void>(reauthentication_->request());
    } else if (!update_wanted_.empty()) {
        actions.emplace_back(
            Report{.text = fmt::format("key update to epoch {}: {}", epoch_ + 1, update_wanted_)});
        static_cast<void>(connection_->start_key_update());
    } else {
        return;
    }
    follow(actions);
}

// --- the connection

void DtlsSession::begin_handshake(Actions& actions) {
    begin_wanted_ = true;
    messages_ = 0;
    if (context_.restarted) {
        deadline_ = environment_->clock.now() + options_.handshake_timeout;
    }
    request_turn(actions);
}

PeerCheck DtlsSession::peer_check() {
    return [this](std::span<const CertificatePointer> chain, Role peer) -> Checked<void> {
        if (environment_->is_withdrawn) {
            return refuse(AlertDescription::access_denied,
                          "its protection policy is not in the configuration any more");
        }
        auto taken =
            check_against(environment_->credentials->current(), environment_->peer_names, peer_,
                          [this](const tls13::PeerIdentity& who) { shown_ = who; })(chain, peer);
        // The identity must not change over the life of an association, restarts included.
        if (taken && context_.restarted && !peer_ &&
            context_.peer_identity != shown_->fingerprint()) {
            is_stranger_ = true;
            return refuse(AlertDescription::access_denied,
                          "the peer of the restarted association is {}, which it was not before",
                          shown_->to_string());
        }
        return taken;
    };
}

bool DtlsSession::open_connection(Actions& actions) {
    auto configuration = environment_->configuration();
    if (!configuration) {
        fail(actions, configuration.error().message);
        return false;
    }
    auto connection = Connection::create(
        {.role = role(), .configuration = std::move(*configuration), .check_peer = peer_check()},
        environment_->clock, environment_->random);
    if (!connection) {
        fail(actions, connection.error().message);
        return false;
    }
    connection_ = std::move(*connection);
    return true;
}

void DtlsSession::send_output(Actions& actions) {
    for (Octets& message : connection_->take_datagrams()) {
        actions.emplace_back(SendMessage{std::move(message)});
    }
}

void DtlsSession::follow(Actions& actions) {
    if (connection_ == nullptr) {
        return;
    }
    if (connection_->state() == Connection::State::established) {
        if (!keep_pace(actions)) {
            return;
        }
        take_data(actions);
    }
    switch (connection_->state()) {
        case Connection::State::handshaking:
        case Connection::State::established:
            send_output(actions);
            break;
        case Connection::State::closed:
        case Connection::State::failed:
            connection_over(actions);
            break;
    }
}

// False: the association has failed.
bool DtlsSession::keep_pace(Actions& actions) {
    const uint64_t newest = connection_->receive_epoch();
    const uint64_t sending = connection_->send_epoch();
    const auto next = [](uint16_t epoch) -> uint64_t {
        return epoch == 0 ? packet::kFirstEpoch : uint64_t{epoch} + 1;
    };
    if (newest > next(receive_epoch_) || sending > next(epoch_) || newest > UINT16_MAX) {
        refuse_peer(actions, AlertDescription::unexpected_message,
                    "the peer updates its keys without waiting for answers");
        return false;
    }
    const bool ours = newest == receive_epoch_;  // began it, or is the client
    if (!ours && ((receive_epoch_ == 0 && !is_acceptable(actions)) ||
                  !install_receive(actions, static_cast<uint16_t>(newest)))) {
        return false;
    }
    const bool arrived = !is_client() || epoch_ != 0 || connection_->is_acknowledged();
    if (sending == epoch_ || !arrived) {
        return true;
    }
    if (!complete(actions)) {
        return false;
    }
    if (draining_) {
        // The ACK to what began with us came under the new keys.
        draining_->confirmed = ours;
    }
    return true;
}

// What the engine leaves to us.
bool DtlsSession::is_acceptable(Actions& actions) {
    if (!connection_->negotiated().extended_key_update) {
        refuse_peer(actions, AlertDescription::handshake_failure,
                    fmt::format("the peer {} has no extended key update", shown_->to_string()));
        return false;
    }
    return true;
}

void DtlsSession::take_data(Actions& actions) {
    for (const Octets& data : connection_->take_data()) {
        if (connection_->state() != Connection::State::established) {
            return;
        }
        if (reauthentication_) {
            reauthentication_->on_data(data);
        } else {
            connection_->abort({AlertDescription::unexpected_message,
                                "application data before the handshake was acknowledged"});
        }
    }
    if (!reauthentication_ || connection_->state() != Connection::State::established) {
        return;
    }
    reauthentication_->progress();
    if (std::exchange(reauthenticated_, reauthentication_->completed()) != reauthenticated_) {
        peer_ = shown_;
        authentications_ = {.times = authentications_.times + 1, .last = environment_->clock.now()};
        schedule_reauthentication();
        actions.emplace_back(
            Report{.text = fmt::format("peer {} has authenticated anew", peer_->to_string())});
    }
}

void DtlsSession::connection_over(Actions& actions) {
    std::string reason = connection_->state() == Connection::State::closed
                             ? "the peer has closed its DTLS connection"
                             : connection_->failure().reason;
    send_output(actions);  // the alert
    if (!context_.restarted || epoch_ != 0 || is_stranger_) {
        fail(actions, std::move(reason));
        return;
    }
    if (const uint16_t epoch = std::exchange(receive_epoch_, 0); epoch != 0) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::primary, epoch});
        restart_keys_.withdraw(actions, epoch);
    }
    connection_.reset();
    actions.emplace_back(EndHandshake{});
    std::string text = fmt::format("no new keys after the restart: {}", reason);
    if (is_client()) {
        no_handshake_before_ = environment_->clock.now() + retry_;
        text += fmt::format("; next try in {}", seconds_text(retry_));
        retry_ = std::min(retry_ * 2, options_.last_retry);
    }
    actions.emplace_back(Report{.warning = true, .text = std::move(text)});
}

// --- keys

Result<record::KeyMaterial> DtlsSession::keys_of(Role sender, ExportRole role,
                                                 uint16_t epoch) const {
    return export_chunk_keys(*connection_, epoch, sender, role, context_.client_parameter,
                             context_.server_parameter);
}

// With the restart keys of the epoch behind it. False: the association has failed.
bool DtlsSession::install_receive(Actions& actions, uint16_t epoch) {
    auto receive = keys_of(other(role()), ExportRole::primary, epoch);
    auto restart_send = keys_of(role(), ExportRole::restart, epoch);
    auto restart_receive = keys_of(other(role()), ExportRole::restart, epoch);
    if (!receive || !restart_send || !restart_receive) {
        refuse_peer(actions, AlertDescription::internal_error,
                    fmt::format("no keys of epoch {} can be exported", epoch));
        return false;
    }
    if (draining_) {
        // Two epochs at a time. The peer has left this one before it could take part in two more
        // updates.
        end_drain(actions);
    }
    actions.emplace_back(InstallReceiveKey{KeyRole::primary, epoch, std::move(*receive)});
    receive_epoch_ = epoch;
    restart_keys_.install(actions, epoch, std::move(*restart_send), std::move(*restart_receive));
    return true;
}

// The send keys of the next epoch are in use from now on. False: the association has failed.
bool DtlsSession::complete(Actions& actions) {
    const TimePoint now = environment_->clock.now();
    const bool first = is_first();
    const bool is_new_connection = epoch_ == 0;
    if (first && is_client() && !first_opened_) {
        refuse_peer(actions, AlertDescription::unexpected_message,
                    fmt::format("the server's ACK came without protection: {}", kSuspicion));
        return false;
    }
    const auto next = static_cast<uint16_t>(connection_->send_epoch());
    auto send = keys_of(role(), ExportRole::primary, next);
    if (!send) {
        refuse_peer(actions, AlertDescription::internal_error, send.error().message);
        return false;
    }
    const uint16_t old = std::exchange(epoch_, next);
    if (is_new_connection) {
        peer_ = shown_;
        authentications_ = {.times = authentications_.times + 1, .last = now};
        begin_reauthentication();
    }
    actions.emplace_back(InstallSendKey{KeyRole::primary, epoch_, std::move(*send)});
    // Before the peer can see that the epoch has changed. The first ones have none before them that
    // the peer could drop too early.
    const auto keep_restart_keys = [&] {
        restart_keys_.commit(actions, epoch_, environment_->credentials->current()->subject,
                             peer_->fingerprint(), !first);
    };
    if (!first) {
        keep_restart_keys();
    }
    actions.emplace_back(SelectSendKey{KeyRole::primary, epoch_});
    if (is_new_connection) {
        actions.emplace_back(EndHandshake{});
    }
    const std::string what = describe(*connection_);
    if (first) {
        state_ = first_opened_ ? State::protected_ : State::confirming;
        deadline_ = now + options_.handshake_timeout;
        actions.emplace_back(
            Report{.text = fmt::format("protected by {}, peer {}", what, peer_->to_string())});
        if (is_client()) {
            require_protection(actions);
        }
        keep_restart_keys();
    } else {
        draining_ = Draining{.epoch = {}, .since = now};
        if (old != 0) {
            actions.emplace_back(DestroySendKey{KeyRole::primary, old});
            draining_->epoch = old;
        }
        restart_keys_.on_primary(actions);
        actions.emplace_back(Report{.text = fmt::format("epoch {}: {}", epoch_, what)});
    }
    keyed_at_ = now;
    options_ = environment_->options;
    update_at_ = after(options_.update_age);
    update_wanted_.clear();
    return true;
}

// --- authenticating anew

void DtlsSession::begin_reauthentication() {
    reauthentication_.emplace(
        *connection_, peer_check(),
        Reauthentication::Options{
            .timeout = options_.reauthentication_timeout,
            .current = [environment = environment_]() -> std::shared_ptr<const Configuration> {
                auto made = environment->configuration();
                return made ? std::move(*made) : nullptr;
            }},
        environment_->clock, environment_->random);
    reauthenticated_ = 0;
    schedule_reauthentication();
}

void DtlsSession::schedule_reauthentication() {
    if (options_.reauthentication_interval.count() > 0) {
        ask_at_ = after(options_.reauthentication_interval);
    }
}

// --- time and limits

Actions DtlsSession::on_rekey_requested() {
    Actions actions;
    if (state_ != State::protected_ || epoch_ == 0) {
        actions.emplace_back(
            Report{.warning = true, .text = "no key update: there are no keys yet"});
    } else if (!connection_->is_updating()) {
        update_wanted_ = "asked for";
        request_turn(actions);
    }
    return actions;
}

Actions DtlsSession::on_reauthentication_requested() {
    Actions actions;
    if (state_ != State::protected_ || epoch_ == 0) {
        actions.emplace_back(
            Report{.warning = true, .text = "no re-authentication: there are no keys yet"});
        return actions;
    }
    // One that is under way is the one that is wanted.
    if (!ask_wanted_ && reauthentication_ && !reauthentication_->is_waiting()) {
        ask_wanted_ = true;
        actions.emplace_back(Report{.text = "the peer is asked to authenticate anew"});
        request_turn(actions);
    }
    return actions;
}

Actions DtlsSession::on_restart_keys_kept(uint16_t epoch, bool kept) {
    restart_keys_.on_kept(epoch, kept);
    return {};
}

Actions DtlsSession::on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) {
    Actions actions;
    if (state_ == State::keying || state_ == State::confirming) {
        check_first_keys(actions, now, epochs);
    }
    if (state_ == State::protected_) {
        check_limits(actions, now, epochs);
    }
    if (state_ == State::protected_) {
        check_drain(actions, now, epochs);
        check_work(actions, now, epochs);
    }
    return actions;
}

void DtlsSession::check_first_keys(Actions& actions, TimePoint now,
                                   std::span<const keys::EpochStatistics> epochs) {
    uint64_t opened = 0;
    uint64_t forged = 0;
    for (const auto& epoch : epochs) {
        opened += epoch.opened;
        forged += epoch.open_failed;
    }
    if (state_ == State::confirming && opened > 0) {
        state_ = State::protected_;
        require_protection(actions);
        return;
    }
    if (now < deadline_) {
        return;
    }
    const std::string time = seconds_text(options_.handshake_timeout);
    if (forged > 0) {
        fail(actions, fmt::format("{} records of the peer came and none authenticates: {}", forged,
                                  kSuspicion));
    } else if (state_ == State::confirming) {
        fail(actions, fmt::format("the peer sent no protected packet within {} of the handshake: "
                                  "does chunk 0x41 pass the network? {}",
                                  time, kSuspicion));
    } else if (connection_ == nullptr) {
        fail(actions, fmt::format("no ClientHello within {}: the peer is to be the DTLS client; {}",
                                  time, kSuspicion));
    } else if (receive_epoch_ != 0) {
        fail(actions, fmt::format("no ACK of our Finished within {}: {}", time, kSuspicion));
    } else {
        fail(actions, fmt::format("the DTLS handshake did not end within {}", time));
    }
}

void DtlsSession::check_limits(Actions& actions, TimePoint now,
                               std::span<const keys::EpochStatistics> epochs) {
    if (std::string why = limit_reached(epochs, current_keys()); !why.empty()) {
        fail(actions, std::move(why));
    } else if (now - keyed_at_ >= options_.key_lifetime) {
        fail(actions, fmt::format("keys of epoch {} are older than {} and could not be renewed",
                                  current_keys().epoch, seconds_text(options_.key_lifetime)));
    } else if (peer_ && environment_->unix_time() > peer_->not_after) {
        fail(actions, fmt::format("the certificate that {} has authenticated with has expired, and "
                                  "no newer one was shown",
                                  peer_->to_string()));
    }
}

void DtlsSession::check_drain(Actions& actions, TimePoint now,
                              std::span<const keys::EpochStatistics> epochs) {
    if (!draining_) {
        return;
    }
    if (!draining_->confirmed) {
        // The peer uses the new keys, so it has got the ACK.
        draining_->confirmed = std::any_of(epochs.begin(), epochs.end(), [this](const auto& epoch) {
            return current_keys().are(epoch) && epoch.opened > 0;
        });
    }
    const auto time =
        draining_->confirmed ? restart_keys_.drain(options_.drain) : options_.drain_unconfirmed;
    if (now - draining_->since >= time) {
        end_drain(actions);
    }
}

void DtlsSession::end_drain(Actions& actions) {
    if (draining_->epoch) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::primary, *draining_->epoch});
    }
    draining_.reset();
    restart_keys_.on_drained(actions);
}

void DtlsSession::check_work(Actions& actions, TimePoint now,
                             std::span<const keys::EpochStatistics> epochs) {
    if (epoch_ == 0 && is_client()) {
        if (connection_ == nullptr && !begin_wanted_ && now >= no_handshake_before_) {
            begin_handshake(actions);
        } else if (connection_ != nullptr && receive_epoch_ == 0 && now >= deadline_) {
            connection_->abort(
                {AlertDescription::user_canceled,
                 fmt::format("no answer within {}", seconds_text(options_.handshake_timeout))});
            connection_over(actions);
            return;
        }
    }
    const auto is_due = [now](const std::optional<TimePoint>& at) { return at && now >= *at; };
    bool has_work = !inbox_.empty() ||
                    (connection_ != nullptr && is_due(connection_->deadline())) ||
                    (reauthentication_ && is_due(reauthentication_->deadline()));
    if (epoch_ != 0) {
        if (update_wanted_.empty()) {
            update_wanted_ = now >= update_at_
                                 ? "age"
                                 : reason_to_renew(epochs, current_keys(), options_.update_fraction,
                                                   options_.update_octets);
        }
        const int64_t left = peer_->not_after - environment_->unix_time();
        if (is_due(ask_at_)) {
            ask_wanted_ = true;
            schedule_reauthentication();
        } else if (now >= next_expiry_ask_ && left <= options_.expiry_margin.count()) {
            ask_wanted_ = true;
            next_expiry_ask_ = now + std::chrono::seconds(std::max(left / 2, kLeastExpiryRetry));
        }
        has_work = has_work || (is_steady() && (ask_wanted_ || !update_wanted_.empty()));
    }
    if (has_work) {
        request_turn(actions);
    }
}

}  // namespace sdg::keymgmt::dtls13
