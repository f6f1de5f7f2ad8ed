// The DTLS Key Management parameter 0x8006 of INIT and INIT ACK
// (draft-ietf-tsvwg-sctp-dtls-chunk, section "DTLS Key Management Parameter").
//
// A value that holds the octets as they are on the wire (header included, padding excluded,
// reserved flag bits as received), because "downgrade prevention data" is made of exactly those;
// everything else is read out of them. No allocation, copyable, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/sctp.h"

namespace sdg::packet {

enum class KeyManagementError : uint8_t {
    absent,            // no such parameter
    wrong_type,        // parameter type other than 0x8006
    too_short,         // length below 10: not even one method
    length_mismatch,   // length field contradicts the octets given
    too_many_methods,  // more than kMaxMethods
    duplicated,        // more than one such parameter in the chunk
    no_methods,        // create(): empty list
    malformed_chunk,   // the parameter list around it cannot be walked
};
[[nodiscard]] std::string_view description(KeyManagementError error);

class KeyManagementParameter {
 public:
    static constexpr size_t kFixed = 9;  // header, tie breaker, flags
    static constexpr size_t kMaxMethods = 246;
    static constexpr size_t kMaxLength = kFixed + kMaxMethods;

    // flags: kKmFlag... bits only; methods: most preferred first, 1..kMaxMethods.
    [[nodiscard]] static tl::expected<KeyManagementParameter, KeyManagementError> create(
        uint32_t tie_breaker, uint8_t flags, std::span<const uint8_t> methods);
    // wire: the parameter from its type on, without or with its (ignored) padding.
    [[nodiscard]] static tl::expected<KeyManagementParameter, KeyManagementError> parse(
        std::span<const uint8_t> wire);
    // Finds and parses the one parameter in the parameters of an INIT or INIT ACK.
    [[nodiscard]] static tl::expected<KeyManagementParameter, KeyManagementError> find_in(
        ParameterCursor parameters);

    [[nodiscard]] uint32_t tie_breaker() const { return load_be32(octets_.data() + 4); }
    // R, S and C; the reserved bits are left out.
    [[nodiscard]] uint8_t flags() const {
        return octets_[8] & (kKmFlagRestart | kKmFlagServer | kKmFlagClient);
    }
    [[nodiscard]] bool restart() const { return (flags() & kKmFlagRestart) != 0; }
    [[nodiscard]] bool server() const { return (flags() & kKmFlagServer) != 0; }
    [[nodiscard]] bool client() const { return (flags() & kKmFlagClient) != 0; }
    // Most preferred first.
    [[nodiscard]] std::span<const uint8_t> methods() const { return wire().subspan(kFixed); }
    [[nodiscard]] bool lists(uint8_t method) const;
    // As on the wire, padding excluded: length() octets.
    [[nodiscard]] std::span<const uint8_t> wire() const { return {octets_.data(), length_}; }
    [[nodiscard]] size_t length() const { return length_; }

    friend bool operator==(const KeyManagementParameter& a, const KeyManagementParameter& b);

 private:
    KeyManagementParameter() = default;

    std::array<uint8_t, kMaxLength> octets_{};
    uint16_t length_ = 0;
};

}  // namespace sdg::packet
