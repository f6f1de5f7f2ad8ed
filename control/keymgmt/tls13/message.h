// User messages of key-management method 192: PPID 4242, stream 0, ordered
// (draft-porfiri-tsvwg-sctp-dtls-handshake, "TLS Message Transport").
//
// First octet: T (1 bit) and the low seven bits of the epoch that the handshake makes. T=0: one or
// more complete TLS records follow. T=1: a control message, one octet of type and its data.
// Pure functions, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "foundation/result.h"

namespace sdg::keymgmt::tls13 {

inline constexpr uint8_t kControlBit = 0x80;
inline constexpr uint8_t kEpochBits = 0x7f;
inline constexpr uint8_t kProtectionEstablished = 0x01;

struct KeyMessage {
    enum class Kind { records, protection_established };
    Kind kind = Kind::records;
    uint8_t epoch = 0;                 // low seven bits
    std::span<const uint8_t> records;  // of Kind::records: whole TLS records, at least one
    // The first record is a handshake record in clear that begins with a ClientHello.
    bool begins_with_client_hello = false;
};

// The view refers to the octets given. protocol: empty, an unknown control message, a control
// message with data it may not have, or anything but whole TLS records.
[[nodiscard]] Result<KeyMessage> parse_message(std::span<const uint8_t> octets);

[[nodiscard]] std::vector<uint8_t> records_message(uint16_t epoch,
                                                   std::span<const uint8_t> records);
[[nodiscard]] std::vector<uint8_t> protection_established_message(uint16_t epoch);

}  // namespace sdg::keymgmt::tls13
