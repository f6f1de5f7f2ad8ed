#include "config/scalar.h"

#include <gtest/gtest.h>

namespace sdg::config {
namespace {

TEST(Scalar, integers_are_decimal_and_whole) {
    EXPECT_EQ(parse_integer("0"), 0);
    EXPECT_EQ(parse_integer("-7"), -7);
    EXPECT_EQ(parse_integer("9223372036854775807"), INT64_MAX);
    for (const char* bad : {"", "-", "+1", "1 ", " 1", "0x10", "010", "1e3", "1_000", "1.0",
                            "9223372036854775808", "one"}) {
        EXPECT_FALSE(parse_integer(bad)) << bad;
    }
}

TEST(Scalar, fractions_are_plain_decimals) {
    EXPECT_EQ(parse_fraction("0.5"), 0.5);
    EXPECT_EQ(parse_fraction("1"), 1.0);
    for (const char* bad : {"", ".5", "-0.5", "nan", "inf", "0x1", "0.5e-1", "0.5x", "1,5"}) {
        EXPECT_FALSE(parse_fraction(bad)) << bad;
    }
}

TEST(Scalar, addresses_have_no_tail) {
    using namespace std::string_view_literals;
    EXPECT_TRUE(parse_address("10.0.0.1"));
    EXPECT_TRUE(parse_address("2001:db8::1"));
    for (const auto bad : {""sv, "10.0.0"sv, "10.0.0.1\0x"sv, "10.0.0.1 "sv, "fe80::1%eth0"sv,
                           "010.0.0.1"sv, "[::1]"sv}) {
        EXPECT_FALSE(parse_address(bad)) << bad;
    }
}

TEST(Scalar, prefix_length_fits_the_family) {
    EXPECT_TRUE(parse_prefix("10.0.0.1/32"));
    EXPECT_TRUE(parse_prefix("::/0"));
    EXPECT_TRUE(parse_prefix("2001:db8::1/128"));
    for (const char* bad : {"10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/24/2",
                            "::/129", "/24", "10.0.0.1/024"}) {
        EXPECT_FALSE(parse_prefix(bad)) << bad;
    }
}

TEST(Scalar, hosts_and_networks_are_told_apart) {
    const auto host = [](const char* text) { return is_host_in(*parse_prefix(text)); };
    const auto network = [](const char* text) { return is_network(*parse_prefix(text)); };
    EXPECT_TRUE(host("10.0.0.1/24"));
    EXPECT_TRUE(host("10.0.0.0/31"));  // RFC 3021
    EXPECT_TRUE(host("10.0.0.1/31"));
    EXPECT_TRUE(host("10.0.0.255/32"));
    EXPECT_TRUE(host("fe80::1/64"));
    for (const char* bad :
         {"10.0.0.0/24", "10.0.0.255/24", "10.0.0.1/0", "127.0.0.1/8", "224.0.0.1/4", "0.0.0.0/8",
          "::1/128", "ff02::1/16", "::/0", "::ffff:10.0.0.1/96"}) {
        EXPECT_FALSE(host(bad)) << bad;
    }
    EXPECT_TRUE(network("10.0.0.0/8"));
    EXPECT_TRUE(network("0.0.0.0/0"));
    EXPECT_TRUE(network("2001:db8::/33"));
    EXPECT_FALSE(network("10.0.0.1/8"));
    EXPECT_FALSE(network("2001:db8:8000::/32"));
}

TEST(Scalar, link_addresses_are_unicast) {
    EXPECT_EQ(parse_mac("02:00:00:00:0a:fF"), (MacAddress{2, 0, 0, 0, 10, 255}));
    for (const char* bad :
         {"", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "01:00:00:00:00:00", "02:00:00:00:00",
          "02:00:00:00:00:0g", "02:00:00:00:00:01:02", "2:0:0:0:0:1"}) {
        EXPECT_FALSE(parse_mac(bad)) << bad;
    }
}

TEST(Scalar, devices_are_virtual_or_pci) {
    for (const char* good :
         {"net_null0", "net_af_packet0,iface=eth1", "0000:01:00.0", "01:00.0", "0000:01:00.0,rxq=2",
          "net_pcap0,rx_pcap=a b.pcap", "virtio_user0", "eth_null1"}) {
        EXPECT_TRUE(is_device(good)) << good;
    }
    for (const char* bad : {"", "eth0", "net_", "0000:01:00", "0000:01:00.0x", "net-null0",
                            "net_null0 ", "net_null0\n", ",net_null0"}) {
        EXPECT_FALSE(is_device(bad)) << bad;
    }
}

}  // namespace
}  // namespace sdg::config
