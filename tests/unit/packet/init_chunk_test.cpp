#include "dataplane/packet/init_chunk.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/unit/packet/captured_packets.h"

namespace sdg::packet {
namespace {

using test::captured_cookie_echo;
using test::captured_init;
using test::captured_init_ack;
using test::from_hex;
using Octets = std::vector<uint8_t>;

Octets key_management(size_t methods) {
    const auto parameter = KeyManagementParameter::create(7, 3, Octets(methods, 0));
    return {parameter->wire().begin(), parameter->wire().end()};
}

uint16_t chunk_length(const Octets& packet) {
    return load_be16(packet.data() + kCommonHeader + 2);
}

TEST(InitChunk, captured_init_is_read) {
    const Octets packet = captured_init();
    const auto init = InitView::parse(packet);
    ASSERT_TRUE(init);
    EXPECT_FALSE(init->is_ack());
    EXPECT_EQ(init->header().source_port, 33985);
    EXPECT_EQ(init->header().destination_port, 6704);
    EXPECT_EQ(init->initiate_tag(), 0x94d02198U);
    EXPECT_EQ(init->receiver_window(), 0xe000U);
    EXPECT_EQ(init->outbound_streams(), 1);
    EXPECT_EQ(init->inbound_streams(), 1);
    EXPECT_EQ(init->initial_tsn(), 0xe55ce946U);
    EXPECT_EQ(init->count(0x000c), 1U);
    EXPECT_EQ(init->count(0xc000), 1U);
    EXPECT_EQ(init->find(0x000c)->value.size(), 2U);
    EXPECT_FALSE(init->state_cookie());
    EXPECT_EQ(init->key_management().error(), KeyManagementError::absent);
}

TEST(InitChunk, captured_init_ack_and_its_cookie) {
    const Octets packet = captured_init_ack();
    const auto init = InitView::parse(packet);
    ASSERT_TRUE(init);
    EXPECT_TRUE(init->is_ack());
    EXPECT_EQ(init->header().verification_tag, 0x94d02198U);
    ASSERT_TRUE(init->state_cookie());
    EXPECT_EQ(init->state_cookie()->size(), 228U);
    const Octets echo = captured_cookie_echo();
    EXPECT_TRUE(std::ranges::equal(*init->state_cookie(), *echoed_cookie(echo)));
}

TEST(InitChunk, only_an_unbundled_whole_init_is_one) {
    Octets packet = captured_init();
    packet.insert(packet.end(), {0x0b, 0, 0, 4});
    EXPECT_EQ(InitView::parse(packet).error(), InitError::not_an_init);
    EXPECT_EQ(InitView::parse(captured_cookie_echo()).error(), InitError::not_an_init);
    EXPECT_EQ(InitView::parse({}).error(), InitError::not_an_init);
    packet = captured_init();
    packet[kCommonHeader + 3] = 19;  // shorter than the fixed part
    EXPECT_EQ(InitView::parse(packet).error(), InitError::not_an_init);
    packet = captured_init();
    packet[kCommonHeader + kChunkHeader + kInitFixed + 3] = 200;
    EXPECT_EQ(InitView::parse(packet).error(), InitError::parameters_malformed);
    EXPECT_EQ(remove_parameters(packet, 0x8006).error(), InitError::parameters_malformed);
}

TEST(InitChunk, cut_at_every_length) {
    for (const Octets& packet : {captured_init(), captured_init_ack()}) {
        for (size_t length = 0; length < packet.size(); ++length) {
            const auto copy = std::make_unique<uint8_t[]>(length);
            std::copy_n(packet.begin(), length, copy.get());
            EXPECT_FALSE(InitView::parse({copy.get(), length})) << length;
        }
    }
}

TEST(InitChunk, append_writes_exactly_these_octets) {
    Octets packet = captured_init();
    ASSERT_TRUE(append_parameter(packet, key_management(2)));
    Octets expected = captured_init();
    expected[kCommonHeader + 3] = 0x24 + 11;
    const Octets tail = from_hex("8006000b 00000007 03000000");
    expected.insert(expected.end(), tail.begin(), tail.end());
    EXPECT_EQ(packet, expected);
    EXPECT_EQ(chunk_length(packet), packet.size() - kCommonHeader - 1);
}

TEST(InitChunk, append_pads_the_parameter_that_was_last) {
    Octets packet = captured_init();
    ASSERT_TRUE(append_parameter(packet, key_management(2)));
    ASSERT_TRUE(append_parameter(packet, from_hex("80000004")));
    EXPECT_EQ(chunk_length(packet), packet.size() - kCommonHeader);
    EXPECT_EQ(packet.size(), captured_init().size() + 16);
    const auto init = InitView::parse(packet);
    ASSERT_TRUE(init);
    EXPECT_EQ(init->key_management()->methods().size(), 2U);
    EXPECT_EQ(init->count(0x8000), 2U);
}

TEST(InitChunk, remove_undoes_append) {
    for (const Octets& original : {captured_init(), captured_init_ack()}) {
        for (size_t methods = 1; methods < 9; ++methods) {
            Octets packet = original;
            ASSERT_TRUE(append_parameter(packet, key_management(methods)));
            ASSERT_TRUE(append_parameter(packet, key_management(methods)));
            EXPECT_EQ(InitView::parse(packet)->key_management().error(),
                      KeyManagementError::duplicated);
            EXPECT_EQ(remove_parameters(packet, kParameterKeyManagement), 2U);
            EXPECT_EQ(packet, original);
            EXPECT_EQ(remove_parameters(packet, kParameterKeyManagement), 0U);
            EXPECT_EQ(packet, original);
        }
    }
}

TEST(InitChunk, append_refuses_what_does_not_fit) {
    Octets packet = captured_init();
    EXPECT_EQ(append_parameter(packet, from_hex("8006000b")).error(),
              InitError::parameters_malformed);
    EXPECT_EQ(append_parameter(packet, from_hex("8006")).error(), InitError::parameters_malformed);
    Octets big(65535);
    store_be16(big.data() + 2, 65535);
    EXPECT_EQ(append_parameter(packet, big).error(), InitError::too_long);
    EXPECT_EQ(packet, captured_init());
}

TEST(InitChunk, state_cookie_is_replaced_in_place) {
    for (const size_t size : {0U, 1U, 227U, 228U, 229U, 1000U}) {
        Octets packet = captured_init_ack();
        const Octets cookie(size, 0xc7);
        ASSERT_TRUE(replace_state_cookie(packet, cookie));
        const auto init = InitView::parse(packet);
        ASSERT_TRUE(init);
        EXPECT_TRUE(std::ranges::equal(*init->state_cookie(), cookie));
        EXPECT_EQ(init->count(0xc000), 1U);
        // Still before the others, as it was.
        EXPECT_EQ(init->parameters().next()->type, kParameterStateCookie);
        const Octets original = captured_init_ack();
        ASSERT_TRUE(replace_state_cookie(packet, *InitView::parse(original)->state_cookie()));
        EXPECT_EQ(packet, original);
    }
}

TEST(InitChunk, state_cookie_replacement_fails_cleanly) {
    Octets packet = captured_init();
    EXPECT_EQ(replace_state_cookie(packet, Octets(8)).error(), InitError::parameter_absent);
    packet = captured_init_ack();
    EXPECT_EQ(replace_state_cookie(packet, Octets(65535)).error(), InitError::too_long);
    EXPECT_EQ(replace_state_cookie(packet, Octets(65531)).error(), InitError::too_long);
    EXPECT_EQ(packet, captured_init_ack());
    // Two cookies: which one is meant nobody can tell.
    ASSERT_TRUE(append_parameter(packet, from_hex("00070008 01020304")));
    EXPECT_EQ(replace_state_cookie(packet, Octets(8)).error(), InitError::parameter_absent);
}

TEST(CookieEcho, replaced_with_and_without_what_follows) {
    const Octets tail = from_hex("00030012 00000001 00000000 00000000 aabb0000");
    Octets bundled = captured_cookie_echo();
    bundled.insert(bundled.end(), tail.begin(), tail.end());
    for (const size_t size : {0U, 1U, 2U, 3U, 4U, 228U, 301U}) {
        const Octets cookie(size, 0x5a);
        Octets packet = bundled;
        ASSERT_TRUE(replace_echoed_cookie(packet, cookie, true));
        EXPECT_TRUE(std::ranges::equal(*echoed_cookie(packet), cookie));
        EXPECT_EQ(packet.size(), 16 + padded_to_4(size) + tail.size());
        EXPECT_TRUE(
            std::equal(tail.begin(), tail.end(), packet.end() - static_cast<long>(tail.size())));
        packet = bundled;
        ASSERT_TRUE(replace_echoed_cookie(packet, cookie, false));
        EXPECT_TRUE(std::ranges::equal(*echoed_cookie(packet), cookie));
        EXPECT_EQ(packet.size(), 16 + padded_to_4(size));
        EXPECT_EQ(check_chunks(packet), DropReason::none);
    }
}

TEST(CookieEcho, unpadded_last_chunk) {
    Octets packet = Octets(kCommonHeader);
    const Octets chunk = from_hex("0a000005 aa");
    packet.insert(packet.end(), chunk.begin(), chunk.end());
    ASSERT_TRUE(replace_echoed_cookie(packet, from_hex("bbcc"), true));
    EXPECT_EQ(Octets(packet.begin() + kCommonHeader, packet.end()), from_hex("0a000006 bbcc0000"));
}

TEST(CookieEcho, other_packets_are_refused) {
    Octets packet = captured_init();
    EXPECT_FALSE(echoed_cookie(packet));
    EXPECT_EQ(replace_echoed_cookie(packet, Octets(4), true).error(), InitError::not_an_init);
    packet = captured_cookie_echo();
    EXPECT_EQ(replace_echoed_cookie(packet, Octets(65532), true).error(), InitError::too_long);
    packet.resize(packet.size() - 1);
    EXPECT_FALSE(echoed_cookie(packet));
}

TEST(CookieEcho, tail_is_cut_off) {
    Octets packet = captured_cookie_echo();
    const Octets original = packet;
    packet.insert(packet.end(), {0, 3, 0, 9, 1, 2});
    EXPECT_TRUE(keep_first_chunk_only(packet));
    EXPECT_EQ(packet, original);
    Octets malformed(kCommonHeader + 4);
    EXPECT_FALSE(keep_first_chunk_only(malformed));
}

TEST(InitChunk, every_error_has_a_text) {
    for (int error = 0; error <= static_cast<int>(InitError::too_long); ++error) {
        EXPECT_NE(description(static_cast<InitError>(error)), "unknown");
    }
}

}  // namespace
}  // namespace sdg::packet
