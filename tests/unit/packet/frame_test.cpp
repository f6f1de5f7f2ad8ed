#include "dataplane/packet/frame.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "dataplane/packet/crc32c.h"
#include "foundation/random.h"
#include "tests/unit/packet/captured_packets.h"

namespace sdg::packet {
namespace {

using test::ethernet;
using test::from_hex;
using test::ipv4;
using test::ipv6;

using Octets = std::vector<uint8_t>;

// Parses a heap copy of exactly that size, so that the address sanitizer sees any overrun.
ParsedPacket parse_exact(const Octets& frame, size_t length) {
    const auto copy = std::make_unique<uint8_t[]>(length);
    std::copy_n(frame.begin(), length, copy.get());
    return parse({copy.get(), length});
}

DropReason reason_of(const Octets& frame) {
    const ParsedPacket parsed = parse_exact(frame, frame.size());
    EXPECT_EQ(parsed.kind == FrameKind::dropped, parsed.reason != DropReason::none);
    return parsed.reason;
}

Octets extension(uint8_t next, size_t length = 8, uint8_t segments_left = 0) {
    Octets octets(length);
    octets[0] = next;
    octets[1] = static_cast<uint8_t>(length / 8 - 1);
    octets[3] = segments_left;
    return octets;
}

Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// A whole frame of a public capture (an ISUP exchange).
TEST(Frame, captured_frame) {
    const Octets frame = from_hex(
        "0001af0c069600a080005e4608004500004cc3a94000ff8496f60a1c062c0a1c062a0b590b597df33f490972"
        "0ae10003002c000010d30000028300000003010001010000001c00020012c502ede05bd5002f02000384e3f4"
        "0000");
    const ParsedPacket parsed = parse(frame);
    EXPECT_EQ(parsed.kind, FrameKind::sctp);
    EXPECT_EQ(parsed.reason, DropReason::none);
    EXPECT_EQ(parsed.ip_version, 4);
    EXPECT_EQ(parsed.vlan, kNoVlan);
    EXPECT_EQ(parsed.l3_offset, 14);
    EXPECT_EQ(parsed.l4_offset, 34);
    EXPECT_EQ(parsed.l4_length, 56);
    EXPECT_EQ(parsed.first_chunk, kChunkData);
    const CommonHeader header = read_common_header(frame.data() + parsed.l4_offset);
    EXPECT_EQ(header.source_port, 2905);
    EXPECT_EQ(header.destination_port, 2905);
    EXPECT_EQ(header.verification_tag, 0x7df33f49U);
}

TEST(Frame, ethernet_padding_is_not_part_of_the_packet) {
    const ParsedPacket parsed =
        parse(ethernet("0800", ipv4(test::captured_cookie_ack()) + Octets(24)));
    EXPECT_EQ(parsed.kind, FrameKind::sctp);
    EXPECT_EQ(parsed.l4_length, 16);
    EXPECT_EQ(parsed.first_chunk, kChunkCookieAck);
}

TEST(Frame, vlan_tags) {
    const Octets packet = ipv4(test::captured_init());
    const ParsedPacket one = parse(ethernet("8100 a123 0800", packet));
    EXPECT_EQ(one.kind, FrameKind::sctp);
    EXPECT_EQ(one.vlan, 0x123);
    EXPECT_EQ(one.inner_vlan, kNoVlan);
    EXPECT_EQ(one.l4_offset, 38);
    const ParsedPacket two = parse(ethernet("88a8 0007 8100 0fff 0800", packet));
    EXPECT_EQ(two.kind, FrameKind::sctp);
    EXPECT_EQ(two.vlan, 7);
    EXPECT_EQ(two.inner_vlan, 0xfff);
    EXPECT_EQ(two.l4_offset, 42);
    const ParsedPacket priority = parse(ethernet("8100 e000 0800", packet));
    EXPECT_EQ(priority.kind, FrameKind::sctp);
    EXPECT_EQ(priority.vlan, kNoVlan);
    EXPECT_EQ(reason_of(ethernet("8100 0001 8100 0002 8100 0003 0800", packet)),
              DropReason::ethertype_unknown);
}

TEST(Frame, arp_and_others) {
    const ParsedPacket arp = parse(ethernet("0806", Octets(28)));
    EXPECT_EQ(arp.kind, FrameKind::arp);
    EXPECT_EQ(arp.l4_offset, 14);
    EXPECT_EQ(arp.l4_length, 28);
    EXPECT_EQ(reason_of(ethernet("88cc", Octets(46))), DropReason::ethertype_unknown);
    // A length instead of a type: 802.3, not Ethernet II.
    EXPECT_EQ(reason_of(ethernet("0026", Octets(46))), DropReason::ethertype_unknown);
}

TEST(Frame, icmp_belongs_to_its_ip_version) {
    EXPECT_EQ(parse(ethernet("0800", ipv4(Octets(8), 1))).kind, FrameKind::icmp);
    EXPECT_EQ(parse(ethernet("86dd", ipv6(Octets(8), 58))).kind, FrameKind::icmp6);
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(Octets(8), 58))), DropReason::ip_protocol);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6(Octets(8), 1))), DropReason::ip_protocol);
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(Octets(8), 17))), DropReason::ip_protocol);
}

