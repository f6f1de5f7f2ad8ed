#include "foundation/ip_address.h"

#include <gtest/gtest.h>

#include <unordered_set>

namespace sdg {
namespace {

TEST(IpAddress, text_round_trip) {
    for (const char* text : {"0.0.0.0", "10.28.6.44", "255.255.255.255", "::", "::1", "2001:db8::1",
                             "fe80::1:2:3:4"}) {
        const auto address = IpAddress::parse(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_string(), text);
        EXPECT_TRUE(address->is_set());
    }
    EXPECT_EQ(IpAddress{}.to_string(), "unset");
    EXPECT_FALSE(IpAddress{}.is_set());
}

TEST(IpAddress, what_is_not_an_address) {
    for (const char* text : {"", "10.0.0", "10.0.0.256", "10.0.0.1/24", " 10.0.0.1", "010.0.0.1x",
                             "2001:db8:::1", "::1%lo", "localhost"}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
}

TEST(IpAddress, octets_are_network_order) {
    const uint8_t four[] = {10, 28, 6, 44};
    EXPECT_EQ(IpAddress::v4(four), IpAddress::parse("10.28.6.44"));
    EXPECT_EQ(IpAddress::v4(four).size(), 4U);
    const uint8_t sixteen[16] = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    EXPECT_EQ(IpAddress::v6(sixteen), IpAddress::parse("2001:db8::7"));
    EXPECT_EQ(IpAddress::v6(sixteen).size(), 16U);
}

TEST(IpAddress, family_is_part_of_the_value) {
    const auto v4 = *IpAddress::parse("0.0.0.0");
    const auto v6 = *IpAddress::parse("::");
    EXPECT_NE(v4, v6);
    EXPECT_NE(v4, IpAddress{});
    const std::unordered_set<IpAddress> both = {v4, v6, v4};
    EXPECT_EQ(both.size(), 2U);
}

TEST(IpAddress, prefixes) {
    const auto in = [](const char* address, const char* prefix, unsigned length) {
        return IpAddress::parse(address)->in_prefix(*IpAddress::parse(prefix), length);
    };
    EXPECT_TRUE(in("10.1.2.3", "10.1.2.3", 32));
    EXPECT_FALSE(in("10.1.2.3", "10.1.2.2", 32));
    EXPECT_TRUE(in("10.1.2.3", "10.1.2.2", 31));
    EXPECT_TRUE(in("10.1.2.3", "192.0.2.1", 0));
    EXPECT_TRUE(in("10.1.131.3", "10.1.128.0", 17));
    EXPECT_FALSE(in("10.1.127.3", "10.1.128.0", 17));
    EXPECT_FALSE(in("10.1.2.3", "10.1.2.3", 33));
    EXPECT_TRUE(in("2001:db8::1", "2001:db8::ffff", 112));
    EXPECT_FALSE(in("2001:db8::1:0", "2001:db8::ffff", 112));
    EXPECT_TRUE(in("2001:db8::1", "2001:db8::1", 128));
    EXPECT_FALSE(in("2001:db8::1", "2001:db8::1", 129));
    // Never across families, not even the default route.
    EXPECT_FALSE(in("10.1.2.3", "::", 0));
}

}  // namespace
}  // namespace sdg
