#include "endpoint/exchange_file.h"

#include <gtest/gtest.h>

namespace sdg::endpoint {
namespace {

TEST(ExchangeFile, the_ngap_exchange_of_the_house_loads) {
    const auto exchange = load_exchange(NGAP_EXCHANGE);
    ASSERT_TRUE(exchange) << exchange.error().message;
    EXPECT_EQ(exchange->name, "ngap");
    EXPECT_EQ(exchange->port, 38412);
    ASSERT_GT(exchange->steps.size(), 30U);
    const ExchangeStep& setup = exchange->steps.front();
    EXPECT_EQ(setup.name, "NGSetupRequest");
    EXPECT_EQ(setup.request.ppid, 60U);
    EXPECT_EQ(setup.request.bytes[0], 0x00);
    ASSERT_TRUE(setup.answer);
    EXPECT_EQ(setup.answer->bytes[0], 0x20);
}

TEST(ExchangeFile, defaults_and_overrides) {
    const auto exchange = parse_exchange(R"(
ppid: 46
ordered: false
messages:
  - {name: a, from: client, stream: 3, hex: "00 fF", answer: b}
  - {name: b, from: server, stream: 4, ppid: 47, ordered: true, hex: "01"}
)",
                                         "x.yaml");
    ASSERT_TRUE(exchange) << exchange.error().message;
    EXPECT_EQ(exchange->steps[0].request, (UserMessage{3, false, 46, {0x00, 0xff}}));
    EXPECT_EQ(exchange->steps[0].answer, (UserMessage{4, true, 47, {0x01}}));
}

TEST(ExchangeFile, json_is_yaml) {
    EXPECT_TRUE(parse_exchange(
        R"({"messages": [{"name": "a", "from": "client", "stream": 0, "hex": "00"}]})", "x.json"));
}

TEST(ExchangeFile, errors_name_file_line_and_matter) {
    const auto error = [](const std::string& text) {
        const auto exchange = parse_exchange(text, "x.yaml");
        return exchange ? std::string("accepted") : exchange.error().message;
    };
    const std::string head = "messages:\n  - {name: a, from: client, stream: 0, hex: \"00\"}\n";
    EXPECT_EQ(error(head), "accepted");
    EXPECT_EQ(error(head + "colour: red\n"), "x.yaml:3: unknown key 'colour'");
    EXPECT_EQ(error(head + "port: 70000\n"),
              "x.yaml:3: key 'port' has a value of the wrong kind or out of range");
    EXPECT_EQ(error(head + "  - {name: a, from: client, stream: 0, hex: \"01\"}\n"),
              "x.yaml:3: two messages are named 'a'");
    EXPECT_EQ(error(head + "  - {name: b, from: server, stream: 0, hex: \"01\"}\n"),
              "x.yaml:3: no request names 'b' as its answer");
    EXPECT_EQ(error(head + "  - {name: b, from: nobody, stream: 0, hex: \"01\"}\n"),
              "x.yaml:3: 'from' is 'nobody', expected client or server");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 65535, hex: \"01\"}\n"),
              "x.yaml:3: stream 65535 does not exist");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 0, hex: \"0\"}\n"),
              "x.yaml:3: odd number of hexadecimal digits");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 0, hex: \"0g\"}\n"),
              "x.yaml:3: 'g' is not a hexadecimal digit");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 0, hex: \"\"}\n"),
              "x.yaml:3: a user message has at least one octet");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 0}\n"),
              "x.yaml:3: key 'hex' is missing");
    EXPECT_EQ(error(head + "  - {name: b, from: client, stream: 0, hex: \"01\", answer: c}\n"),
              "x.yaml:3: no message from the server is named 'c'");
    EXPECT_EQ(error("messages: []\n"),
              "x.yaml:1: 'messages' must be a list of at least one message");
    EXPECT_EQ(error("messages: 7\n"),
              "x.yaml:1: 'messages' must be a list of at least one message");
    EXPECT_EQ(error("[1, 2]\n"), "x.yaml:1: expected a map of keys and values");
    EXPECT_EQ(error("messages: [\n").substr(0, 7), "x.yaml:");
    EXPECT_NE(error(""), "accepted");
}

TEST(ExchangeFile, the_same_octets_may_not_have_two_answers) {
    const auto exchange = parse_exchange(R"(messages:
  - {name: a, from: client, stream: 0, hex: "00", answer: b}
  - {name: b, from: server, stream: 0, hex: "01"}
  - {name: c, from: client, stream: 0, hex: "00"}
)",
                                         "x.yaml");
    ASSERT_FALSE(exchange);
    EXPECT_EQ(exchange.error().message, "x.yaml:4: 'c' has the octets of 'a' but another answer");
}

TEST(ExchangeFile, a_missing_file_is_named) {
    const auto exchange = load_exchange("/nonexistent/x.yaml");
    ASSERT_FALSE(exchange);
    EXPECT_EQ(exchange.error().message, "/nonexistent/x.yaml: cannot be read");
}

}  // namespace
}  // namespace sdg::endpoint
