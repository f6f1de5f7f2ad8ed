// Extended key update on an established connection (draft-ietf-tls-extended-key-update, "DTLS 1.3
// Considerations"), either side first.
//
//   idle --start--> wait_response --response--> wait_ack --ACK--> idle                 initiator
//   idle --request--> [deferred --time-->] wait_new_key --new_key_update--> idle       responder
// Crossed requests: who has the lower key share drops its own and becomes the responder. Whatever
// else arrives is unexpected_message.
//
// Where the draft leaves room: its messages enter the transcript with the TLS header (type,
// length) only; the ACK of new_key_update is taken in the old and in the new epoch, and a request
// under the new epoch stands for it (the ACK was lost or overtaken). Control thread.
#pragma once

#include <optional>

#include "control/keymgmt/dtls13/handshake.h"
#include "control/keymgmt/dtls13/key_exchange.h"

namespace sdg::keymgmt::dtls13 {

class KeyUpdater {
 public:
    explicit KeyUpdater(HandshakeContext context) : context_(context) {}

    // The handshake has ended.
    void begin();
    [[nodiscard]] bool is_idle() const { return state_ == State::idle; }
    // Sends a request. Precondition: is_idle().
    [[nodiscard]] Checked<void> start();
    [[nodiscard]] Checked<void> on_message(const Reassembly::Message& message);
    // Everything that we have sent has arrived.
    [[nodiscard]] Checked<void> on_flight_acknowledged();
    // A record has opened.
    void on_opened(uint64_t epoch);

    [[nodiscard]] uint64_t receive_epoch() const { return receive_epoch_; }
    [[nodiscard]] uint64_t send_epoch() const { return send_epoch_; }

    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // False: the update takes too long.
    [[nodiscard]] Checked<bool> on_time();

 private:
    enum class State { idle, wait_response, wait_ack, deferred, wait_new_key };

    [[nodiscard]] Checked<void> on_request(const Reassembly::Message& message,
                                           const KeyShareEntry& share);
    [[nodiscard]] Checked<void> on_response(const Reassembly::Message& message,
                                            const KeyShareEntry& share);
    [[nodiscard]] Checked<void> on_new_key();
    [[nodiscard]] Checked<void> respond();
    // The body of an extended_key_update, in a flight of its own.
    [[nodiscard]] Checked<void> send(Octets body);
    [[nodiscard]] Checked<void> derive(View peer_value, View response);
    [[nodiscard]] Checked<void> move_receive_epoch();
    [[nodiscard]] Checked<void> move_send_epoch();
    void enter(State state);

    HandshakeContext context_;
    State state_ = State::idle;
    uint64_t receive_epoch_ = kFirstApplicationEpoch;
    uint64_t send_epoch_ = kFirstApplicationEpoch;
    std::optional<KeyShare> share_;
    Octets request_;       // of the update under way, as it enters the transcript
    Octets peer_value_;    // deferred: the key share of the request
    TrafficSecrets next_;  // derived, not or only half in use
    std::optional<TimePoint> respond_at_;
    std::optional<TimePoint> give_up_at_;
    std::optional<TimePoint> last_request_;  // of the peer, as we took it
};

}  // namespace sdg::keymgmt::dtls13