TEST(Frame, ipv4_options_are_skipped) {
    const ParsedPacket parsed = parse(
        ethernet("0800", ipv4(test::captured_init(), 132, 0x4000, from_hex("94040000 01010101"))));
    EXPECT_EQ(parsed.kind, FrameKind::sctp);
    EXPECT_EQ(parsed.l4_offset, 14 + 28);
    EXPECT_EQ(parsed.l4_length, 48);
}

TEST(Frame, ipv4_malformed) {
    const Octets good = ipv4(test::captured_init());
    Octets bad = good;
    bad[0] = 0x65;  // version
    EXPECT_EQ(reason_of(ethernet("0800", bad)), DropReason::ipv4_malformed);
    bad = good;
    bad[0] = 0x44;  // header shorter than 20 octets
    EXPECT_EQ(reason_of(ethernet("0800", bad)), DropReason::ipv4_malformed);
    bad = good;
    bad[0] = 0x4f;  // header of 60 octets: longer than its checksum covers, and total allows
    EXPECT_EQ(reason_of(ethernet("0800", bad)), DropReason::ipv4_checksum);
    bad = good;
    store_be16(bad.data() + 2, 19);
    EXPECT_EQ(reason_of(ethernet("0800", bad)), DropReason::ipv4_malformed);
    bad = good;
    store_be16(bad.data() + 2, static_cast<uint16_t>(good.size() + 1));
    EXPECT_EQ(reason_of(ethernet("0800", bad)), DropReason::ipv4_malformed);
    for (size_t octet = 1; octet < kIpv4Header; ++octet) {
        bad = good;
        bad[octet] ^= octet == 2 || octet == 3 ? uint8_t{0} : uint8_t{0x10};
        EXPECT_EQ(reason_of(ethernet("0800", bad)),
                  bad == good ? DropReason::none : DropReason::ipv4_checksum);
    }
}

TEST(Frame, internet_checksum_of_any_length) {
    SeededRandom random(4);
    Octets octets(1501);
    random.fill(octets);
    for (size_t length = 0; length <= octets.size(); ++length) {
        uint32_t sum = 0x1234;
        for (size_t i = 0; i < length; ++i) {
            sum += i % 2 == 0 ? octets[i] * 256U : octets[i];
            sum = (sum & 0xffff) + (sum >> 16);
        }
        ASSERT_EQ(internet_checksum(std::span(octets).first(length), 0x1234),
                  static_cast<uint16_t>(~sum));
    }
    EXPECT_EQ(internet_checksum(Octets(65535, 0xff), 0xffffffff), 0x00ff);
}

