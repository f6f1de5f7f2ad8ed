#include "dataplane/packet/sctp.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "dataplane/packet/reader.h"
#include "tests/unit/packet/captured_packets.h"

namespace sdg::packet {
namespace {

using test::dtls_packet;
using test::from_hex;
using Octets = std::vector<uint8_t>;

DropReason check_exact(const Octets& packet, size_t length) {
    const auto copy = std::make_unique<uint8_t[]>(length);
    std::copy_n(packet.begin(), length, copy.get());
    return check_chunks({copy.get(), length});
}

DropReason check(const Octets& packet) {
    return check_exact(packet, packet.size());
}

Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

TEST(Reader, stops_at_the_end_and_stays_failed) {
    const Octets octets = from_hex("01 0203 04050607 08");
    Reader reader(octets);
    EXPECT_EQ(reader.u8(), 1);
    EXPECT_EQ(reader.be16(), 0x0203);
    EXPECT_EQ(reader.be32(), 0x04050607U);
    EXPECT_EQ(reader.left(), 1U);
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.be16(), 0);
    EXPECT_FALSE(reader.ok());
    EXPECT_EQ(reader.u8(), 0);
    EXPECT_TRUE(reader.bytes(1).empty());
    EXPECT_EQ(reader.offset(), 7U);
}

TEST(Reader, length_near_the_top_of_size_t_does_not_wrap) {
    const Octets octets(4);
    Reader reader(octets);
    reader.skip(2);
    EXPECT_TRUE(reader.bytes(SIZE_MAX).empty());
    EXPECT_FALSE(reader.ok());
}

TEST(Sctp, common_header_round_trip) {
    Octets octets(kCommonHeader, 0xee);
    write_common_header(octets.data(), {0x1234, 0x5678, 0x9abcdef0});
    EXPECT_EQ(octets, from_hex("1234 5678 9abcdef0 00000000"));
    const CommonHeader header = read_common_header(octets.data());
    EXPECT_EQ(header.source_port, 0x1234);
    EXPECT_EQ(header.destination_port, 0x5678);
    EXPECT_EQ(header.verification_tag, 0x9abcdef0U);
}

TEST(Chunks, walk_with_padding) {
    const Octets packet =
        Octets(kCommonHeader) + from_hex("0a010007 aabbcc00  0b000004  00020006 dddd");
    ChunkCursor cursor = chunks_of(packet);
    auto chunk = cursor.next();
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->type, 10);
    EXPECT_EQ(chunk->flags, 1);
    EXPECT_EQ(chunk->length, 7);
    EXPECT_EQ(Octets(chunk->value.begin(), chunk->value.end()), from_hex("aabbcc"));
    EXPECT_EQ(chunk->wire.size(), 7U);
    chunk = cursor.next();
    ASSERT_TRUE(chunk);
    EXPECT_TRUE(chunk->value.empty());
    // The last chunk may lack its padding.
    chunk = cursor.next();
    ASSERT_TRUE(chunk);
    EXPECT_EQ(chunk->value.size(), 2U);
    EXPECT_TRUE(cursor.at_end());
    EXPECT_FALSE(cursor.next());
    EXPECT_FALSE(cursor.malformed());
    EXPECT_EQ(check(packet), DropReason::none);
}

TEST(Chunks, malformed_lengths) {
    for (const char* chunks :
         {"00000003", "00000000 00000000", "00000009 00000000", "0000ffff 00000000",
          "0b000004 0b0000", "0b000004 0b", "0b000006 aabb00"}) {
        const Octets packet = Octets(kCommonHeader) + from_hex(chunks);
        ChunkCursor cursor = chunks_of(packet);
        while (cursor.next()) {
        }
        const bool lacks_padding =
            packet.size() == kCommonHeader + 7 && packet[12] == 0x0b && packet[15] == 6;
        EXPECT_EQ(cursor.malformed(), !lacks_padding) << chunks;
        EXPECT_EQ(check(packet), lacks_padding ? DropReason::none : DropReason::chunk_malformed)
            << chunks;
    }
}

TEST(Chunks, nothing_behind_the_common_header) {
    EXPECT_TRUE(chunks_of(Octets(kCommonHeader)).at_end());
    EXPECT_TRUE(chunks_of(Octets(5)).at_end());
    EXPECT_EQ(check(Octets(kCommonHeader)), DropReason::sctp_truncated);
    EXPECT_EQ(check(Octets(15)), DropReason::sctp_truncated);
    EXPECT_EQ(check({}), DropReason::sctp_truncated);
}

