#include "control/metrics/exposition.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>

namespace sdg::metrics {
namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
    for (const char c : text) {
        switch (c) {
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '"':
                out += quotes ? "\\\"" : "\"";
                break;
            default:
                out += c;
        }
    }
}

void append_value(std::string& out, double value) {
    // Whole numbers without an exponent, as counters read best; a double holds them up to 2^53.
    if (std::abs(value) < 9e15 && std::trunc(value) == value) {
        fmt::format_to(std::back_inserter(out), "{}", static_cast<int64_t>(value));
    } else if (std::isfinite(value)) {
        fmt::format_to(std::back_inserter(out), "{}", value);
    } else {
        out += std::isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
    }
}

void append(std::string& out, const std::string& name, const Sample& sample) {
    out += name;
    char separator = '{';
    for (const auto& [label, value] : sample.labels) {
        out += separator;
        out += label;
        out += "=\"";
        append_escaped(out, value, true);
        out += '"';
        separator = ',';
    }
    if (!sample.labels.empty()) {
        out += '}';
    }
    out += ' ';
    append_value(out, sample.value);
    out += '\n';
}

}  // namespace

std::string to_text(const std::vector<Family>& families) {
    std::string out;
    for (const Family& family : families) {
        if (family.samples.empty()) {
            continue;
        }
        out += "# HELP " + family.name + ' ';
        append_escaped(out, family.help, false);
        out +=
            "\n# TYPE " + family.name + (family.type == Type::counter ? " counter\n" : " gauge\n");
        for (const Sample& sample : family.samples) {
            append(out, family.name, sample);
        }
    }
    return out;
}

}  // namespace sdg::metrics
