// SCTP packets out of a capture file: link and network layers taken off, nothing else judged.
//
// Link types: Ethernet (802.1Q and QinQ included), Linux cooked v1 and v2, raw IP, BSD loopback.
// IPv4 fragments and packets cut by the capture's snap length are counted and left out. Any other
// protocol is counted as foreign. Parsing never reads outside a packet. Off the packet path.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "endpoint/transport_address.h"
#include "foundation/result.h"

namespace sdg::endpoint {

struct SctpPacketView {
    TransportAddress from;
    TransportAddress to;
    uint32_t verification_tag = 0;
    std::span<const uint8_t> chunks;  // after the common header; valid during the call only
};

struct CaptureCounts {
    size_t packets = 0;     // in the file
    size_t sctp = 0;        // given to the consumer
    size_t foreign = 0;     // not SCTP over IP
    size_t fragments = 0;   // IP fragments
    size_t cut = 0;         // shorter than their headers say (snap length), or malformed
    bool file_cut = false;  // the file ends in the middle of a packet
};

enum class FrameOutcome { sctp, foreign, fragment, cut };

// One frame of a libpcap link type (DLT_*). Fills view when the outcome is sctp.
[[nodiscard]] FrameOutcome parse_frame(int link_type, std::span<const uint8_t> frame,
                                       SctpPacketView& view);

// Calls consumer for every SCTP packet of the file, in order. Errors: file missing or not a
// capture, a link type that is none of the above.
[[nodiscard]] Result<CaptureCounts> read_capture(
    const std::filesystem::path& file, const std::function<void(const SctpPacketView&)>& consumer);

}  // namespace sdg::endpoint
