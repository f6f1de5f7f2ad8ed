// The screen of `top` for any size of terminal, and its keys.
#include "tools/ctl/top_layout.h"

#include <gtest/gtest.h>

#include "tests/unit/ctl/answers.h"
#include "tools/ctl/printable.h"

namespace sdg::ctl::top {
namespace {

using Wish = Settings::Wish;

std::string text(const Line& line) {
    std::string out;
    for (const Piece& piece : line) {
        out += piece.text;
    }
    return out;
}

std::string text(const Screen& screen) {
    std::string out;
    for (const Line& line : screen.lines) {
        out += text(line) + '\n';
    }
    return out;
}

class TopLayout : public testing::Test {
 protected:
    Screen draw(size_t rows = 24, size_t columns = 200) {
        return layout(&figures_, settings, situation, rows, columns);
    }
    bool shows(std::string_view what) { return text(draw()).find(what) != std::string::npos; }
    // Where in the screen; npos: not there.
    size_t at(std::string_view what) { return text(draw()).find(what); }
    void type(std::string_view characters) {
        for (const char c : characters) {
            settings.on_character(c);
        }
    }
    void many(size_t n) {
        const Association pattern = figures_.listed[0];
        figures_.listed.assign(n, pattern);
        for (size_t i = 0; i < n; ++i) {
            figures_.listed[i].id = 1000 + i;
        }
    }

