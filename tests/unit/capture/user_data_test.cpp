// What a capture without lab does not show: user data in clear, wherever it hides.
#include "control/capture/user_data.h"

#include <gtest/gtest.h>

#include "tests/unit/worker/rig.h"

namespace sdg::test {
namespace {

using capture::remove_user_data;

constexpr uint8_t kUser = 0xa7;

Octets data(uint32_t ppid, size_t length, uint8_t type = packet::kChunkData) {
    Octets value(type == packet::kChunkIData ? 16 : 12);
    packet::store_be32(value.data() + value.size() - 4, ppid);
    value.insert(value.end(), length, kUser);
    return chunk(type, value, 3);
}

Octets operator+(Octets a, const Octets& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
}

// Those beside another: a checksum may have one.
size_t user_octets(const Octets& frame) {
    size_t count = 0;
    for (size_t i = 0; i < frame.size(); ++i) {
        const bool before = i > 0 && frame[i - 1] == kUser;
        const bool behind = i + 1 < frame.size() && frame[i + 1] == kUser;
        count += frame[i] == kUser && (before || behind) ? 1U : 0U;
    }
    return count;
}

// A frame of another protocol.
Octets foreign_frame(const Flow& flow, uint8_t protocol, const Octets& payload) {
    FrameOptions options;
    options.protocol = protocol;
    return frame(flow, payload, options);
}

class UserData : public testing::TestWithParam<bool> {
 protected:
    [[nodiscard]] Flow flow() const {
        Flow out;
        if (GetParam()) {
            out.local = ip("fd00::2");
            out.peer = ip("fd00::1");
        } else {
            out.local = ip("10.0.0.2");
            out.peer = ip("10.0.0.1");
        }
        return out;
    }
    [[nodiscard]] size_t headers() const { return GetParam() ? 54 : 34; }
    [[nodiscard]] Octets of(const Octets& chunks, std::optional<uint16_t> vlan = {}) const {
        return frame(flow(), sctp(flow(), chunks), {.vlan = vlan});
    }
};

TEST_P(UserData, of_data_chunks_becomes_zeros_and_headers_stay) {
    const Octets sack = chunk(packet::kChunkSack, Octets(12, 0x11));
    for (const uint8_t type : {packet::kChunkData, packet::kChunkIData}) {
        const Octets before = of(sack + data(60, 33, type) + data(60, 8, type));
        Octets after = before;
        const auto redaction = remove_user_data(after);
        EXPECT_EQ(redaction.removed, 41U);
        EXPECT_EQ(redaction.kept, before.size());
        EXPECT_EQ(user_octets(before), 41U);
        EXPECT_EQ(user_octets(after), 0U);
        EXPECT_TRUE(packet::checksum_ok(std::span(after).subspan(headers())));
        // But for the checksum, nothing else has changed.
        for (size_t i = 0; i < before.size(); ++i) {
            if (before[i] != kUser && (i < headers() + 8 || i >= headers() + 12)) {
                EXPECT_EQ(after[i], before[i]) << i;
            }
        }
    }
}

TEST_P(UserData, is_found_behind_a_vlan_tag) {
    Octets tagged = of(data(60, 50), uint16_t{7});
    EXPECT_EQ(remove_user_data(tagged).removed, 50U);
    EXPECT_EQ(user_octets(tagged), 0U);
}

TEST_P(UserData, ciphertext_control_chunks_and_key_management_are_as_they_were) {
    for (const Octets& chunks :
         {chunk(packet::kChunkDtls, Octets(100, kUser)), data(packet::kPpidKeyManagement, 40),
          data(packet::kPpidKeyManagement, 40, packet::kChunkIData),
          chunk(packet::kChunkCookieEcho, Octets(64, kUser)),
          chunk(packet::kChunkHeartbeat, Octets(30, kUser))}) {
        const Octets before = of(chunks);
        Octets after = before;
        EXPECT_EQ(remove_user_data(after).removed, 0U);
        EXPECT_EQ(after, before);
    }
}

TEST_P(UserData, in_chunks_that_nobody_knows_or_can_read_becomes_zeros) {
    Octets unknown = of(chunk(0x3f, Octets(20, kUser)));
    EXPECT_EQ(remove_user_data(unknown).removed, 20U);
    EXPECT_EQ(user_octets(unknown), 0U);
    for (const uint16_t length : {uint16_t{0}, uint16_t{3}, uint16_t{5000}}) {
        Octets broken = data(60, 40);
        packet::store_be16(broken.data() + 2, length);
        Octets whole = of(broken);
        (void)remove_user_data(whole);
        EXPECT_EQ(user_octets(whole), 0U) << length;
    }
}

TEST_P(UserData, in_a_frame_that_was_cut_becomes_zeros) {
    const Octets whole = of(data(60, 200));
    for (size_t length = 0; length <= whole.size(); ++length) {
        Octets cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
        const auto redaction = remove_user_data(cut);
        ASSERT_LE(redaction.kept, length);
        cut.resize(redaction.kept);
        ASSERT_EQ(user_octets(cut), 0U) << length;
    }
}

TEST_P(UserData, behind_the_ip_packet_is_cut_off) {
    Octets trailing = of(data(60, 8)) + Octets(20, kUser);
    trailing.resize(remove_user_data(trailing).kept);
    EXPECT_EQ(user_octets(trailing), 0U);
}

TEST_P(UserData, in_another_protocol_or_a_fragment_is_cut_off) {
    for (const uint8_t protocol :
         {uint8_t{17}, static_cast<uint8_t>(GetParam() ? 58 : 1), uint8_t{6}}) {
        Octets other = foreign_frame(flow(), protocol, Octets(8, 3) + Octets(100, kUser));
        other.resize(remove_user_data(other).kept);
        EXPECT_EQ(user_octets(other), 0U);
        EXPECT_EQ(other.size(), headers() + 8);
    }
    if (!GetParam()) {
        Octets fragment = of(data(60, 100));
        packet::store_be16(fragment.data() + 20, 0x2001);
        fragment.resize(remove_user_data(fragment).kept);
        EXPECT_EQ(fragment.size(), headers());
    }
}

TEST_P(UserData, a_wrong_checksum_stays_wrong) {
    Octets damaged = of(data(60, 40));
    damaged[headers() + 8] ^= 1;
    (void)remove_user_data(damaged);
    EXPECT_EQ(user_octets(damaged), 0U);
    EXPECT_FALSE(packet::checksum_ok(std::span(damaged).subspan(headers())));
}

INSTANTIATE_TEST_SUITE_P(Families, UserData, testing::Bool(),
                         [](const auto& one) { return one.param ? "v6" : "v4"; });

TEST(UserDataOfTheLink, arp_and_neighbour_discovery_are_whole) {
    Octets arp(60, 0x22);
    packet::store_be16(arp.data() + 12, packet::kEtherTypeArp);
    EXPECT_EQ(remove_user_data(arp).kept, 60U);
    Flow flow;
    flow.local = ip("fd00::2");
    flow.peer = ip("fd00::1");
    Octets solicitation = foreign_frame(flow, 58, Octets(1, 135) + Octets(31, 0x22));
    EXPECT_EQ(remove_user_data(solicitation).kept, solicitation.size());
}

TEST(UserDataOfTheLink, an_unknown_ether_type_shows_its_link_header_only) {
    Octets foreign(100, kUser);
    EXPECT_EQ(remove_user_data(foreign).kept, 14U);
}

}  // namespace
}  // namespace sdg::test
