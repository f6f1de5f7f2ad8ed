#include "control/keymgmt/tls13/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sdg::keymgmt::tls13 {

using keys::KeyRole;
using keys::KmRole;
using Role = TlsConnection::Role;

namespace {

// Old and new certificates may be equal: do not try again before half of what is left has gone.
constexpr int64_t kLeastExpiryRetry = 60;  // seconds

// When the certificates of a restarted association end is known after its first handshake only,
// which comes long before.
constexpr int64_t kUnknownEnd = 10LL * 365 * 86'400;  // seconds

constexpr auto kSuspicion =
    "was a 0x8006 parameter changed on the way, or does the peer export from other ones?";

std::string seconds_text(std::chrono::nanoseconds time) {
    return fmt::format("{} s", std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

}  // namespace

TlsSession::TlsSession(SessionContext context,
                       std::shared_ptr<const SessionEnvironment> environment)
    : context_(std::move(context)),
      environment_(std::move(environment)),
      options_(environment_->options),
      restart_keys_(context_),
      retry_(options_.first_retry) {
}

TlsSession::~TlsSession() = default;

uint16_t TlsSession::next_epoch() const {
    return epoch_ == 0 ? packet::kFirstEpoch : static_cast<uint16_t>(epoch_ + 1);
}

KeysInUse TlsSession::current_keys() const {
    if (epoch_ == 0 && context_.restarted) {
        return {.role = KeyRole::restart, .epoch = *context_.restarted};
    }
    return {.role = KeyRole::primary, .epoch = epoch_};
}

void TlsSession::fail(Actions& actions, std::string reason) {
    state_ = State::failed;
    handshake_.reset();
    inbox_.clear();
    actions.emplace_back(EndHandshake{});
    actions.emplace_back(Fail{std::move(reason)});
}

Actions TlsSession::on_parameters_agreed() {
    return {};  // nothing is known before the handshake
}

Actions TlsSession::on_established() {
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
        keyed_at_ = now;
        not_after_ = environment_->unix_time() + kUnknownEnd;
        // The client role begins; should it not, the other one does.
        rekey_at_ = now + options_.handshake_timeout;
        actions.emplace_back(Report{.text = fmt::format("restarted under the restart keys of "
                                                        "epoch {}",
                                                        *context_.restarted)});
        actions.emplace_back(ProtectionUp{});
        if (context_.role == KmRole::client) {
            start_rekey(actions, "restart");
        }
        return actions;
    }
    state_ = State::keying;
    deadline_ = now + options_.handshake_timeout;
    if (context_.role == KmRole::client) {
        begin_client(actions);
    }
    return actions;
}

Actions TlsSession::on_first_opened() {
    first_opened_ = true;
    if (state_ == State::confirming) {
        state_ = State::protected_;
    }
    return {};
}

// --- messages and turns

void TlsSession::request_turn(Actions& actions) {
    // Only a server that is to begin: if clients needed slots too, two gateways could each hold all
    // of theirs for handshakes that wait for the other's. Rekeys need none: strangers who fill the
    // slots must not keep them from happening.
    actions.emplace_back(RequestTurn{.needs_slot = is_first() && !handshake_});
}

Actions TlsSession::on_message(std::span<const uint8_t> octets) {
    Actions actions;
    if (state_ == State::failed) {
        return actions;
    }
    if (state_ == State::negotiating) {
        fail(actions, "key-management message before the association was established");
        return actions;
    }
    if (const auto message = parse_message(octets); !message) {
        fail(actions, message.error().message);
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

Actions TlsSession::on_turn(bool has_slot) {
    Actions actions;
    if (state_ == State::failed) {
        return actions;
    }
    const size_t before = inbox_.size();
    if (!inbox_.empty()) {
        take_message(actions, has_slot);
    } else if (handshake_ && handshake_->phase == Phase::waiting) {
        if (open_connection(actions)) {
            handshake_->phase = Phase::handshaking;
            advance(actions, {});
        }
    }
    const bool more = !inbox_.empty() || (handshake_ && handshake_->phase == Phase::waiting);
    // A ClientHello that comes too soon is taken up by on_tick().
    if (state_ != State::failed && more && (inbox_.size() < before || is_first())) {
        request_turn(actions);
    }
    return actions;
}

void TlsSession::take_message(Actions& actions, bool has_slot) {
    const auto parsed = parse_message(inbox_.front());
    const KeyMessage& message = *parsed;  // it was checked on arrival
    const bool next = message.epoch == (next_epoch() & kEpochBits);
    if (message.kind == KeyMessage::Kind::records && next && message.begins_with_client_hello &&
        (!handshake_ || handshake_->phase == Phase::waiting)) {
        if (is_first() && !has_slot) {
            return;  // until there is one
        }
        const TimePoint now = environment_->clock.now();
        const bool too_soon = epoch_ != 0 && now - keyed_at_ < options_.min_rekey_interval;
        // Also after one that came to nothing: it has cost as much.
        const bool served_just_now =
            !is_first() && served_at_ && now - *served_at_ < options_.min_rekey_interval;
        if (too_soon || served_just_now) {
            return;
        }
    }
    // The message's octets stay alive while they are looked at.
    const std::vector<uint8_t> octets = std::move(inbox_.front());
    inbox_octets_ -= octets.size();
    inbox_.pop_front();
    const bool current = epoch_ != 0 && message.epoch == (epoch_ & kEpochBits);
    if (!next && !current) {
        fail(actions,
             fmt::format("key-management message for epoch {} (low seven bits), expected {}",
                         message.epoch, next_epoch() & kEpochBits));
    } else if (message.kind == KeyMessage::Kind::protection_established) {
        on_protection_established(actions, message);
    } else if (next) {
        on_records(actions, message);
    } else {
        on_stray(actions);
    }
}

void TlsSession::on_stray(Actions& actions) {
    if (++stray_ > kMaxStray) {
        fail(actions, "the peer sends TLS records that belong to no handshake");
    }
}

void TlsSession::on_records(Actions& actions, const KeyMessage& message) {
    if (message.begins_with_client_hello) {
        if (!on_client_hello(actions)) {
            return;
        }
    } else if (!handshake_ || handshake_->phase == Phase::waiting) {
        on_stray(actions);
        return;
    }
    if (++handshake_->messages > kMaxHandshakeMessages) {
        fail(actions, "the peer dribbles its TLS handshake over too many messages");
        return;
    }
    advance(actions, message.records);
}

// True: the records go to a handshake in which we are the server.
bool TlsSession::on_client_hello(Actions& actions) {
    if (is_first() && context_.role == KmRole::client) {
        fail(actions, fmt::format("both ends act as TLS client: {}", kSuspicion));
        return false;
    }
    size_t messages = 0;
    if (handshake_ && is_client(*handshake_)) {
        switch (handshake_->phase) {
            case Phase::waiting:
                break;  // ours has not left: theirs is the only one
            case Phase::handshaking:
                if (context_.role == KmRole::client) {
                    return false;  // crossed, and ours wins
                }
                break;
            case Phase::finished_sent:
                fail(actions, "the peer sent a ClientHello instead of Protection Established");
                return false;
        }
        handshake_.reset();
    } else if (handshake_ && !handshake_->tls->has_sent_hello_retry()) {
        if (is_first()) {
            fail(actions, "the peer sent a second ClientHello");
            return false;
        }
        messages = handshake_->messages;  // not a way to keep us busy for ever
        handshake_.reset();               // the peer has given its last one up
    }
    if (!handshake_) {
        begin_server(actions);
    }
    if (handshake_) {
        handshake_->messages += messages;
    }
    return handshake_.has_value();
}

// --- the handshake

void TlsSession::begin_client(Actions& actions) {
    handshake_ = Handshake{};
    handshake_->role = Role::client;
    handshake_->epoch = next_epoch();
    handshake_->deadline = environment_->clock.now() + options_.handshake_timeout;
    request_turn(actions);
}

void TlsSession::begin_server(Actions& actions) {
    handshake_ = Handshake{};
    served_at_ = environment_->clock.now();
    handshake_->role = Role::server;
    handshake_->phase = Phase::handshaking;
    handshake_->epoch = next_epoch();
    open_connection(actions);
}

bool TlsSession::open_connection(Actions& actions) {
    if (environment_->is_withdrawn) {
        handshake_failed(actions, "its protection policy is not in the configuration any more");
        return false;
    }
    auto tls = TlsConnection::create(environment_->credentials->current(), handshake_->role,
                                     environment_->peer_names, peer_);
    if (!tls) {
        handshake_failed(actions, tls.error().message);
        return false;
    }
    handshake_->tls = std::move(*tls);
    return true;
}

void TlsSession::send_output(Actions& actions) {
    const auto output = handshake_->tls->take_output();
    if (!output.empty()) {
        actions.emplace_back(SendMessage{records_message(handshake_->epoch, output)});
    }
}

void TlsSession::advance(Actions& actions, std::span<const uint8_t> records) {
    switch (handshake_->tls->advance(records)) {
        case TlsConnection::State::handshaking:
            send_output(actions);
            break;
        case TlsConnection::State::established:
            if (!is_client(*handshake_)) {
                on_server_established(actions);
            } else if (handshake_->phase != Phase::finished_sent) {
                on_client_established(actions);
            }
            break;
        case TlsConnection::State::failed: {
            const std::string reason = handshake_->tls->failure();
            send_output(actions);  // the alert
            handshake_failed(actions, reason);
            break;
        }
    }
}

Result<record::KeyMaterial> TlsSession::keys_of(Role writer, ExportRole role) const {
    // The parameters keep the order of the association's roles, the direction follows this
    // handshake's.
    return handshake_->tls->export_keys(
        writer == Role::client ? ExportDirection::client_write : ExportDirection::server_write,
        role, context_.client_parameter, context_.server_parameter);
}

void TlsSession::install_receive(Actions& actions, record::KeyMaterial material) {
    if (draining_) {
        // Two epochs at a time. The peer has left this one before it could take part in two more
        // handshakes.
        end_drain(actions);
    }
    actions.emplace_back(
        InstallReceiveKey{KeyRole::primary, handshake_->epoch, std::move(material)});
}

// After the primary receive key. False: the handshake has failed.
bool TlsSession::install_restart_keys(Actions& actions) {
    if (!restart_keys_.agreed()) {
        return true;
    }
    const Role own = handshake_->role;
    auto send = keys_of(own, ExportRole::restart);
    auto receive = keys_of(own == Role::client ? Role::server : Role::client, ExportRole::restart);
    if (!send || !receive) {
        handshake_failed(actions, (send ? receive : send).error().message);
        return false;
    }
    restart_keys_.install(actions, handshake_->epoch, std::move(*send), std::move(*receive));
    return true;
}

// The identity must not change over the life of an association, restarts included.
bool TlsSession::is_same_peer(Actions& actions) {
    const PeerIdentity& peer = handshake_->tls->peer();
    if (!context_.restarted || peer_ || context_.peer_identity == peer.fingerprint()) {
        return true;
    }
    fail(actions,
         fmt::format("the peer of the restarted association is {}, which it was not before",
                     peer.to_string()));
    return false;
}

void TlsSession::on_client_established(Actions& actions) {
    if (!is_same_peer(actions)) {
        return;
    }
    auto receive = keys_of(Role::server);
    if (!receive) {
        handshake_failed(actions, receive.error().message);
        return;
    }
    install_receive(actions, std::move(*receive));
    if (!install_restart_keys(actions)) {
        return;
    }
    send_output(actions);  // Certificate..Finished
    handshake_->phase = Phase::finished_sent;
}

void TlsSession::on_server_established(Actions& actions) {
    if (!is_same_peer(actions)) {
        return;
    }
    auto receive = keys_of(Role::client);
    auto send = keys_of(Role::server);
    if (!receive || !send) {
        handshake_failed(actions, (receive ? send : receive).error().message);
        return;
    }
    install_receive(actions, std::move(*receive));
    if (install_restart_keys(actions)) {
        complete(actions, std::move(*send));
    }
}

void TlsSession::on_protection_established(Actions& actions, const KeyMessage& message) {
    const bool expected = handshake_ && is_client(*handshake_) &&
                          handshake_->phase == Phase::finished_sent &&
                          message.epoch == (handshake_->epoch & kEpochBits);
    if (!expected) {
        fail(actions, "Protection Established at a time when it cannot be");
        return;
    }
    if (!first_opened_) {
        fail(actions, "Protection Established came without protection");
        return;
    }
    auto send = keys_of(Role::client);
    if (!send) {
        fail(actions, send.error().message);
        return;
    }
    complete(actions, std::move(*send));
}

// Both sides: the send key of the new epoch is ready to be used, and the last messages leave under
// it.
void TlsSession::complete(Actions& actions, record::KeyMaterial send_keys) {
    const TimePoint now = environment_->clock.now();
    const bool first = is_first();
    const bool client = is_client(*handshake_);
    const uint16_t old = std::exchange(epoch_, handshake_->epoch);
    peer_ = handshake_->tls->peer();
    authentications_ = {.times = authentications_.times + 1, .last = now};
    not_after_ = std::min(peer_->not_after, handshake_->tls->own_not_after());
    actions.emplace_back(InstallSendKey{KeyRole::primary, epoch_, std::move(send_keys)});
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
    const std::string what = handshake_->tls->describe();
    handshake_->tls->close();
    const auto close_notify = handshake_->tls->take_output();
    handshake_.reset();
    actions.emplace_back(EndHandshake{});
    if (first) {
        actions.emplace_back(RequireProtection{});
        state_ = client || first_opened_ ? State::protected_ : State::confirming;
        deadline_ = now + options_.handshake_timeout;
        actions.emplace_back(
            Report{.text = fmt::format("protected by {}, peer {}", what, peer_->to_string())});
        actions.emplace_back(ProtectionUp{});
        keep_restart_keys();
    } else {
        // Protection Established proves to the client that its last message has arrived.
        draining_ = Draining{.epoch = {}, .since = now, .confirmed = client};
        if (old != 0) {
            actions.emplace_back(DestroySendKey{KeyRole::primary, old});
            draining_->epoch = old;
        }
        restart_keys_.on_primary(actions);
        actions.emplace_back(Report{.text = fmt::format("epoch {}: {}", epoch_, what)});
    }
    if (!client) {
        actions.emplace_back(SendMessage{protection_established_message(epoch_)});
    }
    if (!close_notify.empty()) {
        actions.emplace_back(SendMessage{records_message(epoch_, close_notify)});
    }
    keyed_at_ = now;
    options_ = environment_->options;
    // Not all at once after a common start, and the two sides rarely at the same moment.
    const double part = 0.9 + 0.1 * (environment_->random.u32() / 4294967296.0);
    rekey_at_ = now + std::chrono::nanoseconds(static_cast<int64_t>(
                          part * static_cast<double>(options_.rekey_age.count())));
    wanted_.clear();
    no_rekey_before_ = now;
    retry_ = options_.first_retry;
    stray_ = 0;
}

void TlsSession::handshake_failed(Actions& actions, const std::string& reason) {
    if (is_first()) {
        fail(actions, reason);
        return;
    }
    if (handshake_->phase == Phase::finished_sent) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::primary, handshake_->epoch});
    }
    restart_keys_.withdraw(actions, handshake_->epoch);
    const bool ours = is_client(*handshake_);
    std::string text = fmt::format("rekey to epoch {} failed: {}", handshake_->epoch, reason);
    if (ours) {
        no_rekey_before_ = environment_->clock.now() + retry_;
        text += fmt::format("; next try in {}", seconds_text(retry_));
        retry_ = std::min(retry_ * 2, options_.last_retry);
    }
    handshake_.reset();
    actions.emplace_back(EndHandshake{});
    actions.emplace_back(Report{.warning = true, .text = std::move(text)});
}

