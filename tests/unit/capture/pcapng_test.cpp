// Blocks octet by octet, as draft-ietf-opsawg-pcapng draws them.
#include "control/capture/pcapng.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sdg::capture {
namespace {

std::string hex_of(const std::vector<uint8_t>& octets) {
    std::string out;
    for (const uint8_t octet : octets) {
        out += fmt::format("{:02x}", octet);
    }
    return out;
}

template <class What>
std::string block(const What& what) {
    std::vector<uint8_t> out;
    append(out, what);
    return hex_of(out);
}

TEST(Pcapng, a_section_header_has_byte_order_version_comments_and_application) {
    EXPECT_EQ(block(Section{.application = "sdg", .comments = {"lab", "x"}}),
              "0a0d0d0a38000000"    // type, length 56
              "4d3c2b1a01000000"    // byte order, version 1.0
              "ffffffffffffffff"    // length not known
              "010003006c616200"    // comment "lab"
              "0100010078000000"    // comment "x"
              "0400030073646700"    // application
              "0000000038000000");  // end of options, length
    EXPECT_EQ(block(Section{}), "0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000");
}

TEST(Pcapng, an_interface_has_link_type_snap_names_resolution_and_filter) {
    EXPECT_EQ(block(Interface{.link = kLinkEthernet,
                              .snap = 256,
                              .name = "p0",
                              .description = "leg",
                              .filter = "ip",
                              .comments = {"c"}}),
              "0100000040000000"  // type, length
              "0100000000010000"  // Ethernet, reserved, 256
              "0100010063000000"  // comment
              "0200020070300000"  // name
              "030003006c656700"  // description
              "0900010009000000"  // 10^-9 s
              "0b00030000697000"  // filter: 0, "ip"
              "0000000040000000");
}

TEST(Pcapng, a_packet_has_time_lengths_padding_comment_and_direction) {
    const std::vector<uint8_t> octets{1, 2, 3, 4, 5};
    EXPECT_EQ(block(Packet{.interface = 1,
                           .time = WallTimeNs(0x0123456789abcdef),
                           .outbound = true,
                           .length = 60,
                           .octets = octets,
                           .comment = "z"}),
              "060000003c000000"
              "01000000"
              "67452301efcdab89"  // upper half, lower half
              "050000003c000000"  // captured, length
              "0102030405000000"  // padded
              "010001007a000000"  // comment
              "0200040002000000"  // outbound
              "000000003c000000");
    EXPECT_NE(block(Packet{.octets = octets, .comment = {}}).find("0200040001000000"),
              std::string::npos)
        << "inbound";
}

TEST(Pcapng, statistics_tell_what_was_not_kept) {
    EXPECT_EQ(block(Statistics{.interface = 2,
                               .begun = WallTimeNs(1),
                               .ended = WallTimeNs(2),
                               .written = 5,
                               .not_kept = 3,
                               .comment = {}}),
              "050000004c000000"
              "020000000000000002000000"
              "020008000000000001000000"  // begun
              "030008000000000002000000"  // ended
              "040008000800000000000000"  // received: 8
              "050008000300000000000000"  // dropped: 3
              "000000004c000000");
}

TEST(Pcapng, secrets_are_typed_and_padded) {
    std::vector<uint8_t> out;
    const std::string line = "DTLS_CHUNK\n";
    append_secrets(out, kSecretsTlsKeyLog,
                   {reinterpret_cast<const uint8_t*>(line.data()), line.size()});
    EXPECT_EQ(hex_of(out), "0a000000200000004b534c540b00000044544c535f4348554e4b0a0020000000");
}

TEST(Pcapng, whole_blocks_end_within_the_length) {
    std::vector<uint8_t> two;
    append(two, Section{});
    const size_t first = two.size();
    append(two, Interface{});
    EXPECT_EQ(whole_blocks(two, two.size()), two.size());
    EXPECT_EQ(whole_blocks(two, two.size() - 1), first);
    EXPECT_EQ(whole_blocks(two, first), first);
    EXPECT_EQ(whole_blocks(two, first - 1), 0U);
    EXPECT_EQ(whole_blocks(two, 0), 0U);
    EXPECT_EQ(whole_blocks({}, 100), 0U);
}

TEST(Pcapng, a_text_longer_than_an_option_is_cut) {
    std::vector<uint8_t> out;
    append(out, Section{.application = std::string(200'000, 'a'), .comments = {}});
    EXPECT_EQ(whole_blocks(out, out.size()), out.size());
    EXPECT_LT(out.size(), 70'000U);
}

}  // namespace
}  // namespace sdg::capture
