// What peers wrote must not steer a terminal, nor disturb what stands beside it.
#include "tools/ctl/printable.h"

#include <gtest/gtest.h>

#include <random>

namespace sdg::ctl {
namespace {

TEST(Printable, ordinary_text_of_any_script_stays) {
    for (const char* text : {"", "dns:amf.example", "Prüfstelle", "北京", "Ελλάδα", "🙂"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, commands_of_a_terminal_do_not) {
    EXPECT_EQ(printable("a\x1b[31mb"), "a?[31mb");
    EXPECT_EQ(printable("a\r\n\tb\x7f"), "a???b?");
    EXPECT_EQ(printable("a\xc2\x9b"
                        "31mb"),
              "a?31mb")
        << "CSI as one C1 character";
    EXPECT_EQ(printable("a\x9b"
                        "b"),
              "a?b")
        << "and as one octet";
}

TEST(Printable, nothing_turns_or_hides_its_neighbours) {
    EXPECT_EQ(printable("a\xe2\x80\xae"
                        "b"),
              "a?b")
        << "right-to-left override";
    EXPECT_EQ(printable("a\xe2\x80\x8b"
                        "b"),
              "a?b")
        << "zero width space";
    EXPECT_EQ(printable("e\xcc\x81"), "e?") << "combining acute accent";
}

TEST(Printable, what_is_no_utf8_is_replaced_octet_by_octet) {
    EXPECT_EQ(printable("\xff\xfe"), "??");
    EXPECT_EQ(printable("\xc0\xaf"), "??") << "too long a form of a slash";
    EXPECT_EQ(printable("\xed\xa0\x80"), "???") << "a surrogate";
    EXPECT_EQ(printable("\xe5\x8c"), "??") << "cut short";
    EXPECT_EQ(printable("\xf4\x90\x80\x80"), "????") << "above the last character";
}

TEST(Printable, columns_are_those_of_a_terminal) {
    EXPECT_EQ(columns_of("abc"), 3U);
    EXPECT_EQ(columns_of("ü"), 1U);
    EXPECT_EQ(columns_of("北京"), 4U);
    EXPECT_EQ(fitted("abc", 5), "abc  ");
    EXPECT_EQ(fitted("abc", 5, true), "  abc");
    EXPECT_EQ(fitted("abcdef", 3), "abc");
    EXPECT_EQ(fitted("北京", 3), "北 ") << "no half character";
    EXPECT_EQ(fitted("abc", 0), "");
}

TEST(Printable, any_octets_come_out_as_printable_ones) {
    std::mt19937 random(7);
    for (int round = 0; round < 2000; ++round) {
        std::string text(random() % 24, ' ');
        for (char& c : text) {
            c = static_cast<char>(random());
        }
        const std::string out = printable(text);
        EXPECT_EQ(printable(out), out);
        for (const char c : out) {
            EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
        }
        for (size_t columns = 0; columns < 30; ++columns) {
            EXPECT_EQ(columns_of(fitted(out, columns)), columns);
        }
    }
}

}  // namespace
}  // namespace sdg::ctl