// --- rekeying and limits

void TlsSession::start_rekey(Actions& actions, const std::string& why) {
    if (epoch_ == UINT16_MAX) {
        no_rekey_before_ = environment_->clock.now() + options_.last_retry;
        actions.emplace_back(Report{
            .warning = true,
            .text = "all epochs are used up; set the association up again before its keys end"});
        return;
    }
    wanted_ = why;
    actions.emplace_back(Report{.text = fmt::format("rekey to epoch {}: {}", next_epoch(), why)});
    begin_client(actions);
}

Actions TlsSession::on_rekey_requested() {
    Actions actions;
    if (state_ == State::protected_ && !handshake_) {
        start_rekey(actions, "asked for");
    } else if (!handshake_) {
        actions.emplace_back(Report{.warning = true, .text = "no rekey: there are no keys yet"});
    }
    return actions;
}

Actions TlsSession::on_reauthentication_requested() {
    Actions actions;
    if (state_ == State::protected_ && !handshake_) {
        start_rekey(actions, "the peer is to authenticate anew");
    } else if (!handshake_) {
        actions.emplace_back(
            Report{.warning = true, .text = "no re-authentication: there are no keys yet"});
    }
    return actions;
}

Actions TlsSession::on_restart_keys_kept(uint16_t epoch, bool kept) {
    restart_keys_.on_kept(epoch, kept);
    return {};
}

