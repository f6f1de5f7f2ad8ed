#include "dataplane/packet/sctp.h"

namespace sdg::packet {
namespace {

// Draft, section "DTLS Chunk": fixed bits 001, no connection id, 16-bit number, no length.
constexpr uint8_t kRecordHeaderMask = 0xfc;
constexpr uint8_t kRecordHeader = 0x28;

}  // namespace

DropReason check_chunks(std::span<const uint8_t> packet) {
    if (packet.size() < kCommonHeader + kChunkHeader) {
        return DropReason::sctp_truncated;
    }
    // Nearly every packet is one whole DTLS chunk.
    const uint8_t* first = packet.data() + kCommonHeader;
    const uint16_t first_length = load_be16(first + 2);
    if (first[0] == kChunkDtls && first_length >= kDtlsChunkMinimum &&
        padded_to_4(first_length) == packet.size() - kCommonHeader) [[likely]] {
        return (first[kChunkHeader + 1] & kRecordHeaderMask) == kRecordHeader
                   ? DropReason::none
                   : DropReason::dtls_malformed;
    }
    ChunkCursor cursor = chunks_of(packet);
    size_t chunks = 0;
    bool has_dtls = false;
    bool dtls_well_formed = true;
    while (const auto chunk = cursor.next()) {
        ++chunks;
        if (chunk->type == kChunkDtls) {
            has_dtls = true;
            // Octet 0 of the value is the pre-padding, which the receiver ignores.
            dtls_well_formed = chunk->length >= kDtlsChunkMinimum &&
                               (chunk->value[1] & kRecordHeaderMask) == kRecordHeader;
        }
    }
    // What follows a DTLS chunk counts as bundled even when it is not a whole chunk: nothing may.
    if (has_dtls && (chunks > 1 || cursor.malformed())) {
        return DropReason::dtls_bundled;
    }
    if (cursor.malformed()) {
        return DropReason::chunk_malformed;
    }
    return dtls_well_formed ? DropReason::none : DropReason::dtls_malformed;
}

bool has_other_user_data(std::span<const uint8_t> packet, uint32_t ppid) {
    // RFC 9260, section 3.3.1: TSN, stream, sequence number, PPID.
    constexpr size_t kStreamOffset = 4;
    constexpr size_t kPpidOffset = 8;
    constexpr size_t kDataFields = 12;
    ChunkCursor cursor = chunks_of(packet);
    while (const auto chunk = cursor.next()) {
        if (chunk->type == kChunkIData) {
            return true;
        }
        if (chunk->type == kChunkData &&
            (chunk->value.size() < kDataFields || (chunk->flags & kDataFlagUnordered) != 0 ||
             load_be16(chunk->value.data() + kStreamOffset) != 0 ||
             load_be32(chunk->value.data() + kPpidOffset) != ppid)) {
            return true;
        }
    }
    return cursor.malformed();
}

}  // namespace sdg::packet
