// Handshake messages over records: fragments, flights, acknowledgements, retransmission (RFC 9147,
// sections 5 and 7). Knows nothing of what the messages mean.
//
// Control thread; clock and configuration outlive it.
//
// What is acknowledged when:
//   a message that calls for no answer (acknowledge_now())   at once
//   a gap: something later arrived first                     at once, datagram transport only
//   half a flight, then nothing                              after a quarter of the time-out
//   a repeated message when nothing of ours is under way     at once
// Our next flight acknowledges everything before it.
#pragma once

#include <optional>

#include "control/keymgmt/dtls13/configuration.h"
#include "control/keymgmt/dtls13/reassembly.h"
#include "foundation/clock.h"

namespace sdg::keymgmt::dtls13 {

class MessageTransport {
 public:
    static constexpr size_t kMaxToAcknowledge = 64;  // record numbers in one ACK

    MessageTransport(const Configuration& configuration, const Clock& clock)
        : configuration_(configuration), clock_(clock) {}

    RecordLayer& records() { return records_; }
    [[nodiscard]] const RecordLayer& records() const { return records_; }

    // Sending.
    // Appends a message to the flight; flush() sends it. internal_error: out of message numbers.
    [[nodiscard]] Checked<void> add(uint64_t epoch, HandshakeType type, Octets body);
    // Sends the flight as far as it was not acknowledged. without_timer: the peer sends again if
    // it is lost (HelloRetryRequest).
    [[nodiscard]] Checked<void> flush(bool without_timer = false);
    // The peer's answer shows that our flight has arrived.
    void flight_has_arrived();
    [[nodiscard]] bool has_flight() const { return !flight_.empty(); }
    // A single record of another type, in a datagram of its own.
    [[nodiscard]] Checked<void> send_record(uint64_t epoch, ContentType type, View content);
    [[nodiscard]] std::vector<Octets> take_datagrams() { return std::exchange(datagrams_, {}); }

    // Receiving.
    // only_repeated: fragments of messages yet to come are not taken (clear records once there are
    // keys).
    [[nodiscard]] Checked<void> on_handshake_record(const OpenedRecord& record, bool only_repeated);
    [[nodiscard]] std::optional<Reassembly::Message> next_message() { return reassembly_.take(); }
    [[nodiscard]] bool is_waiting() const { return reassembly_.is_waiting(); }
    [[nodiscard]] size_t buffered() const { return reassembly_.buffered(); }
    // Answers what has arrived with an ACK at the end of the datagram.
    void acknowledge_now() { acknowledge_now_ = true; }
    // True: the flight has arrived as a whole. unexpected_message and decode_error as usual.
    [[nodiscard]] Checked<bool> on_ack(const OpenedRecord& record);
    // All records of a datagram have been handled.
    [[nodiscard]] Checked<void> end_of_datagram();

    // A server that goes on from a cookie.
    void resume_after_hello_retry(const RecordNumber& client_hello);
    [[nodiscard]] uint32_t next_receive_seq() const { return reassembly_.next(); }

    // Time.
    [[nodiscard]] std::optional<TimePoint> deadline() const;
    // False: sent too often without an answer.
    [[nodiscard]] Checked<bool> on_time();

 private:
    [[nodiscard]] bool is_datagram() const {
        return configuration_.transport == Transport::datagram;
    }
    [[nodiscard]] Checked<void> retransmit();
    [[nodiscard]] Checked<void> retransmit_unless_just_sent();
    [[nodiscard]] Checked<void> send_ack();
    void arm();

    const Configuration& configuration_;
    const Clock& clock_;
    RecordLayer records_;
    Reassembly reassembly_;
    Flight flight_;
    uint32_t send_seq_ = 0;
    std::vector<Octets> datagrams_;

    std::vector<RecordNumber> to_acknowledge_;
    bool acknowledge_now_ = false;
    bool got_new_ = false;       // in this datagram
    bool got_repeated_ = false;  // in this datagram
    std::optional<TimePoint> ack_at_;

    std::optional<TimePoint> retransmit_at_;
    std::chrono::nanoseconds timeout_{};
    unsigned retransmissions_ = 0;
    TimePoint sent_at_{};
};

}  // namespace sdg::keymgmt::dtls13
