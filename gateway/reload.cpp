#include "gateway/reload.h"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <system_error>
#include <utility>

#include "control/log.h"
#include "gateway/logging.h"

namespace sdg::gateway {
namespace {

using nlohmann::json;

std::string refusal_line(const std::string& file, const ReloadReport::Refused& refused) {
    std::string out = file;
    if (refused.line != 0) {
        out += fmt::format(":{}", refused.line);
    }
    return fmt::format("{}: {}{}{}", out, refused.key, refused.key.empty() ? "" : ": ",
                       refused.reason);
}

std::string_view kind_name(config::Change::Kind kind) {
    switch (kind) {
        case config::Change::Kind::added:
            return "added";
        case config::Change::Kind::removed:
            return "removed";
        case config::Change::Kind::changed:
            break;
    }
    return "changed";
}

void log_report(const ReloadReport& report) {
    auto& log = log::of("gateway");
    const char* what = report.is_trial ? "trial of a reload" : "reload";
    for (const ReloadReport::Refused& refused : report.refused) {
        log.error("{} refused, nothing is changed: {}", what, refusal_line(report.file, refused));
    }
    if (report.is_refused()) {
        return;
    }
    for (const config::Change& change : report.changes) {
        log.info("{}: {}", what, config::to_string(change));
    }
    log.info("{}: {} changes {}, {} certificates read", what, report.changes.size(),
             report.is_trial ? "are possible" : "applied", report.certificates.size());
}

}  // namespace

std::string ReloadReport::refusal() const {
    std::string out;
    for (const Refused& one : refused) {
        out += (out.empty() ? "" : "\n") + refusal_line(file, one);
    }
    return out;
}

json ReloadReport::to_json() const {
    json out = {{"file", file},
                {"result", is_refused() ? "refused"
                           : is_trial   ? "possible"
                                        : "applied"},
                {"changes", json::array()},
                {"refused", json::array()},
                {"certificates", json::array()}};
    const auto line_of = [](size_t line) { return line == 0 ? json(nullptr) : json(line); };
    for (const config::Change& change : changes) {
        json& added = out["changes"].emplace_back(json{{"key", change.key},
                                                       {"change", kind_name(change.kind)},
                                                       {"live", change.is_live},
                                                       {"line", line_of(change.position.line)}});
        if (change.kind == config::Change::Kind::changed) {
            added["from"] = change.from;
            added["to"] = change.to;
        }
    }
    for (const Refused& one : refused) {
        out["refused"].push_back(
            {{"line", line_of(one.line)}, {"key", one.key}, {"reason", one.reason}});
    }
    for (const Certificate& one : certificates) {
        out["certificates"].push_back(
            {{"policy", one.policy},
             {"subject", one.subject},
             {"not_after", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                       fmt::gmtime(static_cast<std::time_t>(one.not_after)))}});
    }
    return out;
}

ReloadReport Reload::run(bool trial) {
    ReloadReport report;
    report.file = file_.string();
    report.is_trial = trial;
    // A pipe would stop the control loop until somebody writes to it.
    std::error_code ignored;
    const auto status = std::filesystem::status(file_, ignored);
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
        report.refused.push_back({.line = 0, .key = {}, .reason = "expected a regular file"});
    } else if (auto loaded = config::load_file(file_); loaded) {
        apply(std::move(*loaded), report);
    } else {
        for (const config::ConfigError& error : loaded.error()) {
            report.refused.push_back(
                {.line = error.line,
                 .key = error.key,
                 .reason = fmt::format("expected {}, got {}", error.expected, error.got)});
        }
    }
    log_report(report);
    return report;
}

void Reload::apply(config::LoadedFile loaded, ReloadReport& report) {
    report.changes = config::difference(running_, loaded.outline);
    for (const config::Change& change : report.changes) {
        if (!change.is_live) {
            report.refused.push_back({.line = change.position.line,
                                      .key = change.key,
                                      .reason = "needs a restart: " + change.reason});
        }
    }
    if (report.is_refused()) {
        return;
    }
    auto prepared = gateway_.prepare(loaded.configuration);
    if (!prepared) {
        report.refused.push_back(
            {.line = config::position_of(loaded.outline, prepared.error().key).line,
             .key = prepared.error().key,
             .reason = prepared.error().reason});
        return;
    }
    for (const auto& [policy, credentials] : prepared->policies().credentials) {
        const auto& current = *credentials->current();
        report.certificates.push_back({policy, current.subject, current.not_after});
    }
    if (report.is_trial) {
        return;
    }
    gateway_.commit(std::move(*prepared));
    running_ = std::move(loaded.outline);
    // What an operator has set by command stays until the file says something else.
    if (std::ranges::any_of(report.changes, [](const config::Change& change) {
            return change.key.starts_with("log.");
        })) {
        config::Log log = loaded.configuration.log;
        log.level = level_.value_or(log.level);
        set_log_levels(log);
    }
}

}  // namespace sdg::gateway
