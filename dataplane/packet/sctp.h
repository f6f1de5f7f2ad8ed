// Views of an SCTP packet (RFC 9260, section 3): common header, chunks, parameters and causes.
//
// All views point into the caller's octets and are valid as long as those are. Lengths have been
// checked when a view is handed out. Integers in results are host byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/packet/byte_order.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/drop_reason.h"

namespace sdg::packet {

inline constexpr size_t kCommonHeader = 12;
inline constexpr size_t kChecksumOffset = 8;
inline constexpr size_t kChunkHeader = 4;
inline constexpr size_t kParameterHeader = 4;
// Fixed part of INIT and INIT ACK behind the chunk header.
inline constexpr size_t kInitFixed = 16;
// DTLS chunk: chunk header, pre-padding, record header; then at least content type and tag.
inline constexpr size_t kDtlsChunkHeaders = 8;
inline constexpr size_t kDtlsChunkMinimum = kDtlsChunkHeaders + 17;

struct CommonHeader {
    uint16_t source_port = 0;
    uint16_t destination_port = 0;
    uint32_t verification_tag = 0;
};

// packet: at least kCommonHeader octets.
[[nodiscard]] inline CommonHeader read_common_header(const uint8_t* packet) {
    return {load_be16(packet), load_be16(packet + 2), load_be32(packet + 4)};
}

// Leaves the checksum field zero: see crc32c.h.
inline void write_common_header(uint8_t* packet, const CommonHeader& header) {
    store_be16(packet, header.source_port);
    store_be16(packet + 2, header.destination_port);
    store_be32(packet + 4, header.verification_tag);
    store_be32(packet + kChecksumOffset, 0);
}

struct ChunkView {
    uint8_t type = 0;
    uint8_t flags = 0;
    uint16_t length = 0;             // header included, padding excluded
    std::span<const uint8_t> value;  // length - 4 octets
    std::span<const uint8_t> wire;   // length octets, header included

    static constexpr size_t kHeader = kChunkHeader;
    static ChunkView at(const uint8_t* octets, uint16_t length) {
        return {
            octets[0], octets[1], length, {octets + kHeader, length - kHeader}, {octets, length}};
    }
};

// Parameters of INIT and INIT ACK, and error causes: both are type (16), length (16), value.
struct ParameterView {
    uint16_t type = 0;
    uint16_t length = 0;
    std::span<const uint8_t> value;
    std::span<const uint8_t> wire;

    static constexpr size_t kHeader = kParameterHeader;
    static ParameterView at(const uint8_t* octets, uint16_t length) {
        return {load_be16(octets), length, {octets + kHeader, length - kHeader}, {octets, length}};
    }
};

// Walks type-length-value items on the four-octet grid. The last item may lack its padding
// (RFC 9260, 3.2: the padding of the last one is not always counted); everything else that does not
// fit makes the walk end with malformed().
template <class View>
class TlvCursor {
 public:
    explicit TlvCursor(std::span<const uint8_t> items) : rest_(items) {}

    [[nodiscard]] std::optional<View> next() {
        if (rest_.empty() || malformed_) {
            return std::nullopt;
        }
        if (rest_.size() < View::kHeader) {
            malformed_ = true;
            return std::nullopt;
        }
        const uint16_t length = load_be16(rest_.data() + 2);
        if (length < View::kHeader || length > rest_.size()) {
            malformed_ = true;
            return std::nullopt;
        }
        const View view = View::at(rest_.data(), length);
        const size_t step = padded_to_4(length);
        rest_ = step < rest_.size() ? rest_.subspan(step) : std::span<const uint8_t>{};
        return view;
    }
    [[nodiscard]] bool malformed() const { return malformed_; }
    [[nodiscard]] bool at_end() const { return rest_.empty() && !malformed_; }

 private:
    std::span<const uint8_t> rest_;
    bool malformed_ = false;
};

using ChunkCursor = TlvCursor<ChunkView>;
using ParameterCursor = TlvCursor<ParameterView>;

// Chunks of a whole SCTP packet; empty when it is shorter than the common header.
[[nodiscard]] inline ChunkCursor chunks_of(std::span<const uint8_t> packet) {
    return ChunkCursor(packet.size() > kCommonHeader ? packet.subspan(kCommonHeader)
                                                     : std::span<const uint8_t>{});
}

// True for a packet whose first chunk is a DTLS chunk. Call on at least 16 octets.
[[nodiscard]] inline bool starts_with_dtls_chunk(const uint8_t* packet) {
    return packet[kCommonHeader] == kChunkDtls;
}

// Walks all chunks: none, sctp_truncated, chunk_malformed, or for DTLS chunks dtls_bundled (in any
// position next to another chunk) and dtls_malformed (record header other than 0b001010EE, or too
// short for content type and tag). To be called after the checksum has been found right.
[[nodiscard]] DropReason check_chunks(std::span<const uint8_t> packet);

// Whether a packet of whole chunks has a DATA or I-DATA chunk that does not carry this PPID on
// stream 0, ordered. What cannot be read counts as such.
[[nodiscard]] bool has_other_user_data(std::span<const uint8_t> packet, uint32_t ppid);

}  // namespace sdg::packet
