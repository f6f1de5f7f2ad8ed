#include "control/keymgmt/dtls13/message_transport.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr uint32_t kMaxMessageSeq = UINT16_MAX;
constexpr int kAckFraction = 4;  // of the retransmission time-out
// Octets of an ACK: the numbers, and around them the record and their length.
constexpr size_t kAckedNumber = 16;
constexpr size_t kAckOverhead = kProtectionOverhead + 2;

}  // namespace

Checked<void> MessageTransport::add(uint64_t epoch, HandshakeType type, Octets body) {
    if (send_seq_ > kMaxMessageSeq) {
        return refuse(AlertDescription::internal_error, "out of handshake message numbers");
    }
    flight_.add(epoch, type, static_cast<uint16_t>(send_seq_++), std::move(body));
    return {};
}

void MessageTransport::arm() {
    sent_at_ = clock_.now();
    if (is_datagram()) {
        retransmit_at_ = sent_at_ + timeout_;
    }
}

Checked<void> MessageTransport::flush(bool without_timer) {
    timeout_ = configuration_.first_timeout;
    retransmissions_ = 0;
    // The flight is an answer to all that came before it.
    to_acknowledge_.clear();
    ack_at_.reset();
    arm();
    if (without_timer) {
        retransmit_at_.reset();
    }
    return flight_.transmit(records_, configuration_.packing, datagrams_);
}

void MessageTransport::flight_has_arrived() {
    flight_.clear();
    retransmit_at_.reset();
}

Checked<void> MessageTransport::send_record(uint64_t epoch, ContentType type, View content) {
    Octets datagram;
    const auto number = records_.write(epoch, type, content, datagram);
    if (!number) {
        return tl::unexpected(number.error());
    }
    datagrams_.push_back(std::move(datagram));
    return {};
}

Checked<void> MessageTransport::on_handshake_record(const OpenedRecord& record,
                                                    bool only_repeated) {
    View content = record.content;
    if (content.empty()) {
        return refuse(AlertDescription::unexpected_message, "an empty handshake record");
    }
    bool all_kept = true;
    bool all_repeated = true;
    while (!content.empty()) {
        const auto fragment = take_fragment(content);
        if (!fragment) {
            return tl::unexpected(fragment.error());
        }
        if (only_repeated && fragment->message_seq >= reassembly_.next()) {
            if (!is_datagram()) {
                return refuse(AlertDescription::unexpected_message,
                              "a handshake message in clear where keys are in use");
            }
            all_kept = false;
            continue;
        }
        const auto outcome = reassembly_.add(*fragment, record.number.epoch);
        if (!outcome) {
            return tl::unexpected(outcome.error());
        }
        got_repeated_ = got_repeated_ || *outcome == Reassembly::Outcome::repeated;
        got_new_ = got_new_ || *outcome == Reassembly::Outcome::taken;
        all_kept = all_kept && *outcome != Reassembly::Outcome::dropped;
        all_repeated = all_repeated && *outcome == Reassembly::Outcome::repeated;
    }
    if (all_repeated && !flight_.empty()) {
        // Our flight is the answer to it. A peer that uses record numbers of its HelloRetryRequest
        // again (NSS) would take the ACK for one of its ServerHello.
        return {};
    }
    // A record in clear is not worth an ACK once there are keys: its sender has moved on, or is
    // somebody else.
    if (all_kept && !only_repeated) {
        if (to_acknowledge_.size() == kMaxToAcknowledge) {
            to_acknowledge_.erase(to_acknowledge_.begin());
        }
        to_acknowledge_.push_back(record.number);
    }
    return {};
}

Checked<bool> MessageTransport::on_ack(const OpenedRecord& record) {
    auto numbers = parse_ack(record.content, Flight::kMaxRemembered);
    if (!numbers) {
        return refuse(AlertDescription::decode_error, "an ACK that does not fit");
    }
    // Section 7: an ACK names no record of an epoch above its own.
    std::erase_if(*numbers,
                  [&](const RecordNumber& one) { return one.epoch > record.number.epoch; });
    if (flight_.empty()) {
        return false;  // late
    }
    const bool news = flight_.acknowledge(*numbers);
    if (flight_.empty()) {
        flight_has_arrived();
        return true;
    }
    if (is_datagram()) {
        // Each ACK that brings news makes the rest smaller, so this ends.
        auto sent = news ? retransmit() : retransmit_unless_just_sent();
        if (!sent) {
            return tl::unexpected(sent.error());
        }
    }
    return false;
}

