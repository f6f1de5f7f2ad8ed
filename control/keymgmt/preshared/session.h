// Method 0 for one association: which key goes in when.
//
//   event                  initiator of the association            responder
//   parameters agreed      install receive keys of epochs 3 and 4; clear policy handshake_only
//   established            install and select send key 3,          install and select send key 3,
//                          require protection, HEARTBEAT, up       up
//   first packet opened    -                                       require protection
//   tick                   until the first packet opened: HEARTBEAT, fail after the time-out;
//                          then move the send key and follow the peer's (below)
//
// Epoch change without a message: a sender moves to the next epoch by itself at rekey_fraction of
// the suite's limit q. A receiver always holds the epoch the peer uses and the next; when something
// opens under the next one it installs the one after and removes the one before the previous.
//
// Restart: the first epoch's restart keys go in with the first send key and stay: unused keys do
// not age, and every epoch comes from the same secret. A restarted association has other parameters
// and tags, so all its keys are new: receive keys go in when the parameters are agreed, the
// initiator sends under the primary key at once, the responder when it has opened something under
// it, and the new restart keys take the place of the old ones after a drain time.
//
// Sans I/O; control thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/keymgmt/method.h"
#include "control/keymgmt/restart_keys.h"

namespace sdg::keymgmt {

struct KeySessionOptions {
    uint16_t first_epoch = packet::kFirstEpoch;
    double rekey_fraction = 0.5;  // of the limit q of the suite
    bool may_advance = true;      // false: keys of one epoch only (raw lab keys)
    // How long after ESTABLISHED the peer may take to send something that opens.
    std::chrono::nanoseconds protection_timeout = std::chrono::seconds(10);
    // A second epoch change no sooner: the peer must have had time to follow the first.
    std::chrono::nanoseconds min_epoch_interval = std::chrono::seconds(2);
};

// Drives either form of method 0; where the keys come from is the source's business.
class KeySession final : public Session {
 public:
    // The keys of one direction: ours to send with, or the peer's to receive with.
    enum class Direction { send, receive };
    using Source =
        std::function<Result<record::KeyMaterial>(Direction, keys::KeyRole, uint16_t epoch)>;

    // source is asked for restart keys when the context says that restart was agreed.
    KeySession(const SessionContext& context, Source source, const KeySessionOptions& options);

    Actions on_parameters_agreed() override;
    Actions on_established() override;
    Actions on_first_opened() override;
    Actions on_message(std::span<const uint8_t> octets) override;
    Actions on_sender_dry() override { return {}; }
    Actions on_tick(TimePoint now, std::span<const keys::EpochStatistics> epochs) override;
    Actions on_restart_keys_kept(uint16_t epoch, bool kept) override;

 private:
    enum class State { negotiating, keying, sending, confirmed, failed };

    [[nodiscard]] Actions failed(std::string reason);
    // Appends the action, or ends the session when there is no such key.
    bool install_receive(Actions& actions, uint16_t epoch);
    bool install_send(Actions& actions, uint16_t epoch);
    bool install_restart_keys(Actions& actions);
    Actions on_restarted();
    void check_restart(Actions& actions, TimePoint now);
    Actions await_peer(TimePoint now, std::span<const keys::EpochStatistics> epochs);
    void follow_peer(Actions& actions, std::span<const keys::EpochStatistics> epochs);
    void advance_send(Actions& actions, TimePoint now,
                      std::span<const keys::EpochStatistics> epochs);

    bool initiator_;
    bool restarted_;
    RestartKeys restart_keys_;
    Source source_;
    KeySessionOptions options_;
    State state_ = State::negotiating;
    uint16_t send_epoch_ = 0;
    uint16_t peer_epoch_ = 0;            // highest that opened, or the first
    std::set<uint16_t> receive_epochs_;  // installed
    std::optional<TimePoint> waiting_since_;
    std::optional<TimePoint> last_advance_;
    std::optional<TimePoint> restart_left_;  // since when we send under the primary key
};

}  // namespace sdg::keymgmt
