#include "tools/ctl/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ctl/printable.h"

namespace sdg::ctl {
namespace {

using nlohmann::json;

std::string text_of(const json& value) {
    switch (value.type()) {
        case json::value_t::null:
            return "-";
        case json::value_t::string:
            return printable(value.get<std::string>());
        case json::value_t::boolean:
            return value.get<bool>() ? "yes" : "no";
        case json::value_t::number_float:
            return fmt::format("{:.3f}", value.get<double>());
        default:
            return value.dump(-1, ' ', true, json::error_handler_t::replace);
    }
}

bool is_scalar_list(const json& value) {
    return value.is_array() &&
           std::ranges::none_of(value, [](const json& v) { return v.is_structured(); });
}

}  // namespace

std::string table(const json& rows, const Columns& columns) {
    std::vector<size_t> widths;
    std::vector<bool> numeric;
    for (const auto& [heading, member] : columns) {
        size_t width = heading.size();
        bool number = !rows.empty();
        for (const json& row : rows) {
            const json value = row.value(std::string(member), json());
            width = std::max(width, columns_of(text_of(value)));
            number = number && (value.is_number() || value.is_null());
        }
        widths.push_back(width);
        numeric.push_back(number);
    }
    std::string out;
    const auto line = [&](auto cell) {
        std::string text;
        for (size_t c = 0; c < columns.size(); ++c) {
            text += c == 0 ? "" : "  ";
            text += fitted(cell(c), widths[c], numeric[c]);
        }
        out += text.substr(0, text.find_last_not_of(' ') + 1) + '\n';
    };
    line([&](size_t c) { return std::string(columns[c].first); });
    for (const json& row : rows) {
        line([&](size_t c) { return text_of(row.value(std::string(columns[c].second), json())); });
    }
    return out;
}

std::string listing(const json& object, unsigned indent) {
    size_t width = 0;
    for (const auto& [name, value] : object.items()) {
        width = std::max(width, value.is_structured() && !value.empty() ? 0 : name.size());
    }
    std::string out;
    for (const auto& [name, value] : object.items()) {
        if (value.is_structured() && value.empty()) {
            out += fmt::format("{:{}}{:<{}}  -\n", "", indent, name, width);
        } else if (is_scalar_list(value)) {
            out += fmt::format("{:{}}{}\n", "", indent, name);
            for (const json& element : value) {
                out += fmt::format("{:{}}{}\n", "", indent + 2, text_of(element));
            }
        } else if (value.is_array()) {
            for (size_t i = 0; i < value.size(); ++i) {
                out += fmt::format("{:{}}{} {}\n{}", "", indent, name, i + 1,
                                   listing(value[i], indent + 2));
            }
        } else if (value.is_object()) {
            out += fmt::format("{:{}}{}\n{}", "", indent, name, listing(value, indent + 2));
        } else {
            out += fmt::format("{:{}}{:<{}}  {}\n", "", indent, name, width, text_of(value));
        }
    }
    return out;
}

}  // namespace sdg::ctl
