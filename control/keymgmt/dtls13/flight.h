// The handshake messages sent last and not known to have arrived: packed into records and
// datagrams, acknowledged piece by piece, sent again (RFC 9147, sections 5.5, 5.8 and 7).
//
// Control thread. Holds a copy of what it may have to send again.
#pragma once

#include <deque>

#include "control/keymgmt/dtls13/record_layer.h"

namespace sdg::keymgmt::dtls13 {

// How records and datagrams are filled. Octets.
struct Packing {
    size_t max_datagram = 1200;
    size_t max_record = kMaxPlaintext;    // plaintext of one record
    size_t max_fragment = kMaxPlaintext;  // of a message, in one fragment
    bool several_messages_per_record = true;
    bool several_records_per_datagram = true;
};

class Flight {
 public:
    // Numbers of sent records that are remembered for ACKs; older ones are forgotten first.
    static constexpr size_t kMaxRemembered = 512;

    void add(uint64_t epoch, HandshakeType type, uint16_t message_seq, Octets body);
    // Everything has arrived.
    void clear();
    [[nodiscard]] bool empty() const { return messages_.empty(); }

    // The message added last has been acknowledged, others have not.
    [[nodiscard]] bool is_end_acknowledged() const {
        return !messages_.empty() && messages_.back().message_seq != last_seq_;
    }

    // Packs what is not acknowledged; finished datagrams are appended.
    [[nodiscard]] Checked<void> transmit(RecordLayer& layer, const Packing& packing,
                                         std::vector<Octets>& datagrams);
    // True: something was acknowledged that was not before. Messages that are acknowledged as a
    // whole leave the flight.
    [[nodiscard]] bool acknowledge(std::span<const RecordNumber> numbers);

 private:
    struct Range {
        uint32_t begin = 0;
        uint32_t end = 0;
    };
    struct Message {
        uint64_t epoch;
        HandshakeType type;
        uint16_t message_seq;
        Octets body;
        std::vector<Range> missing;  // ascending, not acknowledged
    };
    struct Piece {
        uint16_t message_seq;
        Range range;
    };
    struct SentRecord {
        RecordNumber number;
        std::vector<Piece> pieces;
    };
    class Packer;

    [[nodiscard]] bool acknowledge(const Piece& piece);

    std::deque<Message> messages_;
    uint16_t last_seq_ = 0;
    std::deque<SentRecord> sent_;
};

}  // namespace sdg::keymgmt::dtls13
