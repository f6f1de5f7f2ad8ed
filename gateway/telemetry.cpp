#include "gateway/telemetry.h"

#include <rte_telemetry.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sdg::gateway {
namespace {

using metrics::Family;
using metrics::Sample;
using Published = std::shared_ptr<const metrics::Snapshot>;

constexpr std::string_view kPrefix = "/gateway/";
// Labels whose values have an endpoint of their own: "/gateway/worker,0".
constexpr std::array<std::string_view, 5> kItems{"worker", "port", "listener", "backend", "policy"};

// DPDK's callbacks carry nothing of ours along. Written by the control thread, read by DPDK's,
// which nobody stops before the process ends: so it is never destroyed.
std::atomic<Published>& published() {
    static auto& value = *new std::atomic<Published>;
    return value;
}

const std::string* label(const Sample& sample, std::string_view name) {
    const auto found = std::ranges::find(sample.labels, name, &Sample::Label::first);
    return found != sample.labels.end() ? &found->second : nullptr;
}

bool is_of_an_item(const Sample& sample) {
    return std::ranges::any_of(kItems, [&](std::string_view item) { return label(sample, item); });
}

// item: the label that is not part of the name; empty for none.
std::string figure_name(const Family& family, const Sample& sample, std::string_view item) {
    constexpr std::string_view prefix = "sctp_gateway_";
    constexpr std::string_view suffix = "_total";
    std::string_view name = family.name;
    if (name.starts_with(prefix)) {
        name.remove_prefix(prefix.size());
    }
    if (name.ends_with(suffix)) {
        name.remove_suffix(suffix.size());
    }
    std::string out(name);
    for (const auto& [key, value] : sample.labels) {
        if (key != item) {
            out.append("_").append(value);
        }
    }
    return out;
}

// False: DPDK takes no more entries, or not this name.
bool add(rte_tel_data* out, const std::string& name, double value) {
    return rte_tel_data_add_dict_u64(out, name.c_str(),
                                     static_cast<uint64_t>(std::max(value, 0.0))) == 0;
}

bool add(rte_tel_data* out, const std::string& name, const std::string& value) {
    return rte_tel_data_add_dict_string(out, name.c_str(), value.c_str()) == 0;
}

// A figure without a number: what it tells is in its labels.
bool add_info(rte_tel_data* out, const Sample& sample) {
    return std::ranges::all_of(
        sample.labels, [&](const auto& label) { return add(out, label.first, label.second); });
}

// All that is of no worker, port, listener, backend or policy. An answer is whole or null.
int on_metrics(const char*, const char*, rte_tel_data* out) {
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    rte_tel_data_start_dict(out);
    for (const Family& family : all->families) {
        for (const Sample& sample : family.samples) {
            if (is_of_an_item(sample)) {
                continue;
            }
            if (!(family.name.ends_with("_info")
                      ? add_info(out, sample)
                      : add(out, figure_name(family, sample, {}), sample.value))) {
                return -1;
            }
        }
    }
    return 0;
}

// The sums over all workers.
int on_workers(const char*, const char*, rte_tel_data* out) {
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    std::map<std::string, double> sums;
    for (const Family& family : all->families) {
        for (const Sample& sample : family.samples) {
            if (label(sample, "worker") != nullptr) {
                sums[figure_name(family, sample, "worker")] += sample.value;
            }
        }
    }
    rte_tel_data_start_dict(out);
    for (const auto& [name, value] : sums) {
        if (!add(out, name, value)) {
            return -1;
        }
    }
    return 0;
}

// The values of a label, in the order in which the families have them.
std::vector<std::string> items(const metrics::Snapshot& all, std::string_view item) {
    std::vector<std::string> out;
    for (const Family& family : all.families) {
        for (const Sample& sample : family.samples) {
            const std::string* value = label(sample, item);
            if (value != nullptr && std::ranges::find(out, *value) == out.end()) {
                out.push_back(*value);
            }
        }
    }
    return out;
}

// "/gateway/worker_list": the indexes that "/gateway/worker" takes.
int on_list(const char* command, const char*, rte_tel_data* out) {
    constexpr std::string_view suffix = "_list";
    std::string_view item = std::string_view(command).substr(kPrefix.size());
    item.remove_suffix(suffix.size());
    const Published all = published().load();
    if (!all) {
        return -1;
    }
    rte_tel_data_start_array(out, RTE_TEL_U64_VAL);
    const size_t count = items(*all, item).size();
    for (size_t i = 0; i < count; ++i) {
        rte_tel_data_add_array_u64(out, i);
    }
    return 0;
}

std::optional<size_t> index_from(const char* parameters) {
    const std::string_view text = parameters != nullptr ? parameters : "";
    size_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(index)
                                                                    : std::nullopt;
}

// "/gateway/worker,0": the figures of one, and what it is called.
int on_item(const char* command, const char* parameters, rte_tel_data* out) {
    const std::string item(std::string_view(command).substr(kPrefix.size()));
    const Published all = published().load();
    const std::optional<size_t> index = index_from(parameters);
    if (!all || !index) {
        return -1;
    }
    const std::vector<std::string> values = items(*all, item);
    if (*index >= values.size()) {
        return -1;
    }
    rte_tel_data_start_dict(out);
    if (!add(out, item, values[*index])) {
        return -1;
    }
    for (const Family& family : all->families) {
        for (const Sample& sample : family.samples) {
            const std::string* value = label(sample, item);
            if (value != nullptr && *value == values[*index] &&
                !add(out, figure_name(family, sample, item), sample.value)) {
                return -1;
            }
        }
    }
    return 0;
}

struct Endpoint {
    const char* command;
    telemetry_cb answer;
    const char* help;
};

constexpr std::array<Endpoint, 12> kEndpoints{{
    {"/gateway/metrics", &on_metrics,
     "All of /metrics that is of no worker, port, listener, backend or policy"},
    {"/gateway/workers", &on_workers, "Counters and drops by reason, sums over all workers"},
    {"/gateway/worker_list", &on_list, "Indexes of the workers"},
    {"/gateway/worker", &on_item, "Counters and drops of one worker. Parameters: its index"},
    {"/gateway/port_list", &on_list, "Indexes of the ports, in their configured order"},
    {"/gateway/port", &on_item, "Link and counters of one port. Parameters: its index"},
    {"/gateway/listener_list", &on_list, "Indexes of the listeners"},
    {"/gateway/listener", &on_item, "Associations of one listener. Parameters: its index"},
    {"/gateway/backend_list", &on_list, "Indexes of the backends"},
    {"/gateway/backend", &on_item, "State and associations of one backend. Parameters: its index"},
    {"/gateway/policy_list", &on_list, "Indexes of the policies with certificates"},
    {"/gateway/policy", &on_item,
     "End (Unix time) of one policy's certificates. Parameters: its index"},
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

void Telemetry::publish(std::shared_ptr<const metrics::Snapshot> snapshot) {
    published().store(std::move(snapshot));
}

}  // namespace sdg::gateway
