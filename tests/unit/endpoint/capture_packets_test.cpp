#include "endpoint/capture_packets.h"

#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "endpoint/user_message.h"

namespace sdg::endpoint {
namespace {

Bytes operator+(Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

const Bytes kSctp = {0x96, 0x0c, 0x0b, 0x59, 1, 2, 3, 4, 0, 0, 0, 0, 11, 0, 0, 4};

Bytes ipv4(const Bytes& payload, uint16_t fragment = 0, uint8_t protocol = 132) {
    const auto total = static_cast<uint16_t>(20 + payload.size());
    return Bytes{0x45,
                 0,
                 static_cast<uint8_t>(total >> 8),
                 static_cast<uint8_t>(total),
                 0,
                 0,
                 static_cast<uint8_t>(fragment >> 8),
                 static_cast<uint8_t>(fragment),
                 64,
                 protocol,
                 0,
                 0,
                 10,
                 0,
                 0,
                 1,
                 10,
                 0,
                 0,
                 2} +
           payload;
}

Bytes ipv6(uint8_t next, const Bytes& payload) {
    Bytes header(40);
    header[0] = 0x60;
    header[5] = static_cast<uint8_t>(payload.size());
    header[6] = next;
    header[8] = 0xfd;
    header[23] = 1;
    header[24] = 0xfd;
    header[39] = 2;
    return header + payload;
}

Bytes ethernet(const Bytes& type, const Bytes& payload) {
    return Bytes(12) + type + payload;
}

void expect_sctp(int link_type, const Bytes& frame, const char* from = "10.0.0.1:38412") {
    SctpPacketView view;
    ASSERT_EQ(parse_frame(link_type, frame, view), FrameOutcome::sctp);
    EXPECT_EQ(view.from.to_string(), from);
    EXPECT_EQ(view.to.port, 2905);
    EXPECT_EQ(view.verification_tag, 0x01020304U);
    EXPECT_EQ(Bytes(view.chunks.begin(), view.chunks.end()), (Bytes{11, 0, 0, 4}));
}

TEST(CapturePackets, every_link_type_is_taken_off) {
    const Bytes packet = ipv4(kSctp);
    expect_sctp(DLT_EN10MB, ethernet({0x08, 0x00}, packet));
    expect_sctp(DLT_EN10MB, ethernet({0x81, 0x00, 0, 5, 0x08, 0x00}, packet));
    expect_sctp(DLT_EN10MB, ethernet({0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 0x08, 0x00}, packet));
    expect_sctp(DLT_LINUX_SLL, Bytes(14) + Bytes{0x08, 0x00} + packet);
    expect_sctp(DLT_LINUX_SLL2, Bytes{0x08, 0x00} + Bytes(18) + packet);
    expect_sctp(DLT_RAW, packet);
    expect_sctp(DLT_NULL, Bytes{2, 0, 0, 0} + packet);
}

TEST(CapturePackets, ipv6_extension_headers_are_skipped) {
    expect_sctp(DLT_RAW, ipv6(132, kSctp), "[fd00::1]:38412");
    expect_sctp(DLT_RAW,
                ipv6(0, Bytes{60, 0, 0, 0, 0, 0, 0, 0} + Bytes{132, 0, 0, 0, 0, 0, 0, 0} + kSctp),
                "[fd00::1]:38412");
}

TEST(CapturePackets, ethernet_padding_is_no_chunk) {
    expect_sctp(DLT_EN10MB, ethernet({0x08, 0x00}, ipv4(kSctp) + Bytes(10)));
}

TEST(CapturePackets, what_is_not_sctp_is_told_apart) {
    SctpPacketView view;
    EXPECT_EQ(parse_frame(DLT_RAW, ipv4(kSctp, 0, 6), view), FrameOutcome::foreign);
    EXPECT_EQ(parse_frame(DLT_RAW, ipv4(kSctp, 0x2000), view), FrameOutcome::fragment);
    EXPECT_EQ(parse_frame(DLT_RAW, ipv4(kSctp, 0x0001), view), FrameOutcome::fragment);
    EXPECT_EQ(parse_frame(DLT_RAW, ipv6(44, kSctp), view), FrameOutcome::fragment);
    EXPECT_EQ(parse_frame(DLT_RAW, ipv6(6, kSctp), view), FrameOutcome::foreign);
    EXPECT_EQ(parse_frame(DLT_EN10MB, ethernet({0x08, 0x06}, Bytes(28)), view),
              FrameOutcome::foreign);
    EXPECT_EQ(parse_frame(DLT_IEEE802_11, ipv4(kSctp), view), FrameOutcome::foreign);
}

TEST(CapturePackets, cut_at_any_length_it_is_never_sctp_nor_read_past_its_end) {
    const Bytes v4 = ethernet({0x81, 0x00, 0, 5, 0x08, 0x00}, ipv4(kSctp));
    const Bytes v6 = ethernet({0x86, 0xdd}, ipv6(0, Bytes{132, 0, 0, 0, 0, 0, 0, 0} + kSctp));
    for (const Bytes& whole : {v4, v6}) {
        for (size_t length = 0; length < whole.size(); ++length) {
            const Bytes exact(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            SctpPacketView view;
            EXPECT_EQ(parse_frame(DLT_EN10MB, exact, view), FrameOutcome::cut) << length;
        }
    }
}

TEST(CapturePackets, a_lying_header_is_cut_not_sctp) {
    SctpPacketView view;
    Bytes packet = ipv4(kSctp);
    packet[0] = 0x44;  // header shorter than 20
    EXPECT_EQ(parse_frame(DLT_RAW, packet, view), FrameOutcome::cut);
    packet[0] = 0x4f;  // header longer than the packet
    EXPECT_EQ(parse_frame(DLT_RAW, packet, view), FrameOutcome::cut);
    packet = ipv4(kSctp);
    packet[3] = 19;  // total length shorter than the header
    EXPECT_EQ(parse_frame(DLT_RAW, packet, view), FrameOutcome::cut);
}

TEST(CapturePackets, foreign_files_are_clear_errors) {
    const auto none = read_capture("/nonexistent.pcap", [](const SctpPacketView&) {});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().message, "capture /nonexistent.pcap: No such file or directory");
    const auto text = read_capture(NGAP_EXCHANGE, [](const SctpPacketView&) {});
    ASSERT_FALSE(text);
    EXPECT_NE(text.error().message.find("unknown file format"), std::string::npos);
}

class ScratchFile {
 public:
    ScratchFile()
        : path_(std::filesystem::temp_directory_path() /
                ("endpoint_test_" + std::to_string(getpid()) + ".pcap")) {}
    ~ScratchFile() { std::filesystem::remove(path_); }
    ScratchFile(const ScratchFile&) = delete;
    ScratchFile& operator=(const ScratchFile&) = delete;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(const std::string& content) const {
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
    }

 private:
    std::filesystem::path path_;
};

TEST(CapturePackets, a_file_cut_anywhere_gives_its_whole_packets_and_says_so) {
    std::ifstream in(FIXTURES "/isup.pcap", std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    ASSERT_GT(whole.size(), 100U);
    const ScratchFile scratch;
    size_t most = 0;
    for (size_t length = 0; length <= whole.size(); length += 7) {
        scratch.write(whole.substr(0, length));
        const auto counts = read_capture(scratch.path(), [](const SctpPacketView&) {});
        EXPECT_EQ(counts.has_value(), length >= 24) << length;
        if (counts) {
            EXPECT_GE(counts->packets, most);
            most = counts->packets;
        }
    }
    scratch.write(whole.substr(0, whole.size() - 1));
    const auto counts = read_capture(scratch.path(), [](const SctpPacketView&) {});
    ASSERT_TRUE(counts);
    EXPECT_EQ(counts->packets, 5U);
    EXPECT_TRUE(counts->file_cut);
}

TEST(CapturePackets, an_unknown_link_type_is_named) {
    std::ifstream in(FIXTURES "/isup.pcap", std::ios::binary);
    std::string whole((std::istreambuf_iterator<char>(in)), {});  // big endian
    whole[23] = static_cast<char>(DLT_IEEE802_11);
    const ScratchFile scratch;
    scratch.write(whole);
    const auto counts = read_capture(scratch.path(), [](const SctpPacketView&) {});
    ASSERT_FALSE(counts);
    EXPECT_NE(counts.error().message.find("link type IEEE802_11"), std::string::npos);
}

}  // namespace
}  // namespace sdg::endpoint
