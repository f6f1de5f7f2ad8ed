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

// The published list that "/gateway/<stem>..." is about: "/gateway/worker" is of "workers".
const json* list_of(const Published& all, std::string_view stem) {
    if (!all) {
        return nullptr;
    }
    const auto list = all->find(std::string(stem) + 's');
    return list != all->end() && list->is_array() ? &*list : nullptr;
}

// "/gateway/worker_list": the indexes that "/gateway/worker" takes.
int on_list(const char* command, const char*, rte_tel_data* out) {
    constexpr std::string_view suffix = "_list";
    std::string_view stem = std::string_view(command).substr(kPrefix.size());
    stem.remove_suffix(suffix.size());
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    const json* list = list_of(all, stem);
    rte_tel_data_start_array(out, RTE_TEL_U64_VAL);
    for (size_t i = 0; list != nullptr && i < list->size(); ++i) {
        rte_tel_data_add_array_u64(out, i);
    }
    return 0;
}

// "/gateway/worker,0": what is below a member of its (a port's counters) is told beside it.
int on_item(const char* command, const char* parameters, rte_tel_data* out) {
    const Published all = published().load();
    const std::string_view text = parameters != nullptr ? parameters : "";
    size_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    const json* list = list_of(all, std::string_view(command).substr(kPrefix.size()));
    if (list == nullptr || error != std::errc{} || end != text.data() + text.size() ||
        index >= list->size()) {
        return -1;
    }
    rte_tel_data_start_dict(out);
    for (const auto& [name, value] : (*list)[index].items()) {
        if (value.is_object()) {
            for (const auto& [inner, figure] : value.items()) {
                add(out, inner, figure);
            }
        } else {
            add(out, name, value);
        }
    }
    return 0;
}

struct Endpoint {
    const char* command;
    telemetry_cb answer;
    const char* help;
};

constexpr std::array<Endpoint, 18> kEndpoints{{
    {"/gateway/info", &on_info, "Layout version of the figures and seconds since the start"},
    {"/gateway/associations", &on_section, "Associations now, and entries of the key table"},
    {"/gateway/records", &on_section, "DTLS records sealed and opened, all workers"},
    {"/gateway/drops", &on_section, "Packets dropped by reason, all workers"},
    {"/gateway/relay", &on_section, "Messages and octets relayed, pairs and how they ended"},
    {"/gateway/sctp", &on_section, "SCTP associations set up and packets refused"},
    {"/gateway/bridge", &on_section, "Packets between workers and control plane"},
    {"/gateway/restart_store", &on_section, "Restart keys kept, and alarms of their store"},
    {"/gateway/worker_list", &on_list, "Indexes of the workers"},
    {"/gateway/worker", &on_item, "Counters of one worker. Parameters: its index"},
    {"/gateway/port_list", &on_list, "Indexes of the ports, in their configured order"},
    {"/gateway/port", &on_item, "Link and counters of one port. Parameters: its index"},
    {"/gateway/listener_list", &on_list, "Indexes of the listeners"},
    {"/gateway/listener", &on_item, "Associations of one listener. Parameters: its index"},
    {"/gateway/backend_list", &on_list, "Indexes of the backends"},
    {"/gateway/backend", &on_item, "State and associations of one backend. Parameters: its index"},
    {"/gateway/certificate_list", &on_list, "Indexes of the certificates"},
    {"/gateway/certificate", &on_item,
     "Subject and end (Unix time) of one policy's certificate. Parameters: its index"},
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
