// What the endpoint tells: progress lines and the final table on standard output, the summary as
// JSON.
//
// Client summary: { "role": "client", "passed": bool, "associations", "messages": {"sent",
// "verified", "lost"}, "restarts", "answered_after_restart": {"first_unix_ms", "last_unix_ms"} (of
// the associations' first answers; null without a restart), "longest_silence_ms", "octets":
// {"sent", "received"}, "round_trip_us": {"count", "p50", "p90", "p99", "max"}, "phases": [the same
// per phase, with "name" and "seconds"], "errors": [text] }. Server summary: { "role": "server",
// and the fields of ServerReport }.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <utility>

#include "endpoint/client.h"
#include "endpoint/server.h"
#include "foundation/result.h"

namespace sdg::endpoint {

void say_line(const std::string& line);

// One progress line, out at once even into a pipe.
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
    say_line(fmt::format(format, std::forward<Args>(args)...));
}

[[nodiscard]] std::string summary_json(const ClientReport& report);
[[nodiscard]] std::string summary_json(const ServerReport& report);
[[nodiscard]] std::string table(const ClientReport& report);
[[nodiscard]] Result<void> write_file(const std::filesystem::path& file, const std::string& text);

}  // namespace sdg::endpoint