    Figures figures_ = figures(nullptr, answers(1));
    Settings settings;
    Situation situation;
};

TEST_F(TopLayout, has_state_totals_parts_and_associations) {
    for (const char* what : {"1.2", "ready", "up 1m41s", "2 associations, 1 relaying", "every 1 s",
                             "drops/s  none", "WORKER", "n2", "amf", "dns:b.example", "1-2 of 2"}) {
        EXPECT_TRUE(shows(what)) << what << '\n' << text(draw());
    }
}

TEST_F(TopLayout, never_exceeds_the_terminal_whatever_its_size) {
    figures_.warnings = {"backend amf is down", std::string(300, 'x')};
    figures_.drops = {{"no_route", 3}, {"record_forged", 1}};
    many(300);
    for (const bool help : {false, true}) {
        settings.help = help;
        for (const char* problem : {"", "no such socket"}) {
            situation.problem = problem;
            for (size_t rows = 0; rows < 60; ++rows) {
                for (const size_t columns : {0, 1, 10, 39, 40, 41, 80, 133, 250}) {
                    const Screen screen = draw(rows, columns);
                    ASSERT_EQ(screen.lines.size(), std::max<size_t>(rows, 1));
                    for (const Line& line : screen.lines) {
                        ASSERT_LE(columns_of(text(line)), columns) << rows << 'x' << columns;
                    }
                    if (rows >= kLeastRows && columns >= kLeastColumns) {
                        ASSERT_GE(screen.page, 1U) << rows << 'x' << columns;
                    }
                }
            }
        }
    }
}

TEST_F(TopLayout, a_tiny_terminal_says_so) {
    EXPECT_EQ(text(draw(3, 60).lines[0]).substr(0, 14), "40x8 at least,");
}

TEST_F(TopLayout, before_the_first_answer_it_says_why_there_is_none) {
    situation.problem = "/x/admin.sock: no such socket";
    const Screen screen = layout(nullptr, settings, situation, 24, 100);
    EXPECT_NE(text(screen).find("not reached, trying again"), std::string::npos);
    EXPECT_NE(text(screen).find("/x/admin.sock: no such socket"), std::string::npos);
}

TEST_F(TopLayout, figures_stay_while_the_gateway_is_away) {
    situation.problem = "nobody listens";
    EXPECT_TRUE(shows("not reached, trying again"));
    EXPECT_TRUE(shows("dns:b.example"));
}

TEST_F(TopLayout, sorts_by_any_column_both_ways) {
    EXPECT_EQ(settings.sorted_by, Column::messages);
    EXPECT_TRUE(settings.descending);
    figures_.listed[0].messages = 1;
    figures_.listed[1].messages = 2;
    EXPECT_LT(at("10.0.0.9"), at("10.0.0.7"));
    type("r");
    EXPECT_GT(at("10.0.0.9"), at("10.0.0.7"));
    type("<<");
    EXPECT_EQ(settings.sorted_by, Column::id);
    EXPECT_FALSE(settings.descending);
    EXPECT_LT(at("10.0.0.7"), at("10.0.0.9"));
    type("<");
    EXPECT_EQ(settings.sorted_by, Column::listener) << "around the end";
    for (size_t c = 0; c < kColumns; ++c) {
        type(">");
        EXPECT_TRUE(shows("10.0.0.7"));
    }
}

TEST_F(TopLayout, filters_while_one_types) {
    type("/10.0.0.9");
    EXPECT_FALSE(shows("10.0.0.7"));
    EXPECT_TRUE(shows("filter: 10.0.0.9_"));
    EXPECT_EQ(settings.on_character('q'), Wish::nothing) << "a letter of the filter";
    EXPECT_FALSE(shows("[10.0.0.9]"));
    settings.on_key(Key::backspace, 1);
    settings.on_key(Key::enter, 1);
    EXPECT_TRUE(shows("1-1 of 1 matching \"10.0.0.9\""));
    settings.on_key(Key::escape, 1);
    EXPECT_TRUE(shows("1-2 of 2"));
    type("/AMF");
    EXPECT_TRUE(shows("10.0.0.7")) << "large and small letters are the same";
    settings.on_key(Key::escape, 1);
    EXPECT_TRUE(settings.filter.empty()) << "Esc while typing keeps the one before";
}

TEST_F(TopLayout, backspace_takes_a_whole_character) {
    type("/a\xc3\xbc");
    settings.on_key(Key::backspace, 1);
    EXPECT_EQ(settings.typing, "a");
}

TEST_F(TopLayout, pages_through_a_long_list_and_stops_at_its_ends) {
    many(500);
    settings.sorted_by = Column::id;
    settings.descending = false;
    const size_t page = draw().page;
    EXPECT_TRUE(shows(" 1000 "));
    settings.on_key(Key::page_down, page);
    EXPECT_FALSE(shows(" 1000 "));
    EXPECT_EQ(settings.first, page);
    settings.on_key(Key::end, page);
    EXPECT_TRUE(shows(" 1499 "));
    EXPECT_EQ(settings.first, 500 - page);
    settings.on_key(Key::down, page);
    EXPECT_TRUE(shows(" 1499 "));
    EXPECT_EQ(settings.first, 500 - page);
    settings.on_key(Key::home, page);
    settings.on_key(Key::up, page);
    EXPECT_TRUE(shows(" 1000 "));
}

TEST_F(TopLayout, says_when_only_the_busiest_are_listed) {
    figures_.associations = 20'000;
    EXPECT_TRUE(shows("the busiest 2 of 20000"));
}

TEST_F(TopLayout, pause_interval_help_and_quit) {
    EXPECT_EQ(settings.on_character(' '), Wish::nothing);
    EXPECT_TRUE(shows("paused"));
    EXPECT_EQ(settings.on_character(' '), Wish::ask_now);
    type("-");
    EXPECT_TRUE(shows("every 2 s"));
    for (int i = 0; i < 20; ++i) {
        type("+");
    }
    EXPECT_TRUE(shows("every 0.25 s"));
    for (int i = 0; i < 20; ++i) {
        type("-");
    }
    EXPECT_TRUE(shows("every 60 s"));
    type("h");
    EXPECT_TRUE(shows("this text"));
    settings.on_key(Key::escape, 1);
    EXPECT_FALSE(shows("this text"));
    EXPECT_EQ(settings.on_character('q'), Wish::quit);
}

}  // namespace
}  // namespace sdg::ctl::top
