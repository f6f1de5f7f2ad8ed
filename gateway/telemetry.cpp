#include "gateway/telemetry.h"

#include <rte_telemetry.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sdg::gateway {
namespace {

using nlohmann::json;
using Published = std::shared_ptr<const json>;

constexpr std::chrono::nanoseconds kPeriod = std::chrono::seconds(1);
constexpr std::string_view kPrefix = "/gateway/";

// DPDK's callbacks carry nothing of ours along. Written by the control thread, read by DPDK's,
// which nobody stops before the process ends: so it is never destroyed.
std::atomic<Published>& published() {
    static auto& value = *new std::atomic<Published>;
    return value;
}

void add(rte_tel_data* out, const std::string& name, const json& value) {
    if (value.is_boolean()) {
        rte_tel_data_add_dict_int(out, name.c_str(), value.get<bool>() ? 1 : 0);
    } else if (value.is_number_integer()) {
        rte_tel_data_add_dict_u64(out, name.c_str(), value.get<uint64_t>());
    } else if (value.is_string()) {
        rte_tel_data_add_dict_string(out, name.c_str(),
                                     value.get_ref<const std::string&>().c_str());
    }
}

int add_all(rte_tel_data* out, const json& figures) {
    rte_tel_data_start_dict(out);
    for (const auto& [name, value] : figures.items()) {
        add(out, name, value);
    }
    return 0;
}

// The single figures at the top: version, uptime.
int on_info(const char*, const char*, rte_tel_data* out) {
    const Published all = published().load();
    return all ? add_all(out, *all) : -1;
}

// "/gateway/relay" is the section "relay".
int on_section(const char* command, const char*, rte_tel_data* out) {
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    const auto section = all->find(std::string_view(command).substr(kPrefix.size()));
    return section != all->end() ? add_all(out, *section) : -1;
}

int on_worker_list(const char*, const char*, rte_tel_data* out) {
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    rte_tel_data_start_array(out, RTE_TEL_U64_VAL);
    for (const json& worker : (*all)["workers"]) {
        rte_tel_data_add_array_u64(out, worker["index"].get<uint64_t>());
    }
    return 0;
}

int on_worker(const char*, const char* parameters, rte_tel_data* out) {
    const Published all = published().load();
    const std::string_view text = parameters != nullptr ? parameters : "";
    size_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (!all || error != std::errc{} || end != text.data() + text.size()) {
        return -1;
    }
    const json& workers = (*all)["workers"];
    return index < workers.size() ? add_all(out, workers[index]) : -1;
}

struct Endpoint {
    const char* command;
    telemetry_cb answer;
    const char* help;
};

constexpr std::array<Endpoint, 9> kEndpoints{{
    {"/gateway/info", &on_info, "Layout version of the figures and seconds since the start"},
    {"/gateway/associations", &on_section, "Associations now, and entries of the key table"},
    {"/gateway/records", &on_section, "DTLS records sealed and opened, all workers"},
    {"/gateway/drops", &on_section, "Packets dropped by reason, all workers"},
    {"/gateway/relay", &on_section, "Messages and octets relayed, pairs and how they ended"},
    {"/gateway/sctp", &on_section, "SCTP associations set up and packets refused"},
    {"/gateway/bridge", &on_section, "Packets between workers and control plane"},
    {"/gateway/worker_list", &on_worker_list, "Indexes of the workers"},
    {"/gateway/worker", &on_worker, "Counters of one worker. Parameters: its index"},
}};

Result<void> register_endpoints() {
    for (const Endpoint& endpoint : kEndpoints) {
        if (const int error =
                rte_telemetry_register_cmd(endpoint.command, endpoint.answer, endpoint.help)) {
            return fail(ErrorCode::internal, "telemetry endpoint {} cannot be registered: {}",
                        endpoint.command, std::strerror(-error));
        }
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Telemetry>> Telemetry::open() {
    static const Result<void> registered = register_endpoints();
    if (!registered) {
        return tl::unexpected(registered.error());
    }
    return std::unique_ptr<Telemetry>(new Telemetry);
}

Telemetry::~Telemetry() {
    published().store(nullptr);
}

bool Telemetry::is_due(TimePoint now) const {
    return !published_ || now - *published_ >= kPeriod;
}

void Telemetry::publish(json statistics, TimePoint now) {
    published_ = now;
    published().store(std::make_shared<const json>(std::move(statistics)));
}

}  // namespace sdg::gateway
