#include "endpoint/transport_address.h"

#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

TEST(TransportAddress, both_families_parse_and_print_alike) {
    for (const char* text : {"10.0.1.2:38412", "[fd00::2]:38412", "0.0.0.0:0"}) {
        const auto parsed = TransportAddress::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->to_string(), text);
    }
    EXPECT_EQ(TransportAddress::parse("1.2.3.4:65535")->port, 65535);
}

TEST(TransportAddress, anything_else_is_named_in_the_error) {
    for (const char* text : {"", "10.0.1.2", "10.0.1.2:", ":38412", "10.0.1.2:65536", "10.0.1.2:-1",
                             "10.0.1.2:38412x", "10.0.1:38412", "fd00::2:38412", "[10.0.1.2]:38412",
                             "[fd00::2]", "[fd00::2]38412", "host:1"}) {
        const auto parsed = TransportAddress::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().message.find(text), std::string::npos);
    }
}

}  // namespace
}  // namespace sdg::endpoint