TEST(Frame, fragments_are_refused) {
    for (const uint16_t field : {uint16_t{0x2000}, uint16_t{0x2001}, uint16_t{0x1fff}}) {
        EXPECT_EQ(reason_of(ethernet("0800", ipv4(test::captured_init(), 132, field))),
                  DropReason::ip_fragment);
    }
    // Also when it is a later fragment's ICMP or anything else.
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(Octets(8), 1, 0x2000))), DropReason::ip_fragment);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6(extension(132) + test::captured_init(), 44))),
              DropReason::ip_fragment);
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(test::captured_init(), 132, 0x0000))),
              DropReason::none);
}

TEST(Frame, ipv6_extension_headers_are_stepped_over) {
    const ParsedPacket plain = parse(ethernet("86dd", ipv6(test::captured_init())));
    EXPECT_EQ(plain.kind, FrameKind::sctp);
    EXPECT_EQ(plain.ip_version, 6);
    EXPECT_EQ(plain.l4_offset, 54);
    EXPECT_EQ(plain.l4_length, 48);
    const ParsedPacket parsed =
        parse(ethernet("86dd", ipv6(extension(60) + extension(43, 16) + extension(60, 24) +
                                        extension(132) + test::captured_init(),
                                    0)));
    EXPECT_EQ(parsed.kind, FrameKind::sctp);
    EXPECT_EQ(parsed.l4_offset, 54 + 8 + 16 + 24 + 8);
    EXPECT_EQ(parsed.l4_length, 48);
}

TEST(Frame, ipv6_malformed) {
    Octets bad = ipv6(test::captured_init());
    bad[0] = 0x40;
    EXPECT_EQ(reason_of(ethernet("86dd", bad)), DropReason::ipv6_malformed);
    bad = ipv6(test::captured_init());
    store_be16(bad.data() + 4, 49);
    EXPECT_EQ(reason_of(ethernet("86dd", bad)), DropReason::ipv6_malformed);
    // Extension longer than the packet, cut inside its first eight octets.
    bad = ipv6(extension(132, 64), 60);
    bad[kIpv6Header + 1] = 8;
    EXPECT_EQ(reason_of(ethernet("86dd", bad)), DropReason::ipv6_malformed);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6(Octets(7), 60))), DropReason::ipv6_malformed);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6({}, 60))), DropReason::ipv6_malformed);
    // Hop-by-hop anywhere but first, and segments left.
    EXPECT_EQ(reason_of(ethernet("86dd",
                                 ipv6(extension(0) + extension(132) + test::captured_init(), 60))),
              DropReason::ipv6_malformed);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6(extension(132, 8, 1) + test::captured_init(), 43))),
              DropReason::ipv6_malformed);
}

TEST(Frame, ipv6_extension_headers_are_bounded) {
    Octets chain;
    for (unsigned i = 0; i + 1 < kMaxIpv6Extensions; ++i) {
        chain = chain + extension(60);
    }
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6(chain + extension(132) + test::captured_init(), 60))),
              DropReason::none);
    EXPECT_EQ(
        reason_of(ethernet(
            "86dd", ipv6(chain + extension(60) + extension(132) + test::captured_init(), 60))),
        DropReason::ipv6_malformed);
}

TEST(Frame, sctp_ports_and_length) {
    Octets packet = test::captured_cookie_ack();
    packet[0] = packet[1] = 0;
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(packet))), DropReason::sctp_ports);
    packet = test::captured_cookie_ack();
    packet[2] = packet[3] = 0;
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(packet))), DropReason::sctp_ports);
    packet = test::captured_cookie_ack();
    packet.pop_back();
    EXPECT_EQ(reason_of(ethernet("0800", ipv4(packet))), DropReason::sctp_truncated);
    EXPECT_EQ(reason_of(ethernet("86dd", ipv6({}))), DropReason::sctp_truncated);
}