TEST(Chunks, dtls_chunk_alone_is_fine) {
    for (size_t record = 17; record < 40; ++record) {
        for (unsigned epoch_bits = 0; epoch_bits < 4; ++epoch_bits) {
            EXPECT_EQ(check(dtls_packet(record, static_cast<uint8_t>(0x28 | epoch_bits))),
                      DropReason::none);
        }
    }
    EXPECT_TRUE(starts_with_dtls_chunk(dtls_packet().data()));
    // Post-padding that is missing altogether, and pre-padding other than zero (ignored).
    Octets packet = dtls_packet(21);
    packet.resize(packet.size() - 3);
    packet[kCommonHeader + kChunkHeader] = 0xff;
    EXPECT_EQ(check(packet), DropReason::none);
}

TEST(Chunks, dtls_chunk_bundled_anywhere) {
    const Octets cookie_ack = from_hex("0b000004");
    const Octets packet = dtls_packet();
    const Octets chunk(packet.begin() + kCommonHeader, packet.end());
    EXPECT_EQ(check(packet + cookie_ack), DropReason::dtls_bundled);
    EXPECT_EQ(check(Octets(kCommonHeader) + cookie_ack + chunk), DropReason::dtls_bundled);
    EXPECT_EQ(check(packet + chunk), DropReason::dtls_bundled);
    // Trailing octets that are no chunk, bundled or not: nothing may follow.
    EXPECT_EQ(check(packet + from_hex("00")), DropReason::dtls_bundled);
    EXPECT_EQ(check(packet + from_hex("0b000009")), DropReason::dtls_bundled);
}

TEST(Chunks, dtls_record_header_has_one_form) {
    for (unsigned header = 0; header < 256; ++header) {
        EXPECT_EQ(check(dtls_packet(20, static_cast<uint8_t>(header))),
                  (header & 0xfc) == 0x28 ? DropReason::none : DropReason::dtls_malformed);
    }
    for (size_t record = 0; record < 17; ++record) {
        EXPECT_EQ(check(dtls_packet(record)), DropReason::dtls_malformed) << record;
    }
    // A chunk header and nothing in it.
    EXPECT_EQ(check(Octets(kCommonHeader) + from_hex("41000004")), DropReason::dtls_malformed);
}

TEST(Chunks, cut_at_every_length) {
    for (const Octets& packet : {test::captured_init_ack(), dtls_packet(20),
                                 test::captured_cookie_echo() + from_hex("0b000004")}) {
        EXPECT_EQ(check(packet), DropReason::none);
        for (size_t length = 0; length < packet.size(); ++length) {
            if (length != packet.size() - 4 || packet[length] != kChunkCookieAck) {
                EXPECT_NE(check_exact(packet, length), DropReason::none) << length;
            }
        }
    }
}

TEST(OtherUserData, is_all_but_ordered_messages_of_the_ppid_on_stream_0) {
    const Octets header = from_hex("96 0c 96 0c 00 00 00 01 00 00 00 00");
    const Octets data = from_hex("00 03 0011 00000001 0000 0001 00001092 aa 000000");  // PPID 4242
    const Octets sack = from_hex("03 00 0010 00000001 00010000 0000 0000");
    const auto changed = [&](size_t offset, uint8_t to) {
        Octets out = data;
        out[offset] = to;
        return out;
    };
    EXPECT_FALSE(has_other_user_data(header + data, kPpidKeyManagement));
    EXPECT_FALSE(has_other_user_data(header + sack, kPpidKeyManagement));
    EXPECT_FALSE(has_other_user_data(header + sack + data + data, kPpidKeyManagement));
    EXPECT_TRUE(has_other_user_data(header + changed(15, 0x93), kPpidKeyManagement)) << "PPID";
    EXPECT_TRUE(has_other_user_data(header + changed(9, 1), kPpidKeyManagement)) << "stream";
    EXPECT_TRUE(has_other_user_data(header + changed(1, 7), kPpidKeyManagement)) << "unordered";
    EXPECT_TRUE(has_other_user_data(header + changed(0, 64), kPpidKeyManagement)) << "I-DATA";
    EXPECT_TRUE(has_other_user_data(header + data + changed(15, 0), kPpidKeyManagement));
    EXPECT_TRUE(has_other_user_data(header + from_hex("00 03 0008 00000001"), kPpidKeyManagement))
        << "cut short";
    EXPECT_TRUE(has_other_user_data(header + data + from_hex("00 03"), kPpidKeyManagement))
        << "what cannot be read";
}

}  // namespace
}  // namespace sdg::packet
