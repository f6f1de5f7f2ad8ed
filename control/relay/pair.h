// Pair: an accepted association, its backend association, and the two flows between them.
//
// Control thread; owned by the Relay, which destroys it between rounds once both legs are closed.
#pragma once

#include <spdlog/common.h>

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "control/relay/flow.h"
#include "control/relay/leg.h"
#include "control/relay/relay.h"

namespace sdg::relay {

class Pair final : public LegOwner {
 public:
    // Goes on with what listener and backend are set to now, whatever becomes of them. id: never
    // used for another pair of this process; the log lines of both legs carry it.
    Pair(Relay& relay, uint64_t id, std::shared_ptr<Listener> listener,
         std::shared_ptr<Backend> backend);
    ~Pair() override;
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    [[nodiscard]] Leg& accepted() { return accepted_; }

    // For the operator.
    [[nodiscard]] uint64_t id() const { return id_; }
    [[nodiscard]] TimePoint begun() const { return begun_; }
    [[nodiscard]] const std::string& listener_name() const { return listener_settings_.name; }
    [[nodiscard]] const BackendSettings& backend_settings() const { return backend_settings_; }
    [[nodiscard]] const Leg& accepted_leg() const { return accepted_; }
    [[nodiscard]] const Leg& backend_leg() const { return backend_; }
    [[nodiscard]] const FlowCounters& to_backend() const { return to_backend_.counters(); }
    [[nodiscard]] const FlowCounters& from_backend() const { return from_backend_.counters(); }
    [[nodiscard]] bool is_closing() const { return closing_since_.has_value(); }
    // Shuts the pair down as drain() of the relay does: once nothing is under way, at the latest
    // after half of timeout; what is left at timeout is aborted.
    void close(std::chrono::nanoseconds timeout);
    // Where the relay keeps it.
    std::list<std::unique_ptr<Pair>>::iterator self;
    bool in_ready_list = false;
    bool in_closed_list = false;

    // Begins with the protected legs, by protected restart; the plain one follows when they are up.
    void restore(RestoredPair restored);
    // Moves a bounded amount. True: more may be there at once.
    bool pump();
    void on_tick(TimePoint now);
    // New keys on its protected legs.
    void request_rekey();
    // The peers of its protected legs authenticate anew.
    void request_reauthentication();
    // Shuts both legs down when nothing is under way, or in any case when forced.
    void drain(bool forced);
    void abort(std::string_view text);

    void on_leg_up(Leg& leg) override;
    void on_leg_ready(Leg& leg) override;
    void on_leg_failed(Leg& leg, const std::string& reason) override;
    void on_leg_closed(Leg& leg, sctp::CloseReason reason, const std::string& detail) override;
    bool on_leg_restart_requested(Leg& leg) override;
    void on_leg_restarted(Leg& leg) override;
    bool on_leg_keeps_restart_keys(Leg& leg, const keymgmt::KeepRestartKeys& keys) override;
    void on_leg_drops_previous_restart_keys(Leg& leg) override;

 private:
    // What is known of a leg's restart keys.
    struct Keeping {
        std::optional<sctp::FourTuple> tuple;             // set: the store may have some
        std::optional<keymgmt::KeepRestartKeys> pending;  // until the pair is complete
        bool restarted = false;                           // by its peer, not up again yet
        bool reset_other = false;  // the other leg cannot go on: it has half of a message
    };

    // Pieces moved per flow and round: a busy pair must not starve the others.
    static constexpr unsigned kBudget = 32;
    static constexpr std::chrono::seconds kLastAttempt{60};

    [[nodiscard]] Leg& other(Leg& leg) { return &leg == &accepted_ ? backend_ : accepted_; }
    [[nodiscard]] Flow& from(Leg& leg) { return &leg == &accepted_ ? to_backend_ : from_backend_; }
    [[nodiscard]] Keeping& keeping(Leg& leg) {
        return &leg == &accepted_ ? keeping_accepted_ : keeping_backend_;
    }
    // A line about a leg, with the fields that tie it to metrics and captures.
    void tell(spdlog::level::level_enum level, std::string_view event, const Leg& leg,
              std::string_view text) const;
    void connect_backend(uint16_t local_port = 0);
    // --- pair_restart.cpp ---
    void on_keys_forgotten(Leg& leg, const sctp::FourTuple& tuple, bool gone);
    void on_restarted_leg_up(Leg& leg);
    void reset_backend();
    void begin_restart(Leg& leg);
    void connect_accepted();
    void on_restored_leg_up(Leg& leg);
    // True: it is tried again with other restart keys.
    [[nodiscard]] std::chrono::milliseconds last_attempt() const;
    [[nodiscard]] bool try_again(Leg& leg);
    void give_up_restoring(const std::string& why);
    void end_restoring();
    void flush_restart_keys();
    void keep(Leg& leg, const keymgmt::KeepRestartKeys& keys);
    void forget(Leg& leg);
    template <class Act>
    [[nodiscard]] auto while_alive(Act act);
    void finish_flow(Leg& source);
    // True when the source still sends to a closed destination and has been aborted for it.
    [[nodiscard]] bool has_late_message(Leg& source);
    // Counts a piece that can go nowhere. True: the pair has been aborted for it.
    [[nodiscard]] bool refuse_late(Leg& source, bool end_of_message);
    void close_if_done();

    void close_step(TimePoint now);

    Relay& relay_;
    const uint64_t id_;
    const TimePoint begun_;
    const std::shared_ptr<Listener> listener_;
    const std::shared_ptr<Backend> backend_of_;
    const std::shared_ptr<const ListenerSettings> listener_kept_;
    const std::shared_ptr<const BackendSettings> backend_kept_;
    const ListenerSettings& listener_settings_;
    const BackendSettings& backend_settings_;
    Leg accepted_;
    Leg backend_;
    Flow to_backend_;
    Flow from_backend_;
    std::optional<TimePoint> closing_since_;
    std::chrono::nanoseconds closing_timeout_{};
    Keeping keeping_accepted_;
    Keeping keeping_backend_;
    std::optional<RestoredPair> restoring_;
    bool accepted_absent_ = false;  // restored, and not connected yet
    bool backend_resetting_ = false;
    std::shared_ptr<Pair*> alive_ = std::make_shared<Pair*>(this);
    bool backend_started_ = false;
    bool backend_absent_ = false;  // never connected: there is nothing to wait for
    bool aborting_ = false;
    bool accepted_ended_ = false;  // its last message has been passed on
    bool backend_ended_ = false;
};

}  // namespace sdg::relay
