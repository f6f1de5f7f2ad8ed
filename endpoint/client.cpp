#include "endpoint/client.h"

#include <algorithm>
#include <list>
#include <utility>

#include "endpoint/report.h"
#include "endpoint/sctp_socket.h"
#include "foundation/clock.h"

namespace sdg::endpoint {
namespace {

using std::chrono::milliseconds;

// Octets on their way in both directions together: room for the window's messages, not for a flood.
constexpr size_t kMostOutstanding = 2U << 20;

// Before an association that ended is set up again.
constexpr milliseconds kPause{300};

// Made, bound and connecting; the outcome comes from receive().
Result<SctpSocket> begin_association(const ClientOptions& options, const Plan& plan,
                                     const Wakeup& wakeup) {
    const uint16_t streams = std::max(options.streams, streams_needed(plan));
    auto socket = SctpSocket::create(options.connect.address.family, streams, wakeup);
    if (!socket) {
        return socket;
    }
    if (options.local) {
        if (auto bound = socket->bind(*options.local); !bound) {
            return tl::unexpected(bound.error());
        }
    }
    if (auto connecting = socket->connect(options.connect); !connecting) {
        return tl::unexpected(connecting.error());
    }
    return socket;
}

class Player {
 public:
    Player(size_t number, SctpSocket socket, const ClientOptions& options, const Plan& plan,
           ClientReport& report, const Wakeup& wakeup, TimePoint now)
        : number_(number),
          socket_(std::move(socket)),
          options_(options),
          plan_(plan),
          report_(report),
          wakeup_(wakeup),
          check_(options.persist || options.lose_after.count() != 0),
          last_progress_(now) {}

    // Goes as far as it can without waiting.
    void step(TimePoint now);
    [[nodiscard]] bool done() const { return state_ == State::over; }
    [[nodiscard]] size_t lost() const { return check_.lost(); }
    void stop(const std::string& why) { fail_with(why); }
    // When step() has something to do although nothing arrived.
    [[nodiscard]] milliseconds patience(TimePoint now) const;

 private:
    enum class State {
        connecting,  // until usrsctp reports the association up
        pausing,     // the association has ended and is set up anew later
        playing,
        ending,  // plan played; waiting for the association to be gone
        over,
    };

    void handle(const Received& received, TimePoint now);
    void on_end(AssociationEnd end);
    void send_more(TimePoint now);
    bool next_round(TimePoint now);
    void start_phase(TimePoint now);
    void begin_ending();
    void fail_with(const std::string& why);
    void ended_early(const std::string& why);
    void begin_again(TimePoint now);
    [[nodiscard]] bool out_of_time(TimePoint now) const;
    void tell(ClientEvent::What what, TimePoint at, TimePoint since, std::string detail = {});
    void tell_deviations(TimePoint now);
    void tell_silence(TimePoint now);
    void look_into_silence(TimePoint now);
    void note_answered_after_restart();
    [[nodiscard]] std::string waiting_for() const;

