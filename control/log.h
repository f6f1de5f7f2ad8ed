// The control plane's one logger: spdlog, one line per event, a name per module.
//
// Control thread and start-up only; the data plane never logs. Secrets and key material never
// reach a log line. gateway/logging.h decides level, format and where it goes, and how many lines.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sdg::log {

// The logger of a module ("relay", "keymgmt", "restart", "admin", "gateway"): shares sinks and
// level with spdlog's default logger as it was when the module first logged.
inline spdlog::logger& of(const std::string& module) {
    if (auto existing = spdlog::get(module)) {
        return *existing;
    }
    auto made = spdlog::default_logger()->clone(module);
    spdlog::register_logger(made);
    return *made;
}

// Between a line's text and its fields, between fields, and between a field's name and value. The
// sinks take them apart (gateway/log_line.h); they never leave the process.
constexpr char kFieldsBegin = '\x1e';
constexpr char kFieldEnd = '\x1d';
constexpr char kValueBegin = '\x1f';

using Field = std::pair<std::string_view, std::string>;

// A line with fields for programs: members in JSON, fields in the journal, not shown as text. The
// text says the same to people. Names are lower case; values without control characters.
inline void event(const std::string& module, spdlog::level::level_enum level, std::string_view text,
                  const std::vector<Field>& fields) {
    auto& logger = of(module);
    if (!logger.should_log(level)) {
        return;
    }
    std::string line;
    for (const char c : text) {
        line.push_back(c == kFieldsBegin ? '?' : c);  // what a peer sent cannot make fields
    }
    line.push_back(kFieldsBegin);
    for (const auto& [name, value] : fields) {
        if (!value.empty()) {
            line.append(name).push_back(kValueBegin);
            line.append(value).push_back(kFieldEnd);
        }
    }
    logger.log(level, std::string_view(line));
}

}  // namespace sdg::log
