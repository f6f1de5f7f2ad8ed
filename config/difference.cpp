#include "config/difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace sdg::config {
namespace {

constexpr std::string_view kEal = "DPDK is started once";
constexpr std::string_view kThreads = "threads, their CPUs and their tables are made at start";
constexpr std::string_view kPorts = "devices, addresses and routes are set up at start";
constexpr std::string_view kTables = "the tables are made at start";
constexpr std::string_view kSctp = "SCTP's parameters are those of all associations from the start";
constexpr std::string_view kSockets = "the socket is opened at start";
constexpr std::string_view kStore = "the store is opened, and its owner settled, at start";
constexpr std::string_view kOnce = "it is decided at start";

// Sections with keys of both kinds are listed key by key, so that a new one has to be thought of.
constexpr ChangeRule kRules[] = {
    {"eal", false, kEal},
    {"workers", false, kThreads},
    {"control", false, kThreads},
    {"ports", false, kPorts},
    {"protection", true},
    {"backends", true},
    {"listeners", true},
    {"limits.associations", false, kTables},
    {"limits.handshakes", true},
    {"limits.unauthenticated", false, kTables},
    {"limits.unauthenticated_source", false, kTables},
    {"limits.send_buffer_kib", true},
    {"limits.receive_buffer_kib", true},
    {"limits.ring_packets", false, kTables},
    {"budgets", false, kThreads},
    {"sctp.rto_initial_ms", false, kSctp},
    {"sctp.rto_min_ms", false, kSctp},
    {"sctp.rto_max_ms", false, kSctp},
    {"sctp.heartbeat_interval_ms", false, kSctp},
    {"sctp.association_max_retransmissions", false, kSctp},
    {"sctp.init_max_retransmissions", false, kSctp},
    {"sctp.cookie_lifetime_ms", false, kSctp},
    {"sctp.cookie_key_rotation_s", false, kSctp},
    {"sctp.sack_delay_ms", false, kSctp},
    {"sctp.path_mtu", true},
    {"shutdown.timeout_ms", true},
    {"log.level", true},
    {"log.format", false, kOnce},
    {"log.lines_per_second", false, kOnce},
    {"log.modules", true},
    {"security", false, kOnce},
    {"admin", false, kSockets},
    {"metrics", false, kSockets},
    {"restart", false, kStore},
    {"lab", false, kOnce},
    {"stats_file", false, kOnce},
};

bool is_below(std::string_view path, std::string_view above) {
    return path.starts_with(above) &&
           (path.size() == above.size() || path[above.size()] == '.' || path[above.size()] == '[');
}

// The section or named entry that a key is in: "listeners[nodes]" of "listeners[nodes].port".
std::string container(const std::string& key) {
    const size_t dot = key.rfind('.');
    return dot == std::string::npos ? std::string() : key.substr(0, dot);
}

// Some ancestor is itself there in one of the two only: it says all.
bool is_told_above(const std::string& key, const Outline& has, const Outline& lacks) {
    for (std::string above = container(key); !above.empty(); above = container(above)) {
        if (has.contains(above) && !lacks.contains(above)) {
            return true;
        }
    }
    return false;
}

// A URI of a token may carry its PIN.
std::string shown_value(const std::string& value) {
    return value.find("pin-value") == std::string::npos ? value : "(not shown)";
}

Change describe(const std::string& key, const OutlineEntry& entry, Change::Kind kind,
                const Outline& candidate) {
    Change out{.key = key, .kind = kind, .from = {}, .to = {}, .position = {}, .reason = {}};
    out.position = position_of(candidate, key);
    if (const ChangeRule* rule = change_rule(entry.schema_path)) {
        out.is_live = rule->is_live;
        out.reason = rule->reason;
    } else {
        out.reason = kOnce;
    }
    return out;
}

}  // namespace

const ChangeRule* change_rule(std::string_view schema_path) {
    const auto found = std::ranges::find_if(
        kRules, [&](const ChangeRule& rule) { return is_below(schema_path, rule.path); });
    return found == std::end(kRules) ? nullptr : found;
}

std::string to_string(const Change& change) {
    switch (change.kind) {
        case Change::Kind::added:
            return change.key + ": added";
        case Change::Kind::removed:
            return change.key + ": removed";
        case Change::Kind::changed:
            break;
    }
    return fmt::format("{}: {} -> {}", change.key, change.from.empty() ? "none" : change.from,
                       change.to.empty() ? "none" : change.to);
}

std::vector<Change> difference(const Outline& running, const Outline& candidate) {
    std::vector<Change> out;
    for (const auto& [key, entry] : running) {
        const auto found = candidate.find(key);
        if (found == candidate.end()) {
            if (!is_told_above(key, running, candidate)) {
                out.push_back(describe(key, entry, Change::Kind::removed, candidate));
            }
        } else if (found->second.value != entry.value) {
            Change& change =
                out.emplace_back(describe(key, entry, Change::Kind::changed, candidate));
            change.from = shown_value(entry.value);
            change.to = shown_value(found->second.value);
        }
    }
    for (const auto& [key, entry] : candidate) {
        if (!running.contains(key) && !is_told_above(key, candidate, running)) {
            out.push_back(describe(key, entry, Change::Kind::added, candidate));
        }
    }
    std::ranges::stable_sort(out, {}, [](const Change& change) {
        return std::tuple(change.kind != Change::Kind::removed, change.position.line,
                          change.position.column);
    });
    return out;
}

}  // namespace sdg::config