TEST(Frame, cut_at_every_length) {
    const std::vector<Octets> frames = {
        ethernet("0800", ipv4(test::captured_init())),
        ethernet("88a8 0007 8100 0fff 0800",
                 ipv4(test::captured_init(), 132, 0, from_hex("01010101"))),
        ethernet("86dd", ipv6(extension(43) + extension(132) + test::captured_init(), 0)),
        ethernet("0806", Octets(28)),
    };
    for (const Octets& frame : frames) {
        EXPECT_EQ(reason_of(frame), DropReason::none);
        for (size_t length = 0; length < frame.size(); ++length) {
            const ParsedPacket parsed = parse_exact(frame, length);
            if (parsed.kind != FrameKind::arp) {
                EXPECT_NE(parsed.reason, DropReason::none) << length;
            }
        }
        EXPECT_EQ(parse_exact(frame, 0).reason, DropReason::ethernet_truncated);
        EXPECT_EQ(parse_exact(frame, 13).reason, DropReason::ethernet_truncated);
    }
    EXPECT_EQ(parse_exact(frames[1], 15).reason, DropReason::ethernet_truncated);
    EXPECT_EQ(parse_exact(frames[1], 21).reason, DropReason::ethernet_truncated);
}

TEST(Frame, offsets_stay_inside_the_frame_whatever_the_octets) {
    SeededRandom random(3);
    const std::vector<Octets> frames = {
        ethernet("8100 0005 0800", ipv4(test::captured_init())),
        ethernet("86dd", ipv6(extension(60) + extension(132) + test::captured_init(), 0))};
    for (int round = 0; round < 20'000; ++round) {
        Octets frame = frames[random.u32() % frames.size()];
        frame.resize(random.u32() % frame.size() + 1);
        for (unsigned flips = random.u32() % 4; flips > 0; --flips) {
            frame[random.u32() % frame.size()] = static_cast<uint8_t>(random.u32());
        }
        const ParsedPacket parsed = parse_exact(frame, frame.size());
        if (parsed.kind != FrameKind::dropped) {
            ASSERT_LE(size_t{parsed.l4_offset} + parsed.l4_length, frame.size());
            ASSERT_LE(parsed.l3_offset, parsed.l4_offset);
        }
    }
}

// The short way and the long way on a good frame and on every single-octet change of its headers:
// what the short way takes the long way takes for the same, and it takes what it is there for.
TEST(Frame, the_usual_frame_is_the_same_both_ways) {
    const Octets good = ethernet("0800", ipv4(test::captured_cookie_ack()));
    const auto check = [](const Octets& frame) {
        const ParsedPacket parsed = parse_exact(frame, frame.size());
        const uint16_t usual = usual_sctp_length(frame);
        const bool is_usual = parsed.kind == FrameKind::sctp &&
                              parsed.l4_offset == kUsualSctpOffset && parsed.ip_version == 4 &&
                              parsed.vlan == kNoVlan;
        EXPECT_EQ(usual != 0, is_usual);
        if (is_usual) {
            EXPECT_EQ(usual, parsed.l4_length);
        }
    };
    for (size_t at = 0; at < good.size(); ++at) {
        for (int value = 0; value < 256; ++value) {
            Octets changed = good;
            changed[at] = static_cast<uint8_t>(value);
            check(changed);
            // And with a header checksum that is right again.
            uint8_t* ip = changed.data() + kEthernetHeader;
            store_be16(ip + 10, 0);
            store_be16(ip + 10, internet_checksum({ip, kIpv4Header}));
            check(changed);
        }
    }
    for (size_t length = 0; length <= good.size(); ++length) {
        check(Octets(good.begin(), good.begin() + static_cast<long>(length)));
    }
    check(good + Octets(20));  // link padding
}

}  // namespace
}  // namespace sdg::packet
