#include "endpoint/captured_messages.h"

#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

const TransportAddress kClient = TransportAddress::parse("10.0.0.1:1000").value();
const TransportAddress kServer = TransportAddress::parse("10.0.0.2:2000").value();

constexpr uint8_t kBegin = 2;
constexpr uint8_t kEnd = 1;
constexpr uint8_t kUnordered = 4;

void put32(Bytes& out, uint32_t value) {
    for (const int shift : {24, 16, 8, 0}) {
        out.push_back(static_cast<uint8_t>(value >> shift));
    }
}

Bytes chunk(uint8_t type, uint8_t flags, const Bytes& value) {
    const size_t length = 4 + value.size();
    Bytes out = {type, flags, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
    out.insert(out.end(), value.begin(), value.end());
    out.resize((out.size() + 3) & ~size_t{3});
    return out;
}

Bytes data(uint32_t tsn, uint8_t flags, const Bytes& payload, uint16_t stream = 1,
           uint32_t ppid = 60) {
    Bytes value;
    put32(value, tsn);
    put32(value, uint32_t{stream} << 16);
    put32(value, ppid);
    value.insert(value.end(), payload.begin(), payload.end());
    return chunk(0, flags, value);
}

class CapturedMessages : public testing::Test {
 protected:
    void from_client(const Bytes& chunks, uint32_t tag = 7) {
        collector_.add({kClient, kServer, tag, chunks});
    }
    void from_server(const Bytes& chunks, uint32_t tag = 8) {
        collector_.add({kServer, kClient, tag, chunks});
    }
    MessageCollector collector_;
};

TEST_F(CapturedMessages, whole_messages_keep_stream_order_flag_and_ppid) {
    Bytes bundle = data(1, kBegin | kEnd, {1, 2, 3}, 5, 46);
    const Bytes second = data(2, kBegin | kEnd | kUnordered, {4}, 6, 47);
    bundle.insert(bundle.end(), second.begin(), second.end());
    from_client(bundle);
    const auto out = collector_.finish(CaptureSide::initiator);
    ASSERT_EQ(out.messages.size(), 2U);
    EXPECT_EQ(out.messages[0], (UserMessage{5, true, 46, {1, 2, 3}}));
    EXPECT_EQ(out.messages[1], (UserMessage{6, false, 47, {4}}));
}

TEST_F(CapturedMessages, fragments_join_by_tsn_in_any_order_and_across_the_wrap) {
    from_client(data(0xffffffff, 0, {2}));
    from_client(data(0, kEnd, {3}));
    from_client(data(0xfffffffe, kBegin, {1}));
    const auto out = collector_.finish(CaptureSide::initiator);
    ASSERT_EQ(out.messages.size(), 1U);
    EXPECT_EQ(out.messages[0].bytes, (Bytes{1, 2, 3}));
    EXPECT_EQ(out.incomplete, 0U);
}

TEST_F(CapturedMessages, a_missing_fragment_leaves_only_its_message_out) {
    from_client(data(1, kBegin, {1}));
    from_client(data(3, kEnd, {3}));
    from_client(data(4, kBegin | kEnd, {4}));
    const auto out = collector_.finish(CaptureSide::initiator);
    ASSERT_EQ(out.messages.size(), 1U);
    EXPECT_EQ(out.messages[0].bytes, Bytes{4});
    EXPECT_EQ(out.incomplete, 2U);
}

TEST_F(CapturedMessages, fragments_of_neighbouring_messages_do_not_mix) {
    from_client(data(1, kBegin, {1}));  // its end is missing
    from_client(data(2, kBegin, {2}));  // begins another one
    from_client(data(3, kEnd, {3}));
    from_client(data(4, kEnd, {4}));  // its beginning is missing
    const auto out = collector_.finish(CaptureSide::initiator);
    ASSERT_EQ(out.messages.size(), 1U);
    EXPECT_EQ(out.messages[0].bytes, (Bytes{2, 3}));
    EXPECT_EQ(out.incomplete, 2U);
}

TEST_F(CapturedMessages, retransmissions_count_once) {
    from_client(data(1, kBegin | kEnd, {1}));
    from_client(data(1, kBegin | kEnd, {1}));
    const auto out = collector_.finish(CaptureSide::initiator);
    EXPECT_EQ(out.messages.size(), 1U);
    EXPECT_EQ(out.duplicates, 1U);
}

TEST_F(CapturedMessages, a_restarted_association_with_the_same_tsns_is_another_one) {
    from_client(data(1, kBegin | kEnd, {1}), 7);
    from_client(data(1, kBegin | kEnd, {2}), 9);
    EXPECT_EQ(collector_.finish(CaptureSide::initiator).messages.size(), 2U);
}

TEST_F(CapturedMessages, init_beats_cookie_echo_beats_first_data) {
    from_server(data(1, kBegin | kEnd, {9}));
    from_client(data(1, kBegin | kEnd, {1}));
    from_client(chunk(10, 0, {1, 2, 3, 4}));
    auto by_cookie = collector_;
    from_server(chunk(1, 0, Bytes(16)));
    EXPECT_EQ(by_cookie.finish(CaptureSide::initiator).messages[0].bytes, Bytes{1});
    EXPECT_EQ(collector_.finish(CaptureSide::initiator).messages[0].bytes, Bytes{9});
}

TEST_F(CapturedMessages, sides_can_be_chosen) {
    from_client(data(1, kBegin | kEnd, {1}));
    from_server(data(1, kBegin | kEnd, {2}));
    from_client(data(2, kBegin | kEnd, {3}));
    auto responder = collector_;
    auto both = collector_;
    const auto initiator = collector_.finish(CaptureSide::initiator);
    EXPECT_EQ(initiator.messages.size(), 2U);
    EXPECT_EQ(initiator.other_side, 1U);
    EXPECT_EQ(responder.finish(CaptureSide::responder).messages.size(), 1U);
    EXPECT_EQ(both.finish(CaptureSide::both).messages.size(), 3U);
}

TEST_F(CapturedMessages, bad_chunks_end_their_packet_only) {
    from_client({0, 3, 0});                           // shorter than a chunk header
    from_client({0, 3, 0, 3});                        // length below the header's
    from_client({0, 3, 0, 200, 1, 2, 3, 4});          // length beyond the packet
    from_client(chunk(0, kBegin | kEnd, Bytes(12)));  // DATA without an octet
    from_client(data(1, kBegin | kEnd, {1}));
    const auto out = collector_.finish(CaptureSide::initiator);
    EXPECT_EQ(out.messages.size(), 1U);
    EXPECT_EQ(out.malformed, 4U);
}

TEST_F(CapturedMessages, i_data_is_counted_not_replayed) {
    from_client(chunk(64, 3, Bytes(20)));
    EXPECT_EQ(collector_.finish(CaptureSide::both).interleaved, 1U);
}

TEST(CapturedFiles, the_fixtures_give_their_messages) {
    const auto isup = captured_messages(FIXTURES "/isup.pcap", CaptureSide::both);
    ASSERT_TRUE(isup) << isup.error().message;
    EXPECT_EQ(isup->messages.size(), 6U);
    EXPECT_EQ(isup->messages[0].ppid, 3U);  // M3UA
    const auto forces = captured_messages(FIXTURES "/forces3.pcap", CaptureSide::initiator);
    ASSERT_TRUE(forces);
    EXPECT_EQ(forces->messages.size(), 15U);
    EXPECT_EQ(forces->other_side, 16U);
}

TEST(CapturedFiles, no_message_is_an_error_that_says_what_was_there) {
    const auto text = captured_messages(NGAP_EXCHANGE, CaptureSide::both);
    EXPECT_FALSE(text);
}

}  // namespace
}  // namespace sdg::endpoint
