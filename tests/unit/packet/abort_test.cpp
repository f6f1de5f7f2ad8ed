#include "dataplane/packet/abort.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/unit/packet/captured_packets.h"

namespace sdg::packet {
namespace {

using test::from_hex;
using Octets = std::vector<uint8_t>;

Octets octets_of(const AbortPacket& packet) {
    return {packet.bytes().begin(), packet.bytes().end()};
}

TEST(Abort, known_octets) {
    EXPECT_EQ(octets_of(build_abort({5000, 6000, 0x01020304}, false, kCauseIncompatibleRoles)),
              from_hex("1388 1770 01020304 00000000  06000008 00670004"));
    EXPECT_EQ(octets_of(build_abort({5000, 6000, 0x01020304}, true, std::nullopt)),
              from_hex("1388 1770 01020304 00000000  06010004"));
}

TEST(Abort, stale_cookie_has_known_octets) {
    const AbortPacket packet = build_stale_cookie({5000, 6000, 0x01020304}, 1500000);
    EXPECT_EQ(octets_of(packet),
              from_hex("1388 1770 01020304 00000000  0900000c 00030008 0016e360"));
    EXPECT_EQ(first_error_cause(packet.bytes()), kCauseStaleCookie);
}

TEST(Abort, cause_is_read_back) {
    for (const uint16_t cause : {kCauseMissingDtlsSupport, kCauseNoCommonMethod,
                                 kCauseTieBreakerCollision, kCauseIncompatibleRoles}) {
        EXPECT_EQ(first_error_cause(octets_of(build_abort({1, 2, 3}, false, cause))), cause);
    }
    EXPECT_FALSE(first_error_cause(octets_of(build_abort({1, 2, 3}, false, std::nullopt))));
    EXPECT_FALSE(first_error_cause(test::captured_init()));
    EXPECT_FALSE(first_error_cause({}));
}

TEST(DropReason, every_reason_has_its_own_name_and_text) {
    std::set<std::string_view> names;
    for (size_t i = 0; i < kDropReasonCount; ++i) {
        const auto reason = static_cast<DropReason>(i);
        EXPECT_TRUE(names.insert(name(reason)).second) << name(reason);
        EXPECT_FALSE(description(reason).empty());
    }
    EXPECT_EQ(name(DropReason::none), "none");
    EXPECT_EQ(name(DropReason::record_replayed), "record_replayed");
    EXPECT_EQ(name(DropReason::count_), "unknown");
    EXPECT_EQ(description(DropReason::count_), "unknown");
}

}  // namespace
}  // namespace sdg::packet
