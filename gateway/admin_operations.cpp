#include "gateway/admin_operations.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "control/log.h"
#include "control/relay/pair.h"
#include "gateway/association_view.h"

#ifndef SDG_VERSION
#error "the build names the version"
#endif

namespace sdg::gateway {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 5> kModules{"admin", "gateway", "keymgmt", "relay",
                                                   "restart"};

json level_name(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::err:
            return "error";
        case spdlog::level::debug:
            return "debug";
        case spdlog::level::warn:
            return "warn";
        default:
            return "info";
    }
}

spdlog::level::level_enum level_of(const std::string& name) {
    return name == "error"   ? spdlog::level::err
           : name == "warn"  ? spdlog::level::warn
           : name == "debug" ? spdlog::level::debug
                             : spdlog::level::info;
}

uint64_t value(const worker::WorkerCounters::Counter& counter) {
    return counter.load(std::memory_order_relaxed);
}

json drops_of(const worker::WorkerCounters& counters) {
    json out = json::object();
    for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
        const auto reason = static_cast<packet::DropReason>(r);
        out[std::string(packet::name(reason))] = counters.drop(reason);
    }
    return out;
}

tl::unexpected<Error> no_association(uint64_t id) {
    return fail(ErrorCode::not_found, "no association {}", id);
}

}  // namespace

json AdminOperations::status() const {
    const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(gateway_.clock().now() -
                                                                         gateway_.started());
    const relay::RelayCounters& relay = gateway_.relay().counters();
    size_t relaying = 0;
    for (const auto& pair : gateway_.relay().pairs()) {
        relaying += pair->accepted_leg().is_up() && pair->backend_leg().is_up() ? 1U : 0U;
    }
    return {{"program_version", SDG_VERSION},
            {"state", gateway_.relay().is_draining() ? "draining" : "ready"},
            {"uptime_s", uptime.count()},
            {"associations", gateway_.relay().pair_count()},
            {"associations_relaying", relaying},
            {"associations_accepted", relay.pairs_accepted},
            {"messages_to_backend", relay.to_backend.messages},
            {"octets_to_backend", relay.to_backend.octets},
            {"messages_from_backend", relay.from_backend.messages},
            {"octets_from_backend", relay.from_backend.octets},
            {"backend_failures", relay.backend_failures},
            {"protection_failures", relay.protection_failures},
            {"workers", gateway_.workers().size()},
            {"ports", gateway_.ports().size()}};
}

json AdminOperations::associations(uint64_t after, size_t limit) const {
    const TimePoint now = gateway_.clock().now();
    json list = json::array();
    json next = nullptr;
    for (const auto& pair : gateway_.relay().pairs()) {
        if (pair->id() <= after) {
            continue;
        }
        if (list.size() == limit) {
            next = list.back()["association"];
            break;
        }
        list.push_back(association_line(*pair, now));
    }
    return {{"associations", std::move(list)},
            {"total", gateway_.relay().pair_count()},
            {"next", next}};
}

Result<json> AdminOperations::association(uint64_t id) const {
    const relay::Pair* pair = gateway_.relay().find(id);
    if (pair == nullptr) {
        return no_association(id);
    }
    return association_view(*pair, gateway_.protection(), gateway_.clock().now());
}

json AdminOperations::backends() const {
    json list = json::array();
    for (const auto& backend : gateway_.relay().backends()) {
        const relay::BackendSettings& settings = *backend->settings;
        const relay::BackendCounters& counters = backend->counters;
        list.push_back(
            {{"backend", settings.name},
             {"address", settings.endpoints.peer.to_string()},
             {"port", settings.endpoints.peer_port},
             {"policy", settings.policy == nullptr ? json(nullptr) : json(settings.policy->name)},
             {"state", !counters.last_connected   ? "unknown"
                       : *counters.last_connected ? "up"
                                                  : "down"},
             {"configured", !backend->is_removed},
             {"associations", counters.associations},
             {"connected", counters.connected},
             {"failures", counters.failures}});
    }
    return {{"backends", std::move(list)}};
}

json AdminOperations::ports() const {
    json list = json::array();
    for (uint16_t p = 0; p < gateway_.ports().size(); ++p) {
        json counters = json::object();
        for (const auto& [name, count] : gateway_.ports().device_counters(p)) {
            counters[name] = count;
        }
        list.push_back({{"port", gateway_.ports().name(p)},
                        {"link_up", gateway_.ports().link_up(p)},
                        {"mtu", gateway_.ports().mtu(p)},
                        {"per_second", rates_.of_port(p)},
                        {"counters", std::move(counters)}});
    }
    return {{"ports", std::move(list)}};
}

