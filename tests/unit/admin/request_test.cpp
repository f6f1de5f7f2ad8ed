// Request lines: what is taken, and that everything else is refused with a reason.
#include "control/admin/request.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace sdg::admin {
namespace {

TEST(AdminRequest, a_request_has_its_command_id_and_arguments) {
    const auto request = parse_request(
        R"({"version":1,"id":9,"command":"close","arguments":{"association":12,"how":"abort"}})");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->command->id, CommandId::close);
    EXPECT_TRUE(request->command->changes);
    EXPECT_EQ(request->id, 9U);
    EXPECT_EQ(request->number("association"), 12U);
    EXPECT_EQ(request->word("how"), "abort");
    EXPECT_EQ(request->number("limit"), std::nullopt);
}

TEST(AdminRequest, id_and_arguments_may_be_left_out) {
    const auto request = parse_request(R"({"version":1,"command":"status"})");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->id, std::nullopt);
    EXPECT_FALSE(request->command->changes);
}

struct Refused {
    const char* line;
    ErrorCode code;
    const char* says;
};

class AdminRequestRefused : public testing::TestWithParam<Refused> {};

TEST_P(AdminRequestRefused, with_a_reason) {
    const auto request = parse_request(GetParam().line);
    ASSERT_FALSE(request) << GetParam().line;
    EXPECT_EQ(request.error().error.code, GetParam().code);
    EXPECT_NE(request.error().error.message.find(GetParam().says), std::string::npos)
        << request.error().error.message;
}

constexpr auto kInvalid = ErrorCode::invalid_argument;
INSTANTIATE_TEST_SUITE_P(
    Lines, AdminRequestRefused,
    testing::Values(
        Refused{"", kInvalid, "no JSON object"}, Refused{"{", kInvalid, "no JSON object"},
        Refused{"[]", kInvalid, "no JSON object"}, Refused{"\xff\xfe", kInvalid, "no JSON object"},
        Refused{R"({"version":1} trailing)", kInvalid, "no JSON object"},
        Refused{R"({"command":"status"})", kInvalid, "version"},
        Refused{R"({"version":2,"command":"status"})", kInvalid, "version"},
        Refused{R"({"version":"1","command":"status"})", kInvalid, "version"},
        Refused{R"({"version":1})", kInvalid, "command"},
        Refused{R"({"version":1,"command":7})", kInvalid, "command"},
        Refused{R"({"version":1,"command":"sta\ntus"})", kInvalid, "command"},
        Refused{R"({"version":1,"command":"selfdestruct"})", ErrorCode::not_found, "selfdestruct"},
        Refused{R"({"version":1,"command":"status","extra":1})", kInvalid, "unknown member"},
        Refused{R"({"version":1,"id":-1,"command":"status"})", kInvalid, "id"},
        Refused{R"({"version":1,"id":"x","command":"status"})", kInvalid, "id"},
        Refused{R"({"version":1,"command":"status","arguments":[]})", kInvalid, "an object"},
        Refused{R"({"version":1,"command":"status","arguments":{"a":1}})", kInvalid, "no such"},
        Refused{R"({"version":1,"command":"close"})", kInvalid, "association"},
        Refused{R"({"version":1,"command":"close","arguments":{"association":-3}})", kInvalid,
                "a whole number"},
        Refused{R"({"version":1,"command":"close","arguments":{"association":1.5}})", kInvalid,
                "a whole number"},
        Refused{
            R"({"version":1,"command":"close","arguments":{"association":18446744073709551615}})",
            kInvalid, "a whole number"},
        Refused{R"({"version":1,"command":"close","arguments":{"association":1,"how":"now"}})",
                kInvalid, "graceful, abort"},
        Refused{R"({"version":1,"command":"log_level","arguments":{"level":"loud"}})", kInvalid,
                "debug"},
        Refused{R"({"version":1,"command":"rekey","arguments":{"all":1}})", kInvalid, "true"}));

TEST(AdminRequest, the_longest_line_is_taken_and_one_more_octet_is_not) {
    std::string line = R"({"version":1,"command":"status"})";
    line.append(kMaxRequest - line.size(), ' ');
    EXPECT_TRUE(parse_request(line));
    EXPECT_FALSE(parse_request(line + ' '));
}

TEST(AdminRequest, a_refusal_still_has_the_id) {
    const auto request = parse_request(R"({"version":1,"id":4,"command":"nothing"})");
    ASSERT_FALSE(request);
    EXPECT_EQ(request.error().id, 4U);
}

TEST(AdminRequest, deep_nesting_is_refused_like_any_other_nonsense) {
    EXPECT_FALSE(parse_request(std::string(kMaxRequest, '[')));
}

TEST(AdminRequest, answers_are_one_line_whatever_is_in_them) {
    const auto text = answer_line(3, {{"peer", "a\nb\xff"}});
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    const auto document = nlohmann::json::parse(text);
    EXPECT_EQ(document["version"], kSchemaVersion);
    EXPECT_EQ(document["id"], 3);
    EXPECT_TRUE(document["ok"].get<bool>());
    const auto refused =
        nlohmann::json::parse(error_line(std::nullopt, {ErrorCode::not_found, "no"}));
    EXPECT_TRUE(refused["id"].is_null());
    EXPECT_FALSE(refused["ok"].get<bool>());
    EXPECT_EQ(refused["error"]["code"], "not_found");
}

TEST(AdminRequest, commands_have_names_of_their_own) {
    std::set<std::string_view> names;
    for (const Command& command : commands()) {
        EXPECT_TRUE(names.insert(command.name).second) << command.name;
    }
}

// End-to-end tests hold the answers to it; programs rely on it.
TEST(AdminRequest, every_command_has_a_schema_of_its_answer) {
    const auto schema = nlohmann::json::parse(std::ifstream(FIXTURES "/admin-answers.schema.json"));
    for (const Command& command : commands()) {
        EXPECT_TRUE(schema["definitions"].contains(command.name)) << command.name;
    }
}

}  // namespace
}  // namespace sdg::admin
