// AssociationProtection: carries a key-management session's actions out on the data plane and the
// association.
//
// One per association with an agreement, owned by its leg. Control thread. Never destroys itself or
// the association: it reports up or failed to its owner and does nothing more after failed.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/handshake_queue.h"
#include "control/keymgmt/method.h"
#include "control/sctp/host.h"

namespace sdg::keymgmt {

// What a listener or backend wants of its protected associations.
struct Policy {
    std::string name;
    keys::LocalKeyManagement key_management;
    uint32_t replay_window = 1024;  // records
    std::vector<std::shared_ptr<Method>> methods;
};

class ProtectionOwner {
 public:
    virtual ~ProtectionOwner() = default;
    // Upper-layer traffic may flow.
    virtual void on_protection_up() = 0;
    // The association must be aborted; reason is for the log. What send_pending() still has (an
    // alert) is to go first.
    virtual void on_protection_failed(const std::string& reason) = 0;
    // A turn is over: messages may wait to be sent, and more may be read.
    virtual void on_protection_turn() = 0;
    // True: they are being kept, and AssociationProtection::on_restart_keys_kept() follows, not
    // from within this call. False: there is nothing to keep them in, which is no failure.
    virtual bool on_keep_restart_keys(const KeepRestartKeys& keys) = 0;
    virtual void on_drop_previous_restart_keys() = 0;
};

class AssociationProtection final : private HandshakeQueue::Member {
 public:
    // The association must have an agreement. not_found when the agreed method is none of the
    // policy's; else what the method says. queue, owner, protection and association outlive the
    // object. peer_identity: of a restarted association, see SessionContext.
    [[nodiscard]] static Result<std::unique_ptr<AssociationProtection>> start(
        const Policy& policy, keys::ChunkProtection& protection, HandshakeQueue& queue,
        sctp::Association& association, ProtectionOwner& owner, std::string peer_identity = {});
    ~AssociationProtection() override { queue_.leave(*this); }
    AssociationProtection(const AssociationProtection&) = delete;
    AssociationProtection& operator=(const AssociationProtection&) = delete;

    void on_parameters_agreed() { carry_out(session_->on_parameters_agreed()); }
    void on_established() { carry_out(session_->on_established()); }
    void on_first_opened() { carry_out(session_->on_first_opened()); }
    void on_message(std::span<const uint8_t> octets) { carry_out(session_->on_message(octets)); }
    void on_sender_dry() { carry_out(session_->on_sender_dry()); }
    void on_rekey_requested() { carry_out(session_->on_rekey_requested()); }
    void on_reauthentication_requested() { carry_out(session_->on_reauthentication_requested()); }
    void on_tick(TimePoint now);
    // What became of ProtectionOwner::on_keep_restart_keys().
    void on_restart_keys_kept(uint16_t epoch, bool kept);
    // As last given to on_keep_restart_keys(), or to start().
    [[nodiscard]] const std::string& peer_identity() const { return peer_identity_; }

    // Waits for a turn: a message given now would only be queued behind others.
    [[nodiscard]] bool is_busy() const { return is_queued(); }
    [[nodiscard]] bool is_up() const { return up_; }
    [[nodiscard]] uint8_t method() const { return method_id_; }
    // For the operator. suite: of the send key that was installed last; unset before the first.
    [[nodiscard]] std::optional<record::Suite> suite() const { return suite_; }
    [[nodiscard]] std::string peer_name() const { return session_->peer_name(); }
    [[nodiscard]] Session::Authentications authentications() const {
        return session_->authentications();
    }
    // When the send key in use was selected, to a tick; unset before the first tick after that.
    [[nodiscard]] std::optional<TimePoint> selected_at() const { return selected_at_; }
    // Key-management messages that wait to be sent: send_pending() may be called whenever no user
    // message is half sent. Returns true when none is left.
    bool send_pending();

 private:
    AssociationProtection(keys::ChunkProtection& protection, HandshakeQueue& queue,
                          sctp::Association& association, ProtectionOwner& owner)
        : protection_(protection), queue_(queue), association_(association), owner_(owner) {}

    void on_turn(bool has_slot) override;

    void carry_out(Actions actions);
    void stop_waiting();
    [[nodiscard]] Result<void> carry_out(const Action& action);
    void fail_with(const std::string& reason);

    void report(const Report& report) const;

    keys::ChunkProtection& protection_;
    HandshakeQueue& queue_;
    sctp::Association& association_;
    ProtectionOwner& owner_;
    std::unique_ptr<Session> session_;
    std::deque<std::vector<uint8_t>> pending_;
    size_t sent_of_front_ = 0;
    // KeepRestartKeys with wait: the epoch, and the actions that wait for it.
    std::optional<uint16_t> waiting_for_;
    Actions deferred_;
    unsigned ticks_waited_ = 0;
    std::string peer_identity_;
    std::optional<record::Suite> suite_;
    std::optional<TimePoint> selected_at_;
    uint8_t method_id_ = 0;
    bool up_ = false;
    bool failed_ = false;
};

}  // namespace sdg::keymgmt
