#include "control/keymgmt/dtls13/flight.h"

#include <algorithm>
#include <utility>

#include "control/keymgmt/dtls13/reassembly.h"

namespace sdg::keymgmt::dtls13 {
namespace {

// A fragment smaller than this is not worth its header, unless it ends its message.
constexpr size_t kSmallestFragment = 16;

size_t overhead(uint64_t epoch) {
    return epoch == kClearEpoch ? kClearHeader : kProtectionOverhead;
}

}  // namespace

// Fills one datagram after the other.
class Flight::Packer {
 public:
    Packer(Flight& flight, RecordLayer& layer, const Packing& packing, std::vector<Octets>& out)
        : flight_(flight), layer_(layer), packing_(packing), out_(out) {}

    Checked<void> add(const Message& message) {
        if (!record_.empty() &&
            (epoch_ != message.epoch || !packing_.several_messages_per_record)) {
            if (auto closed = close_record(); !closed) {
                return closed;
            }
        }
        epoch_ = message.epoch;
        for (Range range : message.missing) {
            do {
                const size_t want =
                    std::min<size_t>(range.end - range.begin, packing_.max_fragment);
                size_t room = room_for_content();
                if (room < std::min(want, kSmallestFragment)) {
                    if (auto made = make_room(); !made) {
                        return made;
                    }
                    room = std::max<size_t>(room_for_content(), 1);
                }
                const auto length = static_cast<uint32_t>(std::min(want, room));
                append_fragment(record_,
                                {.type = message.type,
                                 .length = static_cast<uint32_t>(message.body.size()),
                                 .message_seq = message.message_seq,
                                 .offset = range.begin,
                                 .content = View(message.body).subspan(range.begin, length)});
                pieces_.push_back({message.message_seq, {range.begin, range.begin + length}});
                range.begin += length;
            } while (range.begin < range.end);
        }
        return {};
    }
    Checked<void> finish() {
        auto closed = close_record();
        flush();
        return closed;
    }

 private:
    // Octets of a message that still fit the open record with one more fragment header.
    [[nodiscard]] size_t room_for_content() const {
        const size_t used = datagram_.size() + overhead(epoch_) + record_.size() + kFragmentHeader;
        const size_t in_datagram =
            packing_.max_datagram > used ? packing_.max_datagram - used : size_t{0};
        const size_t in_record = packing_.max_record > record_.size() + kFragmentHeader
                                     ? packing_.max_record - record_.size() - kFragmentHeader
                                     : size_t{0};
        return std::min(in_datagram, in_record);
    }
    Checked<void> make_room() {
        if (auto closed = close_record(); !closed) {
            return closed;
        }
        if (room_for_content() < kSmallestFragment) {
            flush();
        }
        return {};
    }
    Checked<void> close_record() {
        if (record_.empty()) {
            return {};
        }
        const auto number = layer_.write(epoch_, ContentType::handshake, record_, datagram_);
        if (!number) {
            return tl::unexpected(number.error());
        }
        flight_.sent_.push_back({*number, std::exchange(pieces_, {})});
        if (flight_.sent_.size() > kMaxRemembered) {
            flight_.sent_.pop_front();
        }
        record_.clear();
        if (!packing_.several_records_per_datagram) {
            flush();
        }
        return {};
    }
    void flush() {
        if (!datagram_.empty()) {
            out_.push_back(std::exchange(datagram_, {}));
        }
    }

    Flight& flight_;
    RecordLayer& layer_;
    const Packing& packing_;
    std::vector<Octets>& out_;
    Octets datagram_;
    Octets record_;
    std::vector<Piece> pieces_;
    uint64_t epoch_ = kClearEpoch;
};

void Flight::add(uint64_t epoch, HandshakeType type, uint16_t message_seq, Octets body) {
    const auto length = static_cast<uint32_t>(body.size());
    last_seq_ = message_seq;
    messages_.push_back({.epoch = epoch,
                         .type = type,
                         .message_seq = message_seq,
                         .body = std::move(body),
                         .missing = {{0, length}}});
}

void Flight::clear() {
    messages_.clear();
    sent_.clear();
}

Checked<void> Flight::transmit(RecordLayer& layer, const Packing& packing,
                               std::vector<Octets>& datagrams) {
    Packer packer(*this, layer, packing, datagrams);
    for (const Message& message : messages_) {
        if (auto added = packer.add(message); !added) {
            return added;
        }
    }
    return packer.finish();
}

bool Flight::acknowledge(const Piece& piece) {
    const auto message = std::find_if(messages_.begin(), messages_.end(), [&](const Message& one) {
        return one.message_seq == piece.message_seq;
    });
    if (message == messages_.end()) {
        return false;
    }
    bool news = false;
    std::vector<Range> missing;
    for (const Range& range : message->missing) {
        const uint32_t begin = std::max(range.begin, piece.range.begin);
        const uint32_t end = std::min(range.end, piece.range.end);
        if (begin >= end && range.begin != range.end) {
            missing.push_back(range);
            continue;
        }
        news = true;
        if (range.begin < begin) {
            missing.push_back({range.begin, begin});
        }
        if (end < range.end) {
            missing.push_back({end, range.end});
        }
    }
    message->missing = std::move(missing);
    if (message->missing.empty()) {
        messages_.erase(message);
    }
    return news;
}

bool Flight::acknowledge(std::span<const RecordNumber> numbers) {
    bool news = false;
    for (const RecordNumber& number : numbers) {
        const auto sent = std::find_if(sent_.begin(), sent_.end(),
                                       [&](const SentRecord& one) { return one.number == number; });
        if (sent == sent_.end()) {
            continue;
        }
        for (const Piece& piece : sent->pieces) {
            news = acknowledge(piece) || news;
        }
        sent_.erase(sent);
    }
    return news;
}

}  // namespace sdg::keymgmt::dtls13
