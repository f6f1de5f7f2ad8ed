// What the client plays, as phases of requests with the answers they must get.
//
// Messages are made once and shared by every association that plays them. Pure, single thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "endpoint/answer_book.h"
#include "endpoint/answer_check.h"
#include "endpoint/exchange_file.h"

namespace sdg::endpoint {

struct Phase {
    std::string name;
    std::vector<std::shared_ptr<const PlannedMessage>> messages;
    size_t window = 1;                   // messages in flight
    size_t rounds = 1;                   // times the messages are played
    std::chrono::milliseconds pace{};    // pause before each message
    std::chrono::milliseconds repeat{};  // play further rounds until this long after the start
    std::chrono::milliseconds hold{};    // idle time before the phase starts
};

using Plan = std::vector<Phase>;

// A dialogue: one message in flight, as signalling is.
[[nodiscard]] Phase exchange_phase(const Exchange& exchange, const AnswerBook& book);

// Messages taken from a capture, window of them in flight.
[[nodiscard]] Phase replay_phase(std::vector<UserMessage> messages, const AnswerBook& book,
                                 size_t window);

// Sizes from 1 octet up to largest (about thirty, around the packet and buffer sizes where stacks
// go wrong), on each of the streams, ordered and unordered, mixed so that they overtake each other.
[[nodiscard]] Phase sweep_phase(uint16_t streams, size_t largest, uint32_t ppid, size_t window);

// count messages of sizes from 8 octets to largest (the small ones more often), over the streams at
// random, one in four unordered. The same seed makes the same messages.
[[nodiscard]] Phase mixed_phase(size_t count, size_t largest, uint16_t streams, uint32_t ppid,
                                size_t window, uint64_t seed);

// count messages of one size, over the streams in turn, ordered.
[[nodiscard]] Phase bulk_phase(size_t count, size_t size, uint16_t streams, uint32_t ppid,
                               size_t window);

// Number of streams the plan needs.
[[nodiscard]] uint16_t streams_needed(const Plan& plan);

// Octets that differ for every serial number as far as their length lets them.
[[nodiscard]] Bytes filler(size_t size, uint64_t serial);

}  // namespace sdg::endpoint
