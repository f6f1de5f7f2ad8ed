#include "dataplane/record/dtls_chunk.h"

#include "tests/unit/record/fixture.h"

namespace sdg::record {
namespace {

// A chunk around a record of the given length whose octets after the header are 0x11.
Octets chunk_around(uint32_t length_of_record, bool restart = false) {
    Octets chunk(padded_to_4(kRecordOffset + length_of_record), 0xee);
    std::fill_n(chunk.begin() + kRecordOffset, length_of_record, uint8_t{0x11});
    chunk[kRecordOffset] = 0x2b;
    EXPECT_EQ(write_dtls_chunk(chunk.data(), restart, length_of_record), chunk.size());
    return chunk;
}

DtlsChunkError error_of(Octets chunk) {
    const auto view = parse_dtls_chunk(chunk);
    EXPECT_FALSE(view.has_value());
    return view ? DtlsChunkError{} : view.error();
}

TEST(DtlsChunk, has_the_draft_s_octets) {
    const Octets chunk = chunk_around(kMinRecord, true);
    const Octets start{0x41, 0x01, 0x00, 0x19, 0x00, 0x2b, 0x11};
    EXPECT_TRUE(std::equal(start.begin(), start.end(), chunk.begin()));
    EXPECT_EQ(chunk.size(), 28U);
    EXPECT_EQ((Octets{chunk.end() - 4, chunk.end()}), (Octets{0x11, 0, 0, 0}));
}

TEST(DtlsChunk, costs_25_to_28_octets) {
    EXPECT_EQ(kMinOverhead, 25U);
    EXPECT_EQ(kMaxOverhead, 28U);
    for (uint32_t content = 4; content < 2000; ++content) {
        const uint32_t overhead = dtls_chunk_length(content) - content;
        EXPECT_GE(overhead, kMinOverhead);
        EXPECT_LE(overhead, kMaxOverhead);
        EXPECT_EQ(dtls_chunk_length(content) % 4, 0U);
    }
    // SCTP chunks end on multiples of 4.
    EXPECT_EQ(dtls_chunk_length(256) - 256, kMaxOverhead);
}

TEST(DtlsChunk, parses_what_it_writes) {
    for (const uint32_t length :
         {kMinRecord, kMinRecord + 1, kMinRecord + 2, kMinRecord + 3, 1000U, kMaxRecord}) {
        Octets chunk = chunk_around(length, length % 2 == 0);
        const auto view = parse_dtls_chunk(chunk);
        ASSERT_TRUE(view.has_value()) << length;
        EXPECT_EQ(view->record.data(), chunk.data() + kRecordOffset);
        EXPECT_EQ(view->record.size(), length);
        EXPECT_EQ(view->restart, length % 2 == 0);
        EXPECT_EQ(view->epoch_low, 3);
    }
}

TEST(DtlsChunk, ignores_reserved_flags_and_padding) {
    Octets chunk = chunk_around(kMinRecord);
    chunk[1] = 0xfe;
    chunk[4] = 0xff;
    chunk.back() = 0xff;
    const auto view = parse_dtls_chunk(chunk);
    ASSERT_TRUE(view.has_value());
    EXPECT_FALSE(view->restart);
    chunk[1] = 0xff;
    EXPECT_TRUE(parse_dtls_chunk(chunk)->restart);
}

TEST(DtlsChunk, accepts_missing_post_padding_but_nothing_behind_it) {
    const Octets whole = chunk_around(kMinRecord);
    for (size_t cut = 1; cut <= 3; ++cut) {
        Octets chunk{whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(cut)};
        EXPECT_TRUE(parse_dtls_chunk(chunk).has_value()) << cut;
    }
    Octets longer = whole;
    longer.push_back(0);
    EXPECT_EQ(error_of(longer), DtlsChunkError::length_mismatch);
}

TEST(DtlsChunk, refuses_every_truncation) {
    const Octets whole = chunk_around(kMinRecord + 10);
    const size_t length = kRecordOffset + kMinRecord + 10;
    for (size_t size = 0; size < length; ++size) {
        Octets chunk{whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_FALSE(parse_dtls_chunk(chunk).has_value()) << size;
    }
}

TEST(DtlsChunk, refuses_every_other_length) {
    Octets chunk = chunk_around(kMinRecord + 40);
    const uint32_t right = kRecordOffset + kMinRecord + 40;
    for (uint32_t length = 0; length <= 0xffff; ++length) {
        chunk[2] = static_cast<uint8_t>(length >> 8);
        chunk[3] = static_cast<uint8_t>(length);
        const bool same_padded_length = padded_to_4(length) == padded_to_4(right);
        EXPECT_EQ(parse_dtls_chunk(chunk).has_value(), same_padded_length && length <= chunk.size())
            << length;
    }
}

TEST(DtlsChunk, refuses_other_types_and_header_forms) {
    Octets chunk = chunk_around(kMinRecord);
    for (uint32_t first = 0; first <= 0xff; ++first) {
        chunk[kRecordOffset] = static_cast<uint8_t>(first);
        const auto view = parse_dtls_chunk(chunk);
        EXPECT_EQ(view.has_value(), first >= 0x28 && first <= 0x2b) << first;
        if (!view) {
            EXPECT_EQ(view.error(), DtlsChunkError::header_form);
        } else {
            EXPECT_EQ(view->epoch_low, first & 3);
        }
    }
    chunk[0] = 0x40;
    EXPECT_EQ(error_of(chunk), DtlsChunkError::wrong_type);
}

TEST(DtlsChunk, refuses_more_than_a_record_may_hold) {
    Octets chunk = chunk_around(kMaxRecord);
    EXPECT_TRUE(parse_dtls_chunk(chunk).has_value());
    EXPECT_EQ(error_of(chunk_around(kMaxRecord + 1)), DtlsChunkError::too_long);
}

TEST(DtlsChunk, every_error_has_a_description) {
    for (const auto error :
         {DtlsChunkError::wrong_type, DtlsChunkError::too_short, DtlsChunkError::length_mismatch,
          DtlsChunkError::header_form, DtlsChunkError::too_long}) {
        EXPECT_NE(description(error), "unknown");
    }
}

}  // namespace
}  // namespace sdg::record
