// Any octets as a capture: one frame of a link type that the first octet chooses, as a list of
// frames of which messages are put together, and as a file.
#include <pcap/pcap.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "endpoint/captured_messages.h"
#include "tests/fuzz/packet/require.h"

namespace {

using namespace sdg::endpoint;
using sdg::fuzz::require;

constexpr std::array kLinkTypes = {DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW,  DLT_IPV4,
                                   DLT_IPV6,   DLT_NULL,      DLT_LOOP,       DLT_USER0};

// Frames with a length in two octets before each.
void as_frames(int link_type, std::span<const uint8_t> input) {
    MessageCollector collector;
    size_t octets = 0;
    while (input.size() >= 2) {
        const size_t length = std::min<size_t>(size_t{input[0]} << 8 | input[1], input.size() - 2);
        const auto frame = input.subspan(2, length);
        input = input.subspan(2 + length);
        SctpPacketView view;
        if (parse_frame(link_type, frame, view) != FrameOutcome::sctp) {
            continue;
        }
        require(view.chunks.empty() ||
                (view.chunks.data() >= frame.data() &&
                 view.chunks.data() + view.chunks.size() <= frame.data() + frame.size()));
        octets += view.chunks.size();
        collector.add(view);
    }
    size_t collected = 0;
    for (const auto& one : collector.finish(CaptureSide::both).messages) {
        collected += one.bytes.size();
    }
    require(collected <= octets);
}

void as_file(std::span<const uint8_t> input) {
    const int file = ::memfd_create("capture", MFD_CLOEXEC);
    require(file >= 0);
    require(::write(file, input.data(), input.size()) == static_cast<ssize_t>(input.size()));
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    for (const auto side : {CaptureSide::initiator, CaptureSide::responder, CaptureSide::both}) {
        const auto read = captured_messages(path, side);
        require(read || !read.error().message.empty());
    }
    ::close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::span<const uint8_t> input(data + 1, size - 1);
    if (const size_t which = data[0] % (kLinkTypes.size() + 1); which < kLinkTypes.size()) {
        as_frames(kLinkTypes[which], input);
    } else {
        as_file(input);
    }
    return 0;
}
