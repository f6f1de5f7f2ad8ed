// Flow: one direction of a relayed pair. Moves user messages piece by piece from the leg that
// receives them to the leg that sends them on.
//
// Stream, PPID, order and message boundaries are kept. At most one piece (kPiece octets) is held;
// when the destination takes less, the flow stops reading, the source's receive buffer fills and
// SCTP's window holds the sender back. The piece buffer exists only while something is held.
//
// Control thread. Never calls back; the caller acts on the result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/sctp/host.h"
#include "foundation/result.h"

namespace sdg::relay {

class Leg;

struct FlowCounters {
    uint64_t messages = 0;  // whole ones handed to the destination
    uint64_t octets = 0;
};

class Flow {
 public:
    static constexpr size_t kPiece = 64 * 1024;  // octets

    enum class Progress {
        idle,     // nothing to read
        blocked,  // the destination takes no more for now
        more,     // budget used up, more may be there
        broken    // the message cannot be relayed: see reason()
    };

    Flow(Leg& source, Leg& destination) : source_(source), destination_(destination) {}

    // Moves up to budget pieces. counters are those of the whole relay, kept beside our own.
    Progress pump(unsigned budget, FlowCounters& totals);
    // Nothing is held and no message is half relayed.
    [[nodiscard]] bool is_clean() const { return !piece_ && !mid_message_ && !skipping_; }
    // Forgets what is held because the destination has ended. True: something was.
    [[nodiscard]] bool drop_held() { return std::exchange(piece_, std::nullopt).has_value(); }
    // The destination has been restarted: what it had of a half relayed message is lost, so the
    // rest of that message is read and dropped. True: there is such a rest.
    bool restart_destination();
    // Both ends begin anew.
    void reset() { piece_.reset(), mid_message_ = skipping_ = false; }
    // The source has been restarted: nothing more of a half relayed message comes.
    void restart_source() { piece_.reset(); }
    // A message has been passed on in part.
    [[nodiscard]] bool mid_message() const { return mid_message_; }
    [[nodiscard]] const std::string& reason() const { return reason_; }
    [[nodiscard]] const FlowCounters& counters() const { return counters_; }

 private:
    struct Piece {
        sctp::FragmentInfo info;
        size_t length = 0;
        size_t sent = 0;
        std::vector<uint8_t> octets;
    };

    // nullopt: nothing there now.
    std::optional<Piece> read();
    Progress break_with(std::string reason);

    Leg& source_;
    Leg& destination_;
    std::optional<Piece> piece_;
    bool mid_message_ = false;
    bool skipping_ = false;  // the rest of a message
    std::string reason_;
    FlowCounters counters_;
};

}  // namespace sdg::relay