    size_t number_;
    SctpSocket socket_;
    const ClientOptions& options_;
    const Plan& plan_;
    ClientReport& report_;
    const Wakeup& wakeup_;
    State state_ = State::connecting;
    AnswerCheck check_;
    size_t phase_ = 0;
    size_t next_ = 0;
    size_t rounds_done_ = 0;
    bool unanswered_ = false;      // something was sent since the last answer to all
    std::string in_long_silence_;  // how the association was then
    TimePoint waiting_since_{};    // for answers, none of which has come since then
    TimePoint phase_start_{};
    TimePoint next_send_{};
    TimePoint last_progress_;
    uint64_t octets_seen_ = 0;
    bool peer_is_leaving_ = false;
    bool was_up_ = false;  // once; the time of the first phase runs from then
    TimePoint resume_at_{};
    bool restarted_ = false;  // by the peer, and nothing has been answered since
};

void Player::tell(ClientEvent::What what, TimePoint at, TimePoint since, std::string detail) {
    if ((options_.persist || options_.lose_after.count() != 0) &&
        report_.events.size() < kMostEvents) {
        report_.events.push_back({what, number_, at, since, std::move(detail)});
    }
}

void Player::tell_deviations(TimePoint now) {
    for (const Deviation& one : check_.take_deviations()) {
        const auto what = one.kind == Deviation::Kind::lost   ? ClientEvent::What::lost
                          : one.kind == Deviation::Kind::late ? ClientEvent::What::late
                                                              : ClientEvent::What::repeated;
        tell(what, now, one.sent_at, one.planned->name);
        report_.verified += one.kind == Deviation::Kind::late ? 1 : 0;  // lost() has one less
    }
}

void Player::tell_silence(TimePoint now) {
    if (unanswered_ && now - waiting_since_ >= kSilence) {
        tell(ClientEvent::What::silence, now, waiting_since_, std::exchange(in_long_silence_, {}));
    }
    in_long_silence_.clear();
}

// While it lasts: afterwards nobody can see any more what held the answers up.
void Player::look_into_silence(TimePoint now) {
    if (unanswered_ && in_long_silence_.empty() && now - waiting_since_ >= kLongSilence) {
        in_long_silence_ = socket_.describe();
    }
}

// Whether the time of the phase is over, so that a new association would have nothing to do.
bool Player::out_of_time(TimePoint now) const {
    return was_up_ && (phase_ == plan_.size() || now - phase_start_ >= plan_[phase_].repeat);
}

// The association is no more: another one takes its place, or with nothing left to do none does.
void Player::ended_early(const std::string& why) {
    if (!options_.persist) {
        fail_with(why);
        return;
    }
    if (state_ == State::over || state_ == State::pausing) {
        return;
    }
    const TimePoint now = SteadyClock().now();
    if (state_ == State::connecting) {
        tell(ClientEvent::What::refused, now, now, why);
    } else {
        tell_silence(now);
        check_.give_up(TimePoint::max());
        tell_deviations(now);
        tell(ClientEvent::What::ended, now, now, why);
    }
    socket_.abort();
    unanswered_ = false;
    state_ = out_of_time(now) ? State::over : State::pausing;
    resume_at_ = now + kPause;
    last_progress_ = now;
}

void Player::begin_again(TimePoint now) {
    auto socket = begin_association(options_, plan_, wakeup_);
    if (!socket) {
        // As when the ABORT is faster than connect().
        tell(ClientEvent::What::refused, now, now, socket.error().message);
        resume_at_ = now + kPause;
        return;
    }
    socket_ = std::move(*socket);
    state_ = State::connecting;
    peer_is_leaving_ = false;
    octets_seen_ = 0;
    last_progress_ = now;
}

void Player::fail_with(const std::string& why) {
    if (state_ != State::over) {
        state_ = State::over;
        report_.errors.push_back(fmt::format("association {}: {}", number_, why));
        socket_.abort();
    }
}

void Player::note_answered_after_restart() {
    const WallTime now = SystemWallClock().now();
    if (!report_.first_after_restart) {
        report_.first_after_restart = now;
    }
    report_.last_after_restart = now;
}

std::string Player::waiting_for() const {
    switch (state_) {
        case State::connecting:
            return "the association to come up";
        case State::pausing:
            return "the time to connect again";
        case State::ending:
            return options_.ending == Ending::expect_abort ? "the peer's ABORT"
                                                           : "the end of the association";
        default:
            return check_.outstanding() == 0
                       ? fmt::format("room to send {}", plan_[phase_].messages[next_]->name)
                       : fmt::format("the answer to {} ({} outstanding)", check_.oldest(),
                                     check_.outstanding());
    }
}

milliseconds Player::patience(TimePoint now) const {
    const milliseconds most{100};
    if (state_ == State::pausing) {
        return std::clamp(std::chrono::ceil<milliseconds>(resume_at_ - now), milliseconds{0}, most);
    }
    if (state_ != State::playing || next_send_ <= now) {
        return most;
    }
    return std::min(most, std::chrono::ceil<milliseconds>(next_send_ - now));
}

void Player::start_phase(TimePoint now) {
    next_ = 0;
    rounds_done_ = 0;
    if (phase_ < plan_.size()) {
        next_send_ = now + plan_[phase_].hold;
        phase_start_ = next_send_;
        if (plan_[phase_].hold.count() != 0 && number_ == 1) {
            say("holding the association for {} ms", plan_[phase_].hold.count());
        }
    }
}

// True when there is a message to send at next_ once more; false when the phase is all sent.
bool Player::next_round(TimePoint now) {
    const Phase& phase = plan_[phase_];
    if (next_ < phase.messages.size()) {
        return true;
    }
    if (rounds_done_ + 1 < phase.rounds || now - phase_start_ < phase.repeat) {
        ++rounds_done_;
        next_ = 0;
        return true;
    }
    return false;
}

void Player::begin_ending() {
    state_ = State::ending;
    switch (options_.ending) {
        case Ending::shutdown:
            socket_.shutdown();
            break;
        case Ending::abort:
            socket_.abort();
            ++report_.ended_as_asked;
            state_ = State::over;
            break;
        default:
            break;
    }
}

void Player::on_end(AssociationEnd end) {
    if (state_ == State::over) {
        return;
    }
    const bool as_asked =
        (end == AssociationEnd::aborted && options_.ending == Ending::expect_abort) ||
        (end == AssociationEnd::shutdown && options_.ending == Ending::expect_shutdown) ||
        (end == AssociationEnd::shutdown && options_.ending == Ending::shutdown &&
         state_ == State::ending);
    if (as_asked && state_ != State::connecting) {
        ++report_.ended_as_asked;
        state_ = State::over;
        return;
    }
    switch (end) {
        case AssociationEnd::shutdown:
            ended_early("the peer shut the association down while we waited for " + waiting_for());
            break;
        case AssociationEnd::aborted:
            ended_early("the peer aborted the association while we waited for " + waiting_for());
            break;
        case AssociationEnd::lost:
            ended_early("the peer went silent while we waited for " + waiting_for());
            break;
        case AssociationEnd::not_started:
            ended_early("the peer refuses the association or does not answer the INIT");
            break;
    }
}

void Player::handle(const Received& received, TimePoint now) {
    if (const auto* up = std::get_if<AssociationUp>(&received)) {
        const uint16_t needed = streams_needed(plan_);
        ++report_.associations_up;
        if (up->outgoing_streams < needed || up->incoming_streams < needed) {
            fail_with(fmt::format("the peer grants {} streams out and {} in, {} are needed",
                                  up->outgoing_streams, up->incoming_streams, needed));
            return;
        }
        if (number_ == 1) {
            say("association up: {} streams out, {} in", up->outgoing_streams,
                up->incoming_streams);
        }
        tell(ClientEvent::What::up, now, now);
        state_ = State::playing;
        last_progress_ = now;
        if (was_up_) {
            next_ = 0;  // the phase goes on, from its first message
            next_send_ = now;
        } else {
            was_up_ = true;
            start_phase(now);
        }
    } else if (const auto* message = std::get_if<UserMessage>(&received)) {
        const auto sent_at = check_.verify(*message);
        if (!sent_at) {
            fail_with(sent_at.error().message);
            return;
        }
        last_progress_ = now;
        tell_deviations(now);
        tell_silence(now);
        report_.longest_silence = std::max(report_.longest_silence, now - waiting_since_);
        waiting_since_ = now;
        unanswered_ = check_.outstanding() != 0;
        if (std::exchange(restarted_, false)) {
            note_answered_after_restart();
        }
        if (!*sent_at) {
            return;  // late or repeated
        }
        ++report_.verified;
        PhaseReport& phase = report_.phases[std::min(phase_, report_.phases.size() - 1)];
        ++phase.messages;
        phase.octets_received += message->bytes.size();
        phase.round_trips.add(now - **sent_at);
    } else if (std::holds_alternative<AssociationRestarted>(received)) {
        ++report_.restarts;
        tell(ClientEvent::What::restarted, now, now);
        restarted_ = true;
        last_progress_ = now;
    } else if (std::holds_alternative<PeerShutdown>(received)) {
        peer_is_leaving_ = true;
    } else if (const auto* end = std::get_if<AssociationEnd>(&received)) {
        on_end(*end);
    }
}

void Player::send_more(TimePoint now) {
    while (state_ == State::playing) {
        if (phase_ == plan_.size()) {
            begin_ending();
            last_progress_ = now;
            return;
        }
        const Phase& phase = plan_[phase_];
        if (!next_round(now)) {
            if (check_.outstanding() != 0) {
                return;
            }
            PhaseReport& report = report_.phases[phase_];
            report.seconds =
                std::max(report.seconds, std::chrono::duration<double>(now - phase_start_).count());
            ++phase_;
            start_phase(now);
            continue;
        }
        if (now < next_send_) {
            last_progress_ = std::max(last_progress_, now);  // waiting by ourselves is not a hang
            return;
        }
        if (check_.outstanding() >= phase.window ||
            (check_.outstanding() != 0 && check_.outstanding_octets() >= kMostOutstanding) ||
            (peer_is_leaving_ && options_.ending == Ending::expect_shutdown)) {
            return;
        }
        const auto& planned = phase.messages[next_];
        const auto sent = socket_.send(planned->request);
        if (!sent) {
            // A dying association refuses before receive() tells why; if nothing comes, time tells.
            if (options_.ending != Ending::expect_abort &&
                options_.ending != Ending::expect_shutdown && !peer_is_leaving_) {
                ended_early(sent.error().message);
            }
            return;
        }
        if (!*sent) {
            return;
        }
        last_progress_ = now;
        if (!std::exchange(unanswered_, true)) {
            waiting_since_ = now;
        }
        check_.expect(planned, now);
        ++report_.sent;
        report_.phases[phase_].octets_sent += planned->request.bytes.size();
        next_send_ = now + phase.pace;
        ++next_;
    }
}

void Player::step(TimePoint now) {
    const SteadyClock clock;
    look_into_silence(now);
    if (state_ == State::pausing && now >= resume_at_) {
        if (out_of_time(now)) {
            state_ = State::over;
        } else {
            begin_again(now);
        }
    }
    while (state_ != State::over && state_ != State::pausing) {
        auto received = socket_.receive();
        if (!received) {
            fail_with(received.error().message);
            return;
        }
        if (std::holds_alternative<NothingYet>(*received)) {
            break;
        }
        handle(*received, clock.now());
    }
    if (options_.lose_after.count() != 0) {
        check_.give_up(clock.now() - options_.lose_after);
        tell_deviations(clock.now());
    }
    send_more(clock.now());
    if (socket_.octets_received() != octets_seen_) {
        octets_seen_ = socket_.octets_received();
        last_progress_ = now;
    }
    if (state_ != State::over && now - last_progress_ > options_.timeout) {
        ended_early(fmt::format("nothing moved for {} ms while waiting for {}",
                                options_.timeout.count(), waiting_for()));
    }
}

size_t planned_messages(const Plan& plan) {
    size_t count = 0;
    for (const Phase& phase : plan) {
        count += phase.messages.size() * phase.rounds;
    }
    return count;
}

}  // namespace

Result<ClientReport> run_client(const ClientOptions& options, const Plan& plan, Wakeup& wakeup) {
    ClientReport report;
    for (const Phase& phase : plan) {
        report.phases.push_back({});
        report.phases.back().name = phase.name;
    }
    const SteadyClock clock;
    std::list<Player> players;
    for (size_t i = 0; i < options.associations; ++i) {
        auto socket = begin_association(options, plan, wakeup);
        if (!socket) {
            return tl::unexpected(socket.error());
        }
        players.emplace_back(i + 1, std::move(*socket), options, plan, report, wakeup, clock.now());
    }
    say("connecting {} association{} to {}", options.associations,
        options.associations == 1 ? "" : "s", options.connect.to_string());

    const size_t total = planned_messages(plan) * options.associations;
    TimePoint next_line = clock.now() + std::chrono::seconds(2);
    while (true) {
        size_t running = 0;
        milliseconds patience{100};
        for (Player& player : players) {
            player.step(clock.now());
            running += player.done() ? 0 : 1;
            patience = std::min(patience, player.patience(clock.now()));
        }
        if (running == 0) {
            break;
        }
        if (wakeup.stop_asked()) {
            for (Player& player : players) {
                player.stop("interrupted");
            }
            break;
        }
        if (clock.now() >= next_line) {
            say("{} of {} messages answered, {} association{} running", report.verified,
                std::max(total, report.sent), running, running == 1 ? "" : "s");
            next_line = clock.now() + std::chrono::seconds(2);
        }
        wakeup.wait(patience);
    }
    for (const Player& player : players) {
        report.lost += player.lost();
    }
    return report;
}

}  // namespace sdg::endpoint
