// Any octets as a frame that a capture takes without lab: what is to be kept lies within the frame,
// headers of the link are untouched, no user message of a plain packet is left, and what is left
// stays as it is when it is done again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "control/capture/user_data.h"
#include "dataplane/packet/code_points.h"
#include "dataplane/packet/frame.h"

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

// Of a sound packet: every user message but those of key management is zeros.
void require_no_user_data(std::span<const uint8_t> sctp) {
    auto chunks = sdg::packet::chunks_of(sctp);
    while (const auto chunk = chunks.next()) {
        constexpr size_t kDataHeader = 12;  // behind the chunk header
        if (chunk->type != sdg::packet::kChunkData || chunk->value.size() <= kDataHeader ||
            sdg::packet::load_be32(chunk->value.data() + 8) == sdg::packet::kPpidKeyManagement) {
            continue;
        }
        require(std::ranges::all_of(chunk->value.subspan(kDataHeader),
                                    [](uint8_t octet) { return octet == 0; }));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::vector<uint8_t> frame(data, data + size);
    const auto first = sdg::capture::remove_user_data(frame);
    require(first.kept <= size);
    require(std::equal(frame.begin(),
                       frame.begin() + static_cast<ptrdiff_t>(std::min<size_t>(size, 14)), data));
    frame.resize(first.kept);
    const sdg::packet::ParsedPacket parsed = sdg::packet::parse(frame);
    if (parsed.kind == sdg::packet::FrameKind::sctp) {
        require_no_user_data(
            std::span<const uint8_t>(frame).subspan(parsed.l4_offset, parsed.l4_length));
    }
    std::vector<uint8_t> again = frame;
    const auto second = sdg::capture::remove_user_data(again);
    require(second.kept <= first.kept);
    require(std::equal(again.begin(), again.begin() + static_cast<ptrdiff_t>(second.kept),
                       frame.begin()));
    return 0;
}