Checked<void> MessageTransport::retransmit() {
    arm();
    // Some peers (NSS) throw a record away from the first message on that they have had. What comes
    // behind that message must not share its record each time.
    Packing packing = configuration_.packing;
    packing.several_messages_per_record &= retransmissions_ < 2;
    return flight_.transmit(records_, packing, datagrams_);
}

Checked<void> MessageTransport::retransmit_unless_just_sent() {
    // Nobody may make us send flights as fast as he sends small records.
    if (clock_.now() - sent_at_ < configuration_.first_timeout / kAckFraction) {
        return {};
    }
    return retransmit();
}

Checked<void> MessageTransport::send_ack() {
    ack_at_.reset();
    acknowledge_now_ = false;
    if (to_acknowledge_.empty()) {
        return {};
    }
    // What does not fit a datagram of ours is left out, the oldest first: those who have sent it
    // long ago have been told of it before, or send it again.
    const size_t room = (configuration_.packing.max_datagram - kAckOverhead) / kAckedNumber;
    if (to_acknowledge_.size() > room) {
        to_acknowledge_.erase(to_acknowledge_.begin(),
                              to_acknowledge_.end() - static_cast<ptrdiff_t>(room));
    }
    std::sort(to_acknowledge_.begin(), to_acknowledge_.end());
    const Octets content = ack_content(to_acknowledge_);
    return send_record(records_.send_epoch(), ContentType::ack, content);
}

Checked<void> MessageTransport::end_of_datagram() {
    const bool repeated = std::exchange(got_repeated_, false);
    const bool news = std::exchange(got_new_, false);
    if (acknowledge_now_) {
        auto sent = send_ack();
        to_acknowledge_.clear();
        return sent;
    }
    if (repeated && !flight_.empty()) {
        if (is_datagram()) {
            if (auto sent = retransmit_unless_just_sent(); !sent) {
                return sent;
            }
        }
    } else if (repeated) {
        auto sent = send_ack();
        to_acknowledge_.clear();
        return sent;
    }
    if (!is_datagram() || !reassembly_.is_waiting() || !news) {
        return {};
    }
    if (reassembly_.has_gap()) {
        return send_ack();
    }
    if (!ack_at_) {
        ack_at_ = clock_.now() + configuration_.first_timeout / kAckFraction;
    }
    return {};
}

void MessageTransport::resume_after_hello_retry(const RecordNumber& client_hello) {
    // Section 5.1: the second ClientHello is message 1, and so is our answer.
    reassembly_.set_next(1);
    send_seq_ = 1;
    records_.set_clear_sequence(client_hello.sequence);
}

std::optional<TimePoint> MessageTransport::deadline() const {
    if (retransmit_at_ && ack_at_) {
        return std::min(*retransmit_at_, *ack_at_);
    }
    return retransmit_at_ ? retransmit_at_ : ack_at_;
}

Checked<bool> MessageTransport::on_time() {
    const TimePoint now = clock_.now();
    if (ack_at_ && now >= *ack_at_) {
        ack_at_.reset();
        if (reassembly_.is_waiting()) {
            if (auto sent = send_ack(); !sent) {
                return tl::unexpected(sent.error());
            }
        }
    }
    if (retransmit_at_ && now >= *retransmit_at_) {
        if (retransmissions_ == configuration_.max_retransmissions) {
            retransmit_at_.reset();
            if (!flight_.is_end_acknowledged()) {
                return false;
            }
            // Some peers (NSS) never name the first fragments of a flight's first message, however
            // often these come again, although they have the whole flight.
            flight_has_arrived();
            return true;
        }
        ++retransmissions_;
        timeout_ = std::min(timeout_ * 2, configuration_.longest_timeout);
        if (auto sent = retransmit(); !sent) {
            return tl::unexpected(sent.error());
        }
    }
    return true;
}

}  // namespace sdg::keymgmt::dtls13
