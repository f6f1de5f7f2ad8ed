// Any frame: parse, then what the worker does next.
#include <vector>

#include "dataplane/packet/code_points.h"
#include "dataplane/packet/crc32c.h"
#include "dataplane/packet/frame.h"
#include "tests/fuzz/packet/require.h"

using sdg::fuzz::require;
using namespace sdg::packet;

namespace {

// An octet of padding changes no sum, and a sum put behind makes the whole 0.
void check_internet_checksum(std::span<const uint8_t> octets) {
    std::vector<uint8_t> summed(octets.begin(), octets.end());
    const uint16_t sum = internet_checksum(summed);
    if (summed.size() % 2 != 0) {
        summed.push_back(0);
        require(internet_checksum(summed) == sum);
    }
    summed.resize(summed.size() + 2);
    store_be16(summed.data() + summed.size() - 2, sum);
    require(internet_checksum(summed) == 0);
}

}  // namespace

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
    const std::span<const uint8_t> l4(data + parsed.l4_offset, parsed.l4_length);
    check_internet_checksum(l4);
    if (parsed.kind != FrameKind::sctp) {
        return 0;
    }
    std::vector<uint8_t> packet(l4.begin(), l4.end());
    require(packet.size() >= kCommonHeader + kChunkHeader);
    require(parsed.first_chunk == packet[kCommonHeader]);
    (void)checksum_ok(packet);
    set_checksum(packet);
    require(checksum_ok(packet));

    const DropReason reason = check_chunks(packet);
    ChunkCursor cursor = chunks_of(packet);
    size_t octets = kCommonHeader;
    size_t data_chunks = 0;
    while (const auto chunk = cursor.next()) {
        require(chunk->value.size() + kChunkHeader == chunk->length);
        octets += padded_to_4(chunk->length);
        if (reason == DropReason::none && chunk->type == kChunkDtls) {
            require(octets >= packet.size() && chunk->length >= kDtlsChunkMinimum);
        }
        data_chunks += chunk->type == kChunkData || chunk->type == kChunkIData ? 1 : 0;
    }
    require(octets < packet.size() + 4);
    require(reason == DropReason::none || reason == DropReason::chunk_malformed ||
            reason == DropReason::dtls_bundled || reason == DropReason::dtls_malformed);
    require(!cursor.malformed() || reason != DropReason::none);
    // What may pass before there are keys: messages of key management, and nothing that is cut.
    const bool other = has_other_user_data(packet, kPpidKeyManagement);
    require(other || !cursor.malformed());
    require(!other || cursor.malformed() || data_chunks != 0);
    return 0;
}
