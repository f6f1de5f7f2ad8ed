#include "config/error_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace sdg::config {

void ErrorList::add(Position position, std::string_view key, std::string expected,
                    std::string got) {
    if (errors_.size() == max_reported_errors) {
        ++not_kept_;
        return;
    }
    errors_.push_back({file_, position.line, position.column, std::string(key), std::move(expected),
                       std::move(got)});
}

std::vector<ConfigError> ErrorList::take() {
    std::stable_sort(errors_.begin(), errors_.end(), [](const auto& a, const auto& b) {
        return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    if (not_kept_ != 0) {
        errors_.push_back({file_, 0, 0, "", fmt::format("at most {} errors", max_reported_errors),
                           fmt::format("{} more", not_kept_)});
    }
    return std::move(errors_);
}

std::string shown(std::string_view value) {
    constexpr size_t longest = 60;
    std::string out = "'";
    for (const char c : value.substr(0, longest)) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x20 || octet == 0x7f) {
            out += fmt::format("\\x{:02x}", octet);
        } else {
            out.push_back(c);
        }
    }
    out += value.size() > longest ? "...'" : "'";
    return out;
}

std::string to_string(const ConfigError& error) {
    std::string out = error.file;
    if (error.line != 0) {
        out += fmt::format(":{}:{}", error.line, error.column);
    }
    if (!error.key.empty()) {
        out += fmt::format(": {}", error.key);
    }
    return out + fmt::format(": expected {}, got {}", error.expected, error.got);
}

std::string to_string(const std::vector<ConfigError>& errors) {
    std::string out;
    for (const ConfigError& error : errors) {
        out += to_string(error);
        out += '\n';
    }
    return out;
}

}  // namespace sdg::config
