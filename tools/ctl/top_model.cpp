#include "tools/ctl/top_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <unordered_map>

#include "tools/ctl/printable.h"

namespace sdg::ctl::top {
namespace {

using nlohmann::json;

constexpr int64_t kWarnSeconds = int64_t{14} * 86400;  // before a certificate's end

// An older or newer gateway may lack a member, or have null.
double number(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}
uint64_t whole(const json& object, const char* name) {
    return static_cast<uint64_t>(std::max(number(object, name), 0.0));
}
std::string text(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : "";
}
bool is_true(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

// The row of the round before with the same value of a member; null: it was not there.
const json* same_row(const json* rows, const char* name, const json& row) {
    if (rows == nullptr) {
        return nullptr;
    }
    for (const json& other : *rows) {
        if (other.value(name, json()) == row.value(name, json())) {
            return &other;
        }
    }
    return nullptr;
}

class Difference {
 public:
    Difference(const json* before, const json& now, double seconds)
        : before_(before), now_(now), seconds_(seconds) {}

    // unset: there is no row before, or a counter that went back.
    [[nodiscard]] Rate grown(const char* name) const {
        if (before_ == nullptr || seconds_ <= 0) {
            return std::nullopt;
        }
        const double by = number(now_, name) - number(*before_, name);
        return by < 0 ? Rate() : Rate(by);
    }
    [[nodiscard]] Rate rate(const char* name, double factor = 1) const {
        const Rate by = grown(name);
        return by ? Rate(*by * factor / seconds_) : by;
    }

 private:
    const json* before_;
    const json& now_;
    double seconds_;
};

Rate sum(const Rate& a, const Rate& b) {
    return a && b ? Rate(*a + *b) : Rate();
}

Worker worker_of(const json& row, const json* before, double seconds,
                 std::map<std::string, double>& drops) {
    const Difference d(before, row, seconds);
    Worker out{.index = whole(row, "worker"),
               .packets = d.rate("handled"),
               .sealed = d.rate("sealed"),
               .opened = d.rate("opened"),
               .dropped = before != nullptr ? Rate(0) : Rate(),
               .cycles_per_packet = {},
               .idle_share = {}};
    const Rate handled = d.grown("handled");
    const Rate busy = d.grown("busy_cycles");
    const Rate idle = d.grown("idle_cycles");
    if (handled && busy && *handled > 0) {
        out.cycles_per_packet = *busy / *handled;
    }
    if (busy && idle && *busy + *idle > 0) {
        out.idle_share = *idle / (*busy + *idle);
    }
    if (before != nullptr && row.contains("drops") && before->contains("drops")) {
        const Difference reasons(&before->at("drops"), row.at("drops"), seconds);
        for (const auto& [reason, count] : row.at("drops").items()) {
            const double rate = reasons.rate(reason.c_str()).value_or(0);
            *out.dropped += rate;
            if (rate > 0) {
                drops[printable(reason)] += rate;
            }
        }
    }
    return out;
}

Port port_of(const json& row, const json* before, double seconds) {
    const json none = json::object();
    const json& counters = row.contains("counters") ? row.at("counters") : none;
    const json* counters_before =
        before != nullptr && before->contains("counters") ? &before->at("counters") : nullptr;
    const Difference d(counters_before, counters, seconds);
    constexpr double bits = 8;
    Port out{.name = text(row, "port"),
             .link_up = is_true(row, "link_up"),
             .packets_in = d.rate("rx_packets"),
             .bits_in = d.rate("rx_octets", bits),
             .packets_out = d.rate("tx_packets"),
             .bits_out = d.rate("tx_octets", bits),
             .lost = d.rate("rx_missed")};
    for (const char* name : {"rx_errors", "rx_no_mbuf", "tx_errors"}) {
        out.lost = sum(out.lost, d.rate(name));
    }
    return out;
}

Association association_of(const json& row, const json* before, double seconds) {
    const Difference d(before, row, seconds);
    constexpr double bits = 8;
    return {.id = whole(row, "association"),
            .state = text(row, "state"),
            .listener = text(row, "listener"),
            .peer = text(row, "accepted_peer"),
            .identity = text(row, "accepted_identity"),
            .method = text(row, "accepted_method"),
            .backend = text(row, "backend"),
            .backend_peer = text(row, "backend_peer"),
            .backend_identity = text(row, "backend_identity"),
            .backend_method = text(row, "backend_method"),
            .age = number(row, "age_s"),
            .messages = sum(d.rate("messages_to_backend"), d.rate("messages_from_backend")),
            .bits = sum(d.rate("octets_to_backend", bits), d.rate("octets_from_backend", bits))};
}

void warn(Figures& out, const json& certificates) {
    for (const json& certificate : certificates) {
        const double left = number(certificate, "expires_in_s");
        if (left < kWarnSeconds) {
            out.warnings.push_back(left < 0 ? fmt::format("certificate of policy {} has expired",
                                                          text(certificate, "policy"))
                                            : fmt::format("certificate of policy {} expires in {}",
                                                          text(certificate, "policy"),
                                                          short_time(left)));
        }
    }
    for (const Backend& backend : out.backends) {
        if (backend.state == "down") {
            out.warnings.push_back(fmt::format("backend {} is down", backend.name));
        }
    }
    for (const Port& port : out.ports) {
        if (!port.link_up) {
            out.warnings.push_back(fmt::format("link of port {} is down", port.name));
        }
    }
}

void total(Figures& out, const Answers* before, const Answers& now, double seconds) {
    const Difference d(before != nullptr ? &before->status : nullptr, now.status, seconds);
    constexpr double bits = 8;
    out.version = text(now.status, "program_version");
    out.state = text(now.status, "state");
    out.uptime = number(now.status, "uptime_s");
    out.associations = whole(now.status, "associations");
    out.relaying = whole(now.status, "associations_relaying");
    out.messages_to_backend = d.rate("messages_to_backend");
    out.messages_from_backend = d.rate("messages_from_backend");
    out.bits_to_backend = d.rate("octets_to_backend", bits);
    out.bits_from_backend = d.rate("octets_from_backend", bits);
}

}  // namespace

Figures figures(const Answers* before, const Answers& now) {
    if (before != nullptr && number(now.status, "uptime_s") < number(before->status, "uptime_s")) {
        before = nullptr;
    }
    const double seconds = before != nullptr ? now.time - before->time : 0;
    Figures out;
    total(out, before, now, seconds);
    std::map<std::string, double> drops;
    for (const json& row : now.workers) {
        const json* old = same_row(before != nullptr ? &before->workers : nullptr, "worker", row);
        out.workers.push_back(worker_of(row, old, seconds, drops));
        const Worker& worker = out.workers.back();
        const bool first = out.workers.size() == 1;
        out.sealed = first ? worker.sealed : sum(out.sealed, worker.sealed);
        out.opened = first ? worker.opened : sum(out.opened, worker.opened);
    }
    for (const auto& [reason, rate] : drops) {
        out.drops.push_back({reason, rate});
    }
    std::ranges::stable_sort(out.drops, std::ranges::greater(), &Drop::rate);
    for (const json& row : now.ports) {
        out.ports.push_back(port_of(
            row, same_row(before != nullptr ? &before->ports : nullptr, "port", row), seconds));
    }
    for (const json& row : now.backends) {
        out.backends.push_back({.name = text(row, "backend"),
                                .state = text(row, "state"),
                                .associations = whole(row, "associations"),
                                .failures = whole(row, "failures")});
    }
    std::unordered_map<uint64_t, const json*> rows_before;
    if (before != nullptr) {
        for (const json& row : before->associations) {
            rows_before.emplace(whole(row, "association"), &row);
        }
    }
    for (const json& row : now.associations) {
        const auto old = rows_before.find(whole(row, "association"));
        out.listed.push_back(
            association_of(row, old != rows_before.end() ? old->second : nullptr, seconds));
    }
    warn(out, now.certificates);
    return out;
}

std::string short_count(const Rate& value) {
    if (!value) {
        return "-";
    }
    constexpr std::array<const char*, 5> units{"", "k", "M", "G", "T"};
    double scaled = *value;
    size_t unit = 0;
    while (scaled >= 999.5 && unit + 1 < units.size()) {
        scaled /= 1000;
        ++unit;
    }
    const bool exact = unit == 0 && std::trunc(scaled) == scaled;
    const int digits = exact || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
    return fmt::format("{:.{}f}{}", scaled, digits, units[unit]);
}

std::string short_time(double seconds) {
    const auto s = static_cast<int64_t>(std::max(seconds, 0.0));
    if (s >= 86400) {
        return fmt::format("{}d{:02}h", s / 86400, s / 3600 % 24);
    }
    if (s >= 3600) {
        return fmt::format("{}h{:02}m", s / 3600, s / 60 % 60);
    }
    return s >= 60 ? fmt::format("{}m{:02}s", s / 60, s % 60) : fmt::format("{}s", s);
}

}  // namespace sdg::ctl::top