Actions TlsSession::on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) {
    Actions actions;
    if (state_ == State::keying || state_ == State::confirming) {
        check_first_keys(actions, now, epochs);
    }
    if (state_ != State::protected_) {
        return actions;
    }
    check_limits(actions, now, epochs);
    if (state_ == State::failed) {
        return actions;
    }
    check_drain(actions, now, epochs);
    if (handshake_ && is_client(*handshake_) && handshake_->phase == Phase::handshaking &&
        now >= handshake_->deadline) {
        handshake_failed(
            actions, fmt::format("no answer within {}", seconds_text(options_.handshake_timeout)));
    }
    if (!inbox_.empty()) {
        request_turn(actions);
    } else if (!handshake_ && now >= no_rekey_before_) {
        if (const std::string why = reason_to_rekey(now, epochs); !why.empty()) {
            start_rekey(actions, why);
            const int64_t left = not_after_ - environment_->unix_time();
            next_expiry_rekey_ = now + std::chrono::seconds(std::max(left / 2, kLeastExpiryRetry));
        }
    }
    return actions;
}

void TlsSession::check_first_keys(Actions& actions, TimePoint now,
                                  std::span<const keys::EpochStatistics> epochs) {
    uint64_t opened = 0;
    uint64_t forged = 0;
    for (const auto& epoch : epochs) {
        opened += epoch.opened;
        forged += epoch.open_failed;
    }
    if (state_ == State::confirming && opened > 0) {
        state_ = State::protected_;
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
    } else if (!handshake_) {
        fail(actions, fmt::format("no ClientHello within {}: the peer is to be the TLS client; {}",
                                  time, kSuspicion));
    } else if (is_client(*handshake_) && handshake_->phase == Phase::finished_sent) {
        fail(actions, fmt::format("no Protection Established within {}: {}", time, kSuspicion));
    } else {
        fail(actions, fmt::format("the TLS handshake did not end within {}", time));
    }
}

