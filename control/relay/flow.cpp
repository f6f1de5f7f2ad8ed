#include "control/relay/flow.h"

#include <utility>

#include "control/relay/leg.h"
#include "dataplane/packet/code_points.h"

namespace sdg::relay {

Flow::Progress Flow::break_with(std::string reason) {
    reason_ = std::move(reason);
    return Progress::broken;
}

std::optional<Flow::Piece> Flow::read() {
    // One buffer for the thread: most reads find nothing, and a piece that the destination takes
    // whole never needs memory of its own.
    thread_local std::vector<uint8_t> buffer(kPiece);
    const auto received = source_.receive(buffer);
    if (!received) {
        return std::nullopt;
    }
    Piece piece;
    piece.info = received->info;
    piece.length = received->length;
    piece.octets.swap(buffer);
    buffer.resize(kPiece);
    return piece;
}

bool Flow::restart_destination() {
    const bool half = std::exchange(mid_message_, false);
    if (half) {
        // A piece that was held belongs to that message, and ends it or not.
        skipping_ = !(piece_ && piece_->info.end_of_message);
        piece_.reset();
    }
    return half;
}

Flow::Progress Flow::pump(unsigned budget, FlowCounters& totals) {
    for (; budget > 0; --budget) {
        if (!piece_) {
            auto next = read();
            if (!next) {
                return Progress::idle;
            }
            Piece& piece = *next;
            if (piece.info.ppid == packet::kPpidKeyManagement) {
                if (source_.is_protected()) {
                    source_.on_key_management_piece(piece.info,
                                                    std::span(piece.octets).first(piece.length));
                    if (!source_.is_up() || destination_.association() == nullptr) {
                        return Progress::idle;
                    }
                    continue;
                }
                if (destination_.is_protected()) {
                    return break_with(
                        "a user message with PPID 4242 came from the plain side; that number "
                        "belongs "
                        "to key management on the protected side");
                }
            }
            if (skipping_) {
                skipping_ = !piece.info.end_of_message;
                continue;
            }
            if (piece.info.stream >= destination_.association()->outbound_streams()) {
                return break_with(fmt::format("message on stream {}, but {} has only {} streams",
                                              piece.info.stream, destination_.name(),
                                              destination_.association()->outbound_streams()));
            }
            piece_ = std::move(piece);
        }
        if (destination_.association() == nullptr) {
            return Progress::blocked;
        }
        Piece& piece = *piece_;
        const auto taken = destination_.send(
            piece.info, std::span(piece.octets).subspan(piece.sent, piece.length - piece.sent));
        if (!taken) {
            return Progress::blocked;  // closing; the leg hears on_closed()
        }
        piece.sent += *taken;
        counters_.octets += *taken;
        totals.octets += *taken;
        mid_message_ = mid_message_ || *taken > 0;
        if (piece.sent < piece.length) {
            return Progress::blocked;
        }
        if (piece.info.end_of_message) {
            mid_message_ = false;
            ++counters_.messages;
            ++totals.messages;
        }
        piece_.reset();
    }
    return Progress::more;
}

}  // namespace sdg::relay
