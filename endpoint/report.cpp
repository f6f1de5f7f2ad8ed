#include "endpoint/report.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace sdg::endpoint {
namespace {

using nlohmann::ordered_json;

ordered_json json_of(const RoundTrips& round_trips) {
    const RoundTripSummary summary = round_trips.summary();
    return {{"count", summary.count},
            {"p50", summary.p50},
            {"p90", summary.p90},
            {"p99", summary.p99},
            {"max", summary.max}};
}

ordered_json json_of(const std::optional<WallTime>& time) {
    return time ? ordered_json(time->count()) : ordered_json();
}

struct Totals {
    size_t octets_sent = 0;
    size_t octets_received = 0;
    RoundTrips round_trips;
};

const char* name_of(ClientEvent::What what) {
    switch (what) {
        case ClientEvent::What::lost:
            return "lost";
        case ClientEvent::What::late:
            return "late";
        case ClientEvent::What::repeated:
            return "repeated";
        case ClientEvent::What::silence:
            return "silence";
        case ClientEvent::What::up:
            return "up";
        case ClientEvent::What::restarted:
            return "restarted";
        case ClientEvent::What::ended:
            return "ended";
        case ClientEvent::What::refused:
            return "refused";
    }
    return "unknown";
}

// Times in milliseconds of the steady clock (CLOCK_MONOTONIC), so that others can place them.
ordered_json json_of(const std::vector<ClientEvent>& events) {
    ordered_json out = ordered_json::array();
    const auto ms = [](TimePoint at) {
        return std::chrono::duration_cast<std::chrono::milliseconds>(at).count();
    };
    for (const ClientEvent& event : events) {
        out.push_back({{"what", name_of(event.what)},
                       {"association", event.association},
                       {"at_ms", ms(event.at)},
                       {"since_ms", ms(event.since)},
                       {"detail", event.detail}});
    }
    return out;
}

Totals totals_of(const ClientReport& report) {
    Totals totals;
    for (const PhaseReport& phase : report.phases) {
        totals.octets_sent += phase.octets_sent;
        totals.octets_received += phase.octets_received;
        totals.round_trips.add(phase.round_trips);
    }
    return totals;
}

std::string table_row(const std::string& name, size_t messages, size_t octets,
                      const RoundTrips& round_trips) {
    const RoundTripSummary summary = round_trips.summary();
    return fmt::format("{:<24} {:>9} {:>12} {:>9.0f} {:>9.0f} {:>9.0f} {:>9.0f}\n", name, messages,
                       octets, summary.p50, summary.p90, summary.p99, summary.max);
}

}  // namespace

void say_line(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
}

std::string summary_json(const ClientReport& report) {
    const Totals totals = totals_of(report);
    ordered_json phases = ordered_json::array();
    for (const PhaseReport& phase : report.phases) {
        phases.push_back(
            {{"name", phase.name},
             {"messages", phase.messages},
             {"octets", {{"sent", phase.octets_sent}, {"received", phase.octets_received}}},
             {"seconds", phase.seconds},
             {"round_trip_us", json_of(phase.round_trips)}});
    }
    ordered_json out = {
        {"role", "client"},
        {"passed", report.errors.empty()},
        {"associations", report.associations_up},
        {"messages", {{"sent", report.sent}, {"verified", report.verified}, {"lost", report.lost}}},
        {"restarts", report.restarts},
        {"answered_after_restart",
         {{"first_unix_ms", json_of(report.first_after_restart)},
          {"last_unix_ms", json_of(report.last_after_restart)}}},
        {"longest_silence_ms",
         std::chrono::duration<double, std::milli>(report.longest_silence).count()},
        {"octets", {{"sent", totals.octets_sent}, {"received", totals.octets_received}}},
        {"round_trip_us", json_of(totals.round_trips)},
        {"phases", phases},
        {"errors", report.errors}};
    if (!report.events.empty()) {
        out["events"] = json_of(report.events);
    }
    return out.dump(2) + "\n";
}

std::string summary_json(const ServerReport& report) {
    const ordered_json out = {{"role", "server"},
                              {"associations", report.associations},
                              {"messages", report.messages},
                              {"octets", report.octets},
                              {"answers", report.answers},
                              {"ended_by_shutdown", report.ended_by_shutdown},
                              {"ended_by_abort", report.ended_by_abort},
                              {"lost", report.lost},
                              {"aborted_here", report.aborted_here}};
    return out.dump(2) + "\n";
}

std::string table(const ClientReport& report) {
    std::string out =
        fmt::format("{:<24} {:>9} {:>12} {:>9} {:>9} {:>9} {:>9}\n", "phase", "messages",
                    "octets sent", "p50 us", "p90 us", "p99 us", "max us");
    for (const PhaseReport& phase : report.phases) {
        out += table_row(phase.name, phase.messages, phase.octets_sent, phase.round_trips);
    }
    const Totals totals = totals_of(report);
    out += table_row("all", report.verified, totals.octets_sent, totals.round_trips);
    return out;
}

Result<void> write_file(const std::filesystem::path& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text << std::flush;
    if (!out) {
        return fail(ErrorCode::io, "{}: cannot be written", file.string());
    }
    return {};
}

}  // namespace sdg::endpoint
