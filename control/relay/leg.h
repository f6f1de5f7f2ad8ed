// Leg: one SCTP association of a relayed pair, with its key management.
//
// States: connecting -> established -> up (protection up, or none agreed) -> closed. Only an up leg
// carries relayed messages; user messages with PPID 4242 of a protected leg belong to key
// management in every state.
//
// Control thread. Tells its owner of every change that matters to the pair.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/keymgmt/protection.h"
#include "control/sctp/host.h"

namespace sdg::relay {

class Leg;

class LegOwner {
 public:
    virtual ~LegOwner() = default;
    virtual void on_leg_up(Leg&) = 0;
    // Something can be read or written.
    virtual void on_leg_ready(Leg&) = 0;
    // The leg cannot go on and has been told to abort; on_leg_closed() follows.
    virtual void on_leg_failed(Leg&, const std::string& reason) = 0;
    virtual void on_leg_closed(Leg&, sctp::CloseReason reason, const std::string& detail) = 0;
    // The peer wants to restart the leg. False: not before Association::allow_restart(), or not
    // now.
    virtual bool on_leg_restart_requested(Leg&) { return true; }
    // The peer is restarting the leg: what was half sent or half read is lost. on_leg_up() follows,
    // or on_leg_closed().
    virtual void on_leg_restarted(Leg&) {}
    // As of keymgmt::ProtectionOwner; answered with Leg::on_restart_keys_kept().
    virtual bool on_leg_keeps_restart_keys(Leg&, const keymgmt::KeepRestartKeys&) { return false; }
    virtual void on_leg_drops_previous_restart_keys(Leg&) {}
};

class Leg final : public sctp::AssociationObserver, public keymgmt::ProtectionOwner {
 public:
    // policy: null for a plain leg. name is for the log ("accepted on n2", "backend amf").
    Leg(std::string name, const keymgmt::Policy* policy, keys::ChunkProtection& protection,
        keymgmt::HandshakeQueue& handshakes, LegOwner& owner)
        : name_(std::move(name)),
          policy_(policy),
          protection_table_(protection),
          handshakes_(handshakes),
          owner_(owner) {}
    Leg(const Leg&) = delete;
    Leg& operator=(const Leg&) = delete;

    void attach(sctp::Association& association) { association_ = &association; }
    [[nodiscard]] const std::string& name() const { return name_; }
    // Null before attach() and after the association has closed.
    [[nodiscard]] sctp::Association* association() const { return association_; }
    [[nodiscard]] bool is_up() const { return up_ && association_ != nullptr; }
    [[nodiscard]] bool is_closed() const { return closed_; }
    [[nodiscard]] bool is_protected() const { return protection_ != nullptr; }
    // For the operator; null on a leg without keys.
    [[nodiscard]] const keymgmt::AssociationProtection* protection() const {
        return protection_.get();
    }
    // The peer has said that it sends no more.
    [[nodiscard]] bool peer_finished() const { return peer_finished_; }
    // For the log: addresses, tags and what protects it; of a closed leg those it had.
    [[nodiscard]] std::string describe() const;
    // The same for programs.
    [[nodiscard]] std::vector<std::pair<std::string_view, std::string>> log_fields() const;

    // As of sctp::Association, for user messages. Key-management messages that wait go before the
    // next one begins. nullopt from receive(): nothing there; on a closed leg always.
    [[nodiscard]] Result<size_t> send(const sctp::FragmentInfo& info,
                                      std::span<const uint8_t> octets);
    [[nodiscard]] std::optional<sctp::Association::Received> receive(std::span<uint8_t> buffer);

    // Takes a piece of a PPID 4242 message of this protected leg, or ends the leg because of it.
    void on_key_management_piece(const sctp::FragmentInfo& info, std::span<const uint8_t> octets);
    // Sends waiting key-management messages unless a user message is half sent.
    void send_key_management();
    // While keys are being made the leg reads for itself. User messages that came under the peer's
    // new keys before Protection Established did are held for receive().
    void read_key_management();
    [[nodiscard]] bool is_keying() const {
        return protection_ != nullptr && !protection_->is_up() && !failed_;
    }

    // Before a restart of ours, or before another try: as a leg that has never been connected.
    // peer_identity: of the association that is restarted, see keymgmt::SessionContext.
    void prepare_restart(std::string peer_identity);
    void on_restart_keys_kept(uint16_t epoch, bool kept);

    void shutdown();
    void abort(std::string_view text);
    void request_rekey();
    void request_reauthentication();
    void on_tick(TimePoint now);

    // sctp::AssociationObserver
    void on_restarted(sctp::Association& fresh) override;
    bool on_restart_requested(sctp::Association&, uint16_t) override {
        return owner_.on_leg_restart_requested(*this);
    }
    void on_parameters_agreed(sctp::Association&) override;
    void on_established(sctp::Association&) override;
    void on_first_opened(sctp::Association&) override;
    void on_readable(sctp::Association&) override { owner_.on_leg_ready(*this); }
    void on_writable(sctp::Association&) override { owner_.on_leg_ready(*this); }
    void on_peer_shutdown(sctp::Association&) override;
    void on_sender_dry(sctp::Association&) override;
    void on_closed(sctp::Association&, sctp::CloseReason reason,
                   const std::string& detail) override;
    // keymgmt::ProtectionOwner
    void on_protection_up() override;
    void on_protection_failed(const std::string& reason) override;
    void on_protection_turn() override { owner_.on_leg_ready(*this); }
    bool on_keep_restart_keys(const keymgmt::KeepRestartKeys& keys) override {
        return owner_.on_leg_keeps_restart_keys(*this, keys);
    }
    void on_drop_previous_restart_keys() override {
        owner_.on_leg_drops_previous_restart_keys(*this);
    }

 private:
    // Longest key-management message taken; TLS flights with long chains stay far below.
    static constexpr size_t kMaxKeyManagementMessage = 128 * 1024;
    // Until the peer has retransmitted a lost Protection Established its window stays where it was,
    // so there cannot be much.
    static constexpr size_t kMaxEarly = 4 * 1024 * 1024;
    // How long an alert may take to get out before the ABORT follows it.
    static constexpr unsigned kTicksForAlert = 2;

    struct Early {
        sctp::FragmentInfo info;
        std::vector<uint8_t> octets;
        size_t taken = 0;
    };

    void become_up();
    void start_anew();
    void abort_after_alert();

    std::string name_;
    const keymgmt::Policy* policy_;
    keys::ChunkProtection& protection_table_;
    keymgmt::HandshakeQueue& handshakes_;
    LegOwner& owner_;
    sctp::Association* association_ = nullptr;
    std::unique_ptr<keymgmt::AssociationProtection> protection_;
    std::string restarted_identity_;  // of the association before the restart
    std::vector<uint8_t> key_management_message_;
    std::deque<Early> early_;
    size_t early_octets_ = 0;
    unsigned ticks_to_abort_ = 0;   // 0: none to come
    bool sending_message_ = false;  // a user message is half sent
    bool up_ = false;
    bool closed_ = false;
    // Of the association that has closed.
    std::string closed_as_;
    std::vector<std::pair<std::string_view, std::string>> closed_fields_;
    bool peer_finished_ = false;
    bool failed_ = false;
    bool shutting_down_ = false;
};

}  // namespace sdg::relay
