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

}  // namespace sdg::packet
