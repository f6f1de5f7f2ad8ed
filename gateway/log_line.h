// How a log line looks for people, for programs and for the journal. Pure.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/configuration.h"

namespace sdg::gateway {

struct LogLine {
    std::chrono::system_clock::time_point time;
    config::LogLevel level = config::LogLevel::info;
    std::string module;
    std::string text;
    std::vector<std::pair<std::string, std::string>> fields;
};

// payload: as control/log.h makes it. Control characters of the text, which may come from a peer,
// are spelled "\xNN": a line stays a line, and terminals do not act on it.
[[nodiscard]] LogLine log_line(std::chrono::system_clock::time_point time, config::LogLevel level,
                               std::string_view module, std::string_view payload);

// With the end of line. Times are local, with milliseconds.
[[nodiscard]] std::string as_text(const LogLine& line);
[[nodiscard]] std::string as_json(const LogLine& line);
// As systemd reads standard error of a service: "<6>gateway: text".
[[nodiscard]] std::string with_priority(const LogLine& line);
// A datagram of the journal's native protocol: MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, SDG_MODULE and
// SDG_ with the name of each field.
[[nodiscard]] std::string as_journal_entry(const LogLine& line);

// What lines of one kind of event have in common: the text without what varies (numbers, addresses,
// quoted words, all after a colon), cut to 96 octets.
[[nodiscard]] std::string kind_of(const LogLine& line);

}  // namespace sdg::gateway
