// Log lines: how they look, what a peer cannot do to them, and how many there are.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "control/log.h"
#include "gateway/log_budget.h"
#include "gateway/log_line.h"

namespace sdg::gateway {
namespace {

using namespace std::chrono_literals;

const LogBudget::Time kStart{1'700'000'000s};

LogLine line(const std::string& text, LogBudget::Time time = kStart,
             const std::string& module = "relay") {
    return log_line(time, config::LogLevel::info, module, text);
}

std::string with_fields(const std::string& text) {
    return text + log::kFieldsBegin + "association" + log::kValueBegin + "7" + log::kFieldEnd +
           "peer" + log::kValueBegin + "[10.0.0.1]:4" + log::kFieldEnd;
}

TEST(LogLine, fields_are_members_in_json_and_not_shown_as_text) {
    const LogLine leg_up = line(with_fields("association 7 is up"));
    const auto json = nlohmann::json::parse(as_json(leg_up));
    EXPECT_EQ(json["text"], "association 7 is up");
    EXPECT_EQ(json["module"], "relay");
    EXPECT_EQ(json["level"], "info");
    EXPECT_EQ(json["association"], "7");
    EXPECT_EQ(json["peer"], "[10.0.0.1]:4");
    EXPECT_TRUE(as_text(leg_up).ends_with(" info relay: association 7 is up\n"));
    EXPECT_EQ(with_priority(leg_up), "<6>relay: association 7 is up\n");
}

TEST(LogLine, the_journal_gets_a_field_for_each) {
    EXPECT_EQ(as_journal_entry(line(with_fields("up"))),
              "MESSAGE=relay: up\nPRIORITY=6\nSYSLOG_IDENTIFIER=sctp-gateway\nSDG_MODULE=relay\n"
              "SDG_ASSOCIATION=7\nSDG_PEER=[10.0.0.1]:4\n");
}

TEST(LogLine, a_peer_cannot_make_lines_fields_or_terminal_commands) {
    const LogLine evil = line("certificate of CN=x\n2026 error relay: all is lost\x1b[2J refused");
    EXPECT_EQ(evil.text, "certificate of CN=x\\x0a2026 error relay: all is lost\\x1b[2J refused");
    const std::string text = as_text(evil);
    EXPECT_EQ(text.find('\n'), text.size() - 1);
    EXPECT_EQ(as_journal_entry(evil).find("\nall"), std::string::npos);
    EXPECT_TRUE(nlohmann::json::accept(as_json(line("\xff\xfe\x80"))));
}

TEST(LogLine, lines_of_one_event_are_of_one_kind) {
    const std::string first = kind_of(line("association 7 listener n2 [10.0.0.1]:38412 closed: a"));
    EXPECT_EQ(kind_of(line("association 8 listener n2 [10.0.0.9]:38413 closed: b")), first);
    EXPECT_NE(kind_of(line("association 8 listener n2 [10.0.0.9]:38413 is up")), first);
    EXPECT_NE(kind_of(line("association 7 listener n2 [10.0.0.1]:1 closed: a", kStart, "keymgmt")),
              first);
}

// Lines of one kind that are written when there are `each` of them a second for `seconds`.
size_t written(LogBudget& budget, int each, int seconds, size_t& notices) {
    size_t out = 0;
    for (int s = 0; s < seconds; ++s) {
        for (int i = 0; i < each; ++i) {
            const auto now = kStart + std::chrono::seconds(s) + std::chrono::milliseconds(i / 10);
            out +=
                budget.allows(line("certificate of peer " + std::to_string(i) + " is refused", now))
                    ? 1
                    : 0;
            notices += budget.notices(now).size();
        }
    }
    return out;
}

TEST(LogBudget, a_flood_is_cut_to_the_rate_and_counted) {
    LogBudget budget(20);
    size_t notices = 0;
    const size_t lines = written(budget, 5000, 120, notices);
    // A burst of 250, then 5 a second; a notice each half minute.
    EXPECT_GE(lines, 250U);
    EXPECT_LE(lines, 250U + 5 * 120U + 5);
    EXPECT_EQ(budget.suppressed(), 5000U * 120U - lines);
    EXPECT_GE(notices, 3U);
    EXPECT_LE(notices, 4U);
}

TEST(LogBudget, what_is_suppressed_is_told_in_one_line) {
    LogBudget budget(4);
    const int burst = 50;
    for (int i = 0; i < burst + 7; ++i) {
        EXPECT_EQ(budget.allows(line("peer " + std::to_string(i) + " refused")), i < burst);
    }
    EXPECT_TRUE(budget.notices(kStart + 29s).empty());
    const auto notices = budget.notices(kStart + 30s);
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].text, "7 similar lines suppressed, the last: peer 56 refused");
    EXPECT_EQ(notices[0].module, "relay");
    EXPECT_TRUE(budget.notices(kStart + 90s).empty()) << "told once";
    EXPECT_TRUE(budget.allows(line("peer 99 refused", kStart + 31s))) << "there is room again";
}

TEST(LogBudget, a_flood_hides_neither_other_kinds_nor_other_modules) {
    LogBudget budget(20);
    size_t notices = 0;
    written(budget, 2000, 2, notices);
    EXPECT_TRUE(budget.allows(line("backend amf cannot be connected", kStart + 2s)));
    EXPECT_TRUE(budget.allows(line("store full", kStart + 2s, "restart")));
}

TEST(LogBudget, kinds_made_up_by_a_peer_take_bounded_memory_and_lines) {
    LogBudget budget(20);
    size_t out = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::string word;
        for (int n = i; n > 0; n /= 26) {
            word.push_back(static_cast<char>('a' + n % 26));
        }
        out += budget.allows(line("name " + word + " refused", kStart + i * 1ms)) ? 1 : 0;
    }
    EXPECT_LE(out, 1000U + 20 * 100U + 1) << "the module's own bucket";
    EXPECT_LE(budget.last_notices(kStart + 100s).size(), LogBudget::kMaxKinds + 1);
}

TEST(LogBudget, a_clock_that_is_set_back_stops_nothing) {
    LogBudget budget(4);
    for (int i = 0; i < 100; ++i) {
        (void)budget.allows(line("peer 1 refused"));
    }
    EXPECT_EQ(budget.notices(kStart - 24h).size(), 1U);
    EXPECT_FALSE(budget.allows(line("peer 1 refused", kStart - 24h)));
    EXPECT_TRUE(budget.allows(line("peer 1 refused", kStart - 24h + 2s)));
}

TEST(LogBudget, no_limit_is_no_limit) {
    LogBudget budget(0);
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_TRUE(budget.allows(line("peer refused")));
    }
}

}  // namespace
}  // namespace sdg::gateway
