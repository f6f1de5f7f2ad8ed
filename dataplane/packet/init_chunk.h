// INIT and INIT ACK: reading, and rewriting of their parameters (RFC 9260, 3.3.2 and 3.3.3).
//
// The control plane adds the DTLS Key Management parameter to what usrsctp sends, takes it out of
// what it is given, and wraps the State Cookie. All functions work on whole SCTP packets (common
// header first), are pure, and leave the packet as it was when they fail. The checksum field is
// never touched. After a rewrite every parameter but the last is padded with zeros on the wire, the
// last one is padded too, and the chunk length leaves out that last padding.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/packet/key_management_parameter.h"
#include "dataplane/packet/sctp.h"

namespace sdg::packet {

enum class InitError : uint8_t {
    not_an_init,           // truncated, another chunk type, or bundled with another chunk
    parameters_malformed,  // a parameter's length does not fit
    parameter_absent,      // nothing to replace
    too_long,              // the chunk length would not fit 16 bits, or the limit given
};
[[nodiscard]] std::string_view description(InitError error);

class InitView {
 public:
    // The packet's only chunk must be an INIT or INIT ACK whose parameters can all be walked
    // (RFC 9260, 3.3.2: neither may be bundled).
    [[nodiscard]] static tl::expected<InitView, InitError> parse(std::span<const uint8_t> packet);

    [[nodiscard]] CommonHeader header() const { return read_common_header(packet_.data()); }
    [[nodiscard]] bool is_ack() const { return packet_[kCommonHeader] == kChunkInitAck; }
    [[nodiscard]] uint32_t initiate_tag() const { return load_be32(fixed()); }
    [[nodiscard]] uint32_t receiver_window() const { return load_be32(fixed() + 4); }
    [[nodiscard]] uint16_t outbound_streams() const { return load_be16(fixed() + 8); }
    [[nodiscard]] uint16_t inbound_streams() const { return load_be16(fixed() + 10); }
    [[nodiscard]] uint32_t initial_tsn() const { return load_be32(fixed() + 12); }
    [[nodiscard]] ParameterCursor parameters() const { return ParameterCursor(parameters_); }
    [[nodiscard]] std::optional<ParameterView> find(uint16_t type) const;
    [[nodiscard]] size_t count(uint16_t type) const;
    [[nodiscard]] std::optional<std::span<const uint8_t>> state_cookie() const;
    // absent when there is none, duplicated when there are several.
    [[nodiscard]] tl::expected<KeyManagementParameter, KeyManagementError> key_management() const {
        return KeyManagementParameter::find_in(parameters());
    }

 private:
    InitView() = default;
    [[nodiscard]] const uint8_t* fixed() const {
        return packet_.data() + kCommonHeader + kChunkHeader;
    }
    std::span<const uint8_t> packet_;
    std::span<const uint8_t> parameters_;
};

// Octets that a packet may grow to by any rewrite.
inline constexpr size_t kMaxInitPacket = kCommonHeader + 65535;

// Returns how many were removed (0 is no error).
tl::expected<size_t, InitError> remove_parameters(std::vector<uint8_t>& packet, uint16_t type);
// parameter: from its type on, without padding; its length field must be right.
tl::expected<void, InitError> append_parameter(std::vector<uint8_t>& packet,
                                               std::span<const uint8_t> parameter);
// Replaces the value of the (only) State Cookie; it stays where it is among the parameters.
tl::expected<void, InitError> replace_state_cookie(std::vector<uint8_t>& packet,
                                                   std::span<const uint8_t> cookie);

// The cookie of a packet whose first chunk is COOKIE ECHO (other chunks may follow).
[[nodiscard]] std::optional<std::span<const uint8_t>> echoed_cookie(
    std::span<const uint8_t> packet);
// Replaces that cookie. keep_tail: chunks bundled behind it stay; otherwise they are cut off.
tl::expected<void, InitError> replace_echoed_cookie(std::vector<uint8_t>& packet,
                                                    std::span<const uint8_t> cookie,
                                                    bool keep_tail);
// Cuts everything behind the first chunk off (its padding stays); false when the first chunk is
// malformed.
bool keep_first_chunk_only(std::vector<uint8_t>& packet);

}  // namespace sdg::packet
