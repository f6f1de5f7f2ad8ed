// Packets that tell of an error: an ABORT with at most one cause without a value, and an ERROR with
// Stale Cookie (RFC 9260, 3.3.7 and 3.3.10.3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/sctp.h"

namespace sdg::packet {

inline constexpr uint16_t kCauseStaleCookie = 3;

// Fits on the stack: an INIT that is refused allocates nothing.
class AbortPacket {
 public:
    // The checksum field is zero: set_checksum() or the worker fills it.
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {octets_.data(), length_}; }
    [[nodiscard]] std::span<uint8_t> bytes() { return {octets_.data(), length_}; }

 private:
    friend AbortPacket build_abort(const CommonHeader&, bool, std::optional<uint16_t>);
    friend AbortPacket build_stale_cookie(const CommonHeader&, uint32_t);
    std::array<uint8_t, kCommonHeader + kChunkHeader + kParameterHeader + 4> octets_{};
    size_t length_ = 0;
};

// header: as the ABORT goes out (ports of the packet it answers swapped by the caller).
// tag_reflected sets the T bit: the verification tag is the one of the packet answered, because the
// peer's own is not known. RFC 9260, 8.5.1: an ABORT that answers an INIT carries its initiate tag
// and T = 0.
[[nodiscard]] AbortPacket build_abort(const CommonHeader& header, bool tag_reflected,
                                      std::optional<uint16_t> cause);

// header: as the ERROR goes out; microseconds: how long the cookie has been past its lifetime.
[[nodiscard]] AbortPacket build_stale_cookie(const CommonHeader& header, uint32_t microseconds);

// The error cause of an ABORT's or ERROR's first cause, for logs; empty when there is none.
[[nodiscard]] std::optional<uint16_t> first_error_cause(std::span<const uint8_t> packet);

}  // namespace sdg::packet
