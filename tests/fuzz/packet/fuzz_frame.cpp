// Any frame: parse, then what the worker does next.
#include <vector>

#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "tests/fuzz/packet/require.h"

using sdg::fuzz::require;
using namespace sdg::packet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ParsedPacket parsed = parse({data, size});
    require((parsed.kind == FrameKind::dropped) == (parsed.reason != DropReason::none));
    if (const uint16_t usual = usual_sctp_length({data, size}); usual != 0) {
        require(parsed.kind == FrameKind::sctp && parsed.ip_version == 4);
        require(parsed.l4_offset == kUsualSctpOffset && parsed.l4_length == usual);
        require(parsed.vlan == kNoVlan);
    }
    if (parsed.kind == FrameKind::dropped) {
        return 0;
    }
    require(parsed.l3_offset <= parsed.l4_offset);
    require(size_t{parsed.l4_offset} + parsed.l4_length <= size);
    if (parsed.kind != FrameKind::sctp) {
        return 0;
    }
    std::vector<uint8_t> packet(data + parsed.l4_offset,
                                data + parsed.l4_offset + parsed.l4_length);
    require(packet.size() >= kCommonHeader + kChunkHeader);
    require(parsed.first_chunk == packet[kCommonHeader]);
    (void)checksum_ok(packet);
    set_checksum(packet);
    require(checksum_ok(packet));

    const DropReason reason = check_chunks(packet);
    ChunkCursor cursor = chunks_of(packet);
    size_t octets = kCommonHeader;
    while (const auto chunk = cursor.next()) {
        require(chunk->value.size() + kChunkHeader == chunk->length);
        octets += padded_to_4(chunk->length);
        if (reason == DropReason::none && chunk->type == kChunkDtls) {
            require(octets >= packet.size() && chunk->length >= kDtlsChunkMinimum);
        }
    }
    require(octets < packet.size() + 4);
    require(reason == DropReason::none || reason == DropReason::chunk_malformed ||
            reason == DropReason::dtls_bundled || reason == DropReason::dtls_malformed);
    require(!cursor.malformed() || reason != DropReason::none);
    return 0;
}
