// Handshake messages out of fragments, in order, with bounded memory (RFC 9147, sections 5.2, 5.5).
//
// Control thread. However a peer fragments, repeats, overlaps or skips, at most kMaxBuffered octets
// of messages are held.
#pragma once

#include <map>
#include <optional>

#include "control/keymgmt/dtls13/alert.h"
#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/codec.h"

namespace sdg::keymgmt::dtls13 {

struct Fragment {
    HandshakeType type = HandshakeType::message_hash;
    uint32_t length = 0;  // of the whole message
    uint16_t message_seq = 0;
    uint32_t offset = 0;
    View content;
};
// Takes a fragment with its header off a handshake record. decode_error: not one.
[[nodiscard]] Checked<Fragment> take_fragment(View& content);
void append_fragment(Octets& out, const Fragment& fragment);

inline constexpr size_t kFragmentHeader = 12;

class Reassembly {
 public:
    static constexpr size_t kMaxMessage = 32 * 1024;
    static constexpr size_t kMaxBuffered = 2 * kMaxMessage;
    static constexpr unsigned kWindow = 8;     // messages ahead of the next one
    static constexpr size_t kMaxRanges = 256;  // holes of one message

    enum class Outcome {
        taken,
        repeated,  // of a message that was handed out before
        dropped,   // too far ahead, or no room: the peer will send it again
    };
    struct Message {
        HandshakeType type;
        uint64_t epoch;
        uint16_t message_seq;
        Octets body;
    };

    // illegal_parameter: it contradicts an earlier fragment of its message, or is too large;
    // unexpected_message: a message across two epochs.
    [[nodiscard]] Checked<Outcome> add(const Fragment& fragment, uint64_t epoch);
    // The next message in order, once it is complete.
    [[nodiscard]] std::optional<Message> take();

    [[nodiscard]] uint32_t next() const { return next_; }
    // Where a server starts that goes on from a cookie. Only while nothing is held.
    void set_next(uint16_t message_seq) { next_ = message_seq; }
    // Something is held: a message lacks a part, or one before it is missing.
    [[nodiscard]] bool is_waiting() const { return !partial_.empty(); }
    // A later part is here, an earlier one is not: something was lost or overtaken.
    [[nodiscard]] bool has_gap() const;
    [[nodiscard]] size_t buffered() const { return buffered_; }

 private:
    struct Partial {
        HandshakeType type;
        uint64_t epoch;
        Octets body;
        std::map<uint32_t, uint32_t> ranges;  // begin to end, disjoint, not touching
        [[nodiscard]] bool is_complete() const {
            return body.empty() || (ranges.size() == 1 && ranges.begin()->first == 0 &&
                                    ranges.begin()->second == body.size());
        }
    };

    uint32_t next_ = 0;  // more than 16 bits, so that it cannot wrap
    size_t buffered_ = 0;
    std::map<uint32_t, Partial> partial_;
};

}  // namespace sdg::keymgmt::dtls13