json AdminOperations::workers() const {
    json list = json::array();
    for (size_t w = 0; w < gateway_.workers().size(); ++w) {
        const worker::WorkerCounters& c = gateway_.workers()[w]->counters();
        const uint64_t idle = value(c.idle_rounds);
        const uint64_t busy = value(c.busy_rounds);
        list.push_back({{"worker", w},
                        {"received", value(c.received)},
                        {"transmitted", value(c.transmitted)},
                        {"opened", value(c.opened)},
                        {"sealed", value(c.sealed)},
                        {"clear_received", value(c.clear_received)},
                        {"clear_sent", value(c.clear_sent)},
                        {"handed_over", value(c.handed_over)},
                        {"idle_rounds", idle},
                        {"busy_rounds", busy},
                        {"sleeps", value(c.sleeps)},
                        {"handled", value(c.handled)},
                        {"busy_cycles", value(c.busy_cycles)},
                        {"idle_cycles", value(c.idle_cycles)},
                        {"per_second", rates_.of_worker(w)},
                        // Of all rounds since the start; per_second has the share of time.
                        {"idle_share", idle + busy == 0 ? 0.0
                                                        : static_cast<double>(idle) /
                                                              static_cast<double>(idle + busy)},
                        {"drops", drops_of(c)}});
    }
    return {{"workers", std::move(list)}};
}

json AdminOperations::certificates() const {
    json list = json::array();
    const std::time_t now = std::time(nullptr);
    for (const auto& [policy, store] : gateway_.policies().credentials) {
        const auto& credentials = *store->current();
        list.push_back({{"policy", policy},
                        {"subject", credentials.subject},
                        {"not_after",
                         fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                     fmt::gmtime(static_cast<std::time_t>(credentials.not_after)))},
                        {"expires_in_s", credentials.not_after - now},
                        {"warnings", credentials.warnings}});
    }
    return {{"certificates", std::move(list)}};
}

json AdminOperations::log_levels() const {
    json modules = json::object();
    for (const std::string_view module : kModules) {
        modules[std::string(module)] = level_name(log::of(std::string(module)).level());
    }
    return {{"modules", std::move(modules)}};
}

Result<json> AdminOperations::rekey(std::optional<uint64_t> id) {
    if (!id) {
        gateway_.request_rekey();
        return json{{"associations", gateway_.relay().pair_count()}};
    }
    relay::Pair* pair = gateway_.relay().find(*id);
    if (pair == nullptr) {
        return no_association(*id);
    }
    if (!pair->accepted_leg().is_protected() && !pair->backend_leg().is_protected()) {
        return fail(ErrorCode::unavailable, "association {} has no protected leg", *id);
    }
    pair->request_rekey();
    return json{{"associations", 1}};
}

Result<json> AdminOperations::reauthenticate(uint64_t id) {
    relay::Pair* pair = gateway_.relay().find(id);
    if (pair == nullptr) {
        return no_association(id);
    }
    size_t legs = 0;
    for (const relay::Leg* leg : {&pair->accepted_leg(), &pair->backend_leg()}) {
        const keymgmt::AssociationProtection* protection = leg->protection();
        legs += protection != nullptr && protection->authentications().times > 0 ? 1U : 0U;
    }
    if (legs == 0) {
        return fail(ErrorCode::unavailable,
                    "association {} has no leg whose peer has authenticated by a certificate", id);
    }
    pair->request_reauthentication();
    return json{{"association", id}, {"legs", legs}};
}

Result<json> AdminOperations::close(uint64_t id, admin::CloseHow how) {
    relay::Pair* pair = gateway_.relay().find(id);
    if (pair == nullptr) {
        return no_association(id);
    }
    if (how == admin::CloseHow::abort) {
        pair->abort("closed by the operator");
    } else {
        pair->close(gateway_.drain_timeout());
    }
    return json{{"association", id}};
}

Result<json> AdminOperations::drain() {
    if (gateway_.relay().is_draining()) {
        return fail(ErrorCode::unavailable, "the gateway is being drained already");
    }
    const size_t associations = gateway_.relay().pair_count();
    gateway_.drain();
    return json{{"associations", associations}};
}

Result<json> AdminOperations::leave() {
    const size_t associations = gateway_.relay().pair_count();
    if (auto left = gateway_.leave(); !left) {
        return tl::unexpected(left.error());
    }
    return json{{"associations", associations}};
}

admin::Operations::Reloaded AdminOperations::reload(bool trial) {
    if (reload_ == nullptr) {
        return {.report = nullptr, .refusal = "the configuration did not come from a file"};
    }
    const ReloadReport report = reload_->run(trial);
    return {.report = report.to_json(), .refusal = report.refusal()};
}

Result<json> AdminOperations::set_log_level(const std::optional<std::string>& module,
                                            const std::string& level) {
    if (module && std::ranges::find(kModules, *module) == kModules.end()) {
        return fail(ErrorCode::not_found, "no module {}", *module);
    }
    for (const std::string_view known : kModules) {
        if (!module || *module == known) {
            log::of(std::string(known)).set_level(level_of(level));
        }
    }
    return log_levels();
}

Result<json> AdminOperations::capture(const admin::CaptureWish& wish, admin::Caller& caller) {
    if (captures_ == nullptr) {
        return fail(ErrorCode::unavailable, "nothing can be captured here");
    }
    return captures_->start(wish, caller);
}

Result<json> AdminOperations::stop_capture(uint64_t id) {
    if (captures_ == nullptr) {
        return fail(ErrorCode::not_found, "no capture {}", id);
    }
    return captures_->stop(id);
}

json AdminOperations::captures() const {
    return {{"captures", captures_ == nullptr ? json::array() : captures_->list()}};
}

}  // namespace sdg::gateway