std::string TlsSession::reason_to_rekey(TimePoint now,
                                        std::span<const keys::EpochStatistics> epochs) const {
    if (!wanted_.empty()) {
        return wanted_;  // the last try failed
    }
    if (now >= rekey_at_) {
        return "age";
    }
    if (std::string why =
            reason_to_renew(epochs, current_keys(), options_.rekey_fraction, options_.rekey_octets);
        !why.empty()) {
        return why;
    }
    if (now >= next_expiry_rekey_ &&
        not_after_ - environment_->unix_time() <= options_.expiry_margin.count()) {
        return "a certificate is about to expire";
    }
    return {};
}

void TlsSession::check_limits(Actions& actions, TimePoint now,
                              std::span<const keys::EpochStatistics> epochs) {
    if (std::string why = limit_reached(epochs, current_keys()); !why.empty()) {
        fail(actions, std::move(why));
        return;
    }
    if (now - keyed_at_ >= options_.key_lifetime) {
        fail(actions, fmt::format("keys of epoch {} are older than {} and could not be renewed",
                                  epoch_ != 0 ? epoch_ : *context_.restarted,
                                  seconds_text(options_.key_lifetime)));
    } else if (environment_->unix_time() > not_after_) {
        fail(actions, fmt::format("a certificate of the last handshake with {} has expired and no "
                                  "handshake with a new one succeeded",
                                  peer_->to_string()));
    }
}

void TlsSession::check_drain(Actions& actions, TimePoint now,
                             std::span<const keys::EpochStatistics> epochs) {
    if (!draining_) {
        return;
    }
    if (!draining_->confirmed) {
        // The peer uses the new keys, so it has got Protection Established.
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

void TlsSession::end_drain(Actions& actions) {
    if (draining_->epoch) {
        actions.emplace_back(DestroyReceiveKey{KeyRole::primary, *draining_->epoch});
    }
    draining_.reset();
    restart_keys_.on_drained(actions);
}

}  // namespace sdg::keymgmt::tls13
