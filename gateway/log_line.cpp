#include "gateway/log_line.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ctime>
#include <iterator>
#include <nlohmann/json.hpp>

#include "control/log.h"

namespace sdg::gateway {
namespace {

std::string_view name_of(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::error:
            return "error";
        case config::LogLevel::warn:
            return "warning";
        case config::LogLevel::debug:
            return "debug";
        case config::LogLevel::info:
            break;
    }
    return "info";
}

// Of syslog(3).
int priority_of(config::LogLevel level) {
    switch (level) {
        case config::LogLevel::error:
            return 3;
        case config::LogLevel::warn:
            return 4;
        case config::LogLevel::debug:
            return 7;
        case config::LogLevel::info:
            break;
    }
    return 6;
}

std::string spelled(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (octet < 0x20 || octet == 0x7f) {
            fmt::format_to(std::back_inserter(out), "\\x{:02x}", octet);
        } else {
            out.push_back(c);
        }
    }
    return out;
}

std::string stamp(std::chrono::system_clock::time_point time, bool with_zone) {
    const auto ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::tm local = fmt::localtime(static_cast<std::time_t>(ms / 1000));
    std::string out = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}", local, ms % 1000);
    if (with_zone) {
        const std::string zone = fmt::format("{:%z}", local);  // +0100
        out += zone.size() == 5 ? fmt::format("{}:{}", zone.substr(0, 3), zone.substr(3)) : zone;
    }
    return out;
}

bool is_number_like(std::string_view word) {
    return std::ranges::any_of(word, [](unsigned char c) { return std::isdigit(c) != 0; });
}

}  // namespace

LogLine log_line(std::chrono::system_clock::time_point time, config::LogLevel level,
                 std::string_view module, std::string_view payload) {
    LogLine out{
        .time = time, .level = level, .module = std::string(module), .text = {}, .fields = {}};
    const size_t begin = payload.find(log::kFieldsBegin);
    out.text = spelled(payload.substr(0, begin));
    if (begin == std::string_view::npos) {
        return out;
    }
    payload.remove_prefix(begin + 1);
    while (!payload.empty()) {
        const size_t end = std::min(payload.find(log::kFieldEnd), payload.size());
        const std::string_view field = payload.substr(0, end);
        if (const size_t value = field.find(log::kValueBegin); value != std::string_view::npos) {
            out.fields.emplace_back(field.substr(0, value), spelled(field.substr(value + 1)));
        }
        payload.remove_prefix(std::min(end + 1, payload.size()));
    }
    return out;
}

std::string as_text(const LogLine& line) {
    return fmt::format("{} {} {}: {}\n", stamp(line.time, false), name_of(line.level), line.module,
                       line.text);
}

std::string as_json(const LogLine& line) {
    nlohmann::ordered_json out = {{"time", stamp(line.time, true)},
                                  {"level", name_of(line.level)},
                                  {"module", line.module},
                                  {"text", line.text}};
    for (const auto& [name, value] : line.fields) {
        out[name] = value;
    }
    return out.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

std::string with_priority(const LogLine& line) {
    return fmt::format("<{}>{}: {}\n", priority_of(line.level), line.module, line.text);
}

std::string as_journal_entry(const LogLine& line) {
    std::string out =
        fmt::format("MESSAGE={}: {}\nPRIORITY={}\nSYSLOG_IDENTIFIER=sctp-gateway\nSDG_MODULE={}\n",
                    line.module, line.text, priority_of(line.level), line.module);
    for (const auto& [name, value] : line.fields) {
        std::string upper = name;
        std::ranges::transform(upper, upper.begin(),
                               [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
        out += fmt::format("SDG_{}={}\n", upper, value);
    }
    return out;
}

std::string kind_of(const LogLine& line) {
    constexpr size_t kLongest = 96;
    std::string out = line.module + ' ';
    std::string_view rest = line.text;
    while (!rest.empty() && out.size() < kLongest) {
        const size_t end = std::min(rest.find(' '), rest.size());
        std::string_view word = rest.substr(0, end);
        // "failed: whatever the peer has sent"; an address has its colons inside the word.
        const bool last = word.ends_with(':') && !is_number_like(word);
        out += is_number_like(word) || word.starts_with('"') ? "#" : word;
        out += ' ';
        if (last) {
            break;
        }
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    out.resize(std::min(out.size(), kLongest));
    return out;
}

}  // namespace sdg::gateway
