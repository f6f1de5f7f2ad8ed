// User messages of the SCTP associations in a capture: DATA chunks reassembled by TSN.
//
// A direction of an association is told apart by addresses, ports and verification tag, so a
// restarted association is a new one. Retransmitted TSNs count once. A message with a fragment
// missing is left out and counted. The initiating side is the sender of the INIT, else of the
// COOKIE ECHO, else of the first DATA between the two ends. Messages come out in the order in which
// they were complete. Pure, single thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "endpoint/capture_packets.h"
#include "endpoint/user_message.h"
#include "foundation/result.h"

namespace sdg::endpoint {

enum class CaptureSide { initiator, responder, both };

struct CapturedMessages {
    CaptureCounts packets;
    std::vector<UserMessage> messages;  // of the side asked for
    size_t other_side = 0;              // messages of the side not asked for
    size_t duplicates = 0;              // DATA chunks seen again
    size_t incomplete = 0;              // DATA chunks whose message never became whole
    size_t malformed = 0;               // packets whose chunks end badly
    size_t interleaved = 0;             // I-DATA chunks (RFC 8260), not replayed
};

class MessageCollector {
 public:
    // The messages' bytes are copied.
    void add(const SctpPacketView& packet);
    // Ends the collection.
    [[nodiscard]] CapturedMessages finish(CaptureSide side);

 private:
    struct Fragment {
        bool begins = false;
        bool ends = false;
        UserMessage part;
    };
    // One direction of one association.
    struct Direction {
        TransportAddress from;
        TransportAddress to;
        bool started = false;
        uint64_t highest = 0;  // unwrapped TSN
        std::map<uint64_t, Fragment> pending;
        std::map<uint64_t, bool> seen;
    };
    struct Finished {
        TransportAddress from;
        TransportAddress to;
        UserMessage message;
    };
    using Ends = std::pair<std::string, std::string>;

    void add_data(Direction& direction, uint8_t flags, std::span<const uint8_t> value);
    void complete(Direction& direction, uint64_t tsn);
    static Ends ends_of(const TransportAddress& from, const TransportAddress& to);
    void note_initiator(const SctpPacketView& packet, int evidence);

    struct Initiator {
        int evidence = 0;
        TransportAddress address;
    };

    std::map<std::string, Direction> directions_;
    std::map<Ends, Initiator> initiators_;
    std::vector<Finished> finished_;
    CapturedMessages counts_;
};

// Reads the file. Errors: those of read_capture, and a capture without a whole message of the side.
[[nodiscard]] Result<CapturedMessages> captured_messages(const std::filesystem::path& file,
                                                         CaptureSide side);

}  // namespace sdg::endpoint
