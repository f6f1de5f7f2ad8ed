#include "dataplane/port/next_hop.h"

#include <gtest/gtest.h>

namespace sdg::port {
namespace {

IpAddress ip(const char* text) {
    return IpAddress::parse(text).value();
}

NextHops example() {
    return NextHops::create({{ip("10.0.0.1"), 24}, {ip("fd00::1"), 64}},
                            {{{ip("0.0.0.0"), 0}, ip("10.0.0.254")},
                             {{ip("10.9.0.0"), 16}, ip("10.0.0.253")},
                             {{ip("10.9.9.0"), 24}, ip("10.0.0.252")},
                             {{ip("::"), 0}, ip("fd00::fe")}})
        .value();
}

TEST(NextHops, an_on_link_destination_is_its_own_next_hop) {
    EXPECT_EQ(example().towards(ip("10.0.0.77")), ip("10.0.0.77"));
    EXPECT_EQ(example().towards(ip("fd00::77")), ip("fd00::77"));
}

TEST(NextHops, the_longest_prefix_wins) {
    EXPECT_EQ(example().towards(ip("10.9.9.1")), ip("10.0.0.252"));
    EXPECT_EQ(example().towards(ip("10.9.8.1")), ip("10.0.0.253"));
    EXPECT_EQ(example().towards(ip("192.0.2.1")), ip("10.0.0.254"));
    EXPECT_EQ(example().towards(ip("2001:db8::1")), ip("fd00::fe"));
}

TEST(NextHops, nothing_goes_to_groups_broadcast_or_ourselves) {
    for (const char* destination :
         {"10.0.0.255", "224.0.0.1", "127.0.0.1", "0.0.0.0", "10.0.0.1", "ff02::1", "::", "::1"}) {
        EXPECT_EQ(example().towards(ip(destination)), std::nullopt) << destination;
    }
}

TEST(NextHops, without_a_route_there_is_none) {
    const NextHops bare = NextHops::create({{ip("10.0.0.1"), 24}}, {}).value();
    EXPECT_EQ(bare.towards(ip("10.0.1.1")), std::nullopt);
    EXPECT_EQ(bare.towards(ip("fd00::1")), std::nullopt);
}

TEST(NextHops, the_address_that_asks_is_the_one_on_the_same_prefix) {
    const NextHops two = NextHops::create({{ip("10.0.0.1"), 24}, {ip("10.0.1.1"), 24}}, {}).value();
    EXPECT_EQ(two.source_for(ip("10.0.1.9")), ip("10.0.1.1"));
    EXPECT_EQ(two.source_for(ip("fd00::9")), std::nullopt);
}

TEST(NextHops, refuses_what_makes_no_sense) {
    EXPECT_FALSE(NextHops::create({{ip("10.0.0.1"), 33}}, {}));
    EXPECT_FALSE(NextHops::create({{ip("224.0.0.1"), 24}}, {}));
    const auto off_link =
        NextHops::create({{ip("10.0.0.1"), 24}}, {{{ip("0.0.0.0"), 0}, ip("10.0.1.1")}});
    ASSERT_FALSE(off_link);
    EXPECT_EQ(off_link.error().message,
              "route to 0.0.0.0/0: gateway 10.0.1.1 is not a neighbour on this port");
    EXPECT_FALSE(NextHops::create({{ip("10.0.0.1"), 24}}, {{{ip("::"), 0}, ip("10.0.0.2")}}));
    EXPECT_FALSE(NextHops::create({{ip("10.0.0.1"), 24}}, {{{ip("0.0.0.0"), 0}, ip("10.0.0.1")}}));
}

}  // namespace
}  // namespace sdg::port
