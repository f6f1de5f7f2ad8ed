// The text format, octet for octet.
#include "control/metrics/exposition.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sdg::metrics {
namespace {

TEST(Exposition, families_have_help_type_and_labels) {
    const std::vector<Family> families{
        {"x_total", Type::counter, "What.", {{{{"a", "1"}, {"b", "2"}}, 12}, {{{"a", "2"}}, 0}}},
        {"y", Type::gauge, "Else.", {{{}, 1.5}}}};
    EXPECT_EQ(to_text(families),
              "# HELP x_total What.\n# TYPE x_total counter\n"
              "x_total{a=\"1\",b=\"2\"} 12\nx_total{a=\"2\"} 0\n"
              "# HELP y Else.\n# TYPE y gauge\ny 1.5\n");
}

TEST(Exposition, what_would_break_a_line_is_escaped) {
    const std::vector<Family> families{
        {"x", Type::gauge, "a\\b\nc\"", {{{{"l", "q\"b\\n\n"}}, 1}}}};
    EXPECT_EQ(to_text(families),
              "# HELP x a\\\\b\\nc\"\n# TYPE x gauge\nx{l=\"q\\\"b\\\\n\\n\"} 1\n");
}

TEST(Exposition, counters_are_written_without_an_exponent) {
    const std::vector<Family> families{{"x", Type::gauge, "h", {{{}, 4'503'599'627'370'496.0}}},
                                       {"y", Type::gauge, "h", {{{}, INFINITY}}},
                                       {"z", Type::gauge, "h", {{{}, NAN}}}};
    const std::string text = to_text(families);
    EXPECT_NE(text.find("\nx 4503599627370496\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\ny +Inf\n"), std::string::npos) << text;
    EXPECT_NE(text.find("\nz NaN\n"), std::string::npos) << text;
}

TEST(Exposition, a_family_without_samples_is_left_out) {
    EXPECT_EQ(to_text({{"x", Type::gauge, "h", {}}}), "");
}

}  // namespace
}  // namespace sdg::metrics
