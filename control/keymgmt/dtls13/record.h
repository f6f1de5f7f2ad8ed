// The two record forms on the wire, without any cryptography (RFC 9147, section 4).
//
// Views refer to the datagram given. Pure, any thread.
#pragma once

#include <compare>
#include <optional>

#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/codec.h"

namespace sdg::keymgmt::dtls13 {

inline constexpr size_t kMaxPlaintext = size_t{1} << 14;
inline constexpr size_t kMaxCiphertext = kMaxPlaintext + 256;
inline constexpr size_t kClearHeader = 13;
// The form we send: no connection ID, 16 bits of the sequence number, a length.
inline constexpr size_t kUnifiedHeader = 5;

// What an ACK names: two integers of 64 bits each (section 4).
struct RecordNumber {
    uint64_t epoch = 0;
    uint64_t sequence = 0;
    friend auto operator<=>(const RecordNumber&, const RecordNumber&) = default;
};

// DTLSPlaintext or DTLSCiphertext as found in a datagram.
struct WireRecord {
    bool is_protected = false;
    // DTLSPlaintext.
    ContentType type = ContentType::invalid;
    RecordNumber number;
    // DTLSCiphertext; the sequence number is still encrypted.
    uint8_t epoch_bits = 0;
    size_t sequence_length = 0;  // octets: 1 or 2, right behind the first
    View header;

    View payload;  // fragment or encrypted_record
};

// Takes the next record off the datagram. Nothing: the rest of the datagram is not a record of
// DTLS 1.3 without connection IDs, and must be thrown away.
[[nodiscard]] std::optional<WireRecord> take_record(View& datagram);

// Appends a DTLSPlaintext record of epoch 0.
void append_clear_record(Octets& datagram, ContentType type, uint64_t sequence, View content);

// RFC 9147, section 7. Nothing: not an ACK's form. At most `most` numbers are returned.
[[nodiscard]] std::optional<std::vector<RecordNumber>> parse_ack(View content, size_t most);
[[nodiscard]] Octets ack_content(std::span<const RecordNumber> numbers);

}  // namespace sdg::keymgmt::dtls13
