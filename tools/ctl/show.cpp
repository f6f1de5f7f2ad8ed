#include "tools/ctl/show.h"

#include <fmt/format.h>

#include "tools/ctl/table.h"

namespace sdg::ctl {
namespace {

using nlohmann::json;

// A rate of row["per_second"], with no more digits than it deserves.
json rate(const json& row, const char* name) {
    const json& rates = row.at("per_second");
    const auto found = rates.is_object() ? rates.find(name) : rates.end();
    return rates.is_object() && found != rates.end() && found->is_number()
               ? json(fmt::format("{:.1f}", found->get<double>()))
               : json(nullptr);
}

json percent(const json& row, const char* name) {
    const json& rates = row.at("per_second");
    return rates.is_object() && rates.at(name).is_number()
               ? json(fmt::format("{:.1f}%", rates.at(name).get<double>() * 100))
               : json(nullptr);
}

}  // namespace

std::string show_workers(const json& result) {
    json rows = json::array();
    json drops = json::array();
    for (const json& worker : result.at("workers")) {
        rows.push_back({{"worker", worker.at("worker")},
                        {"packets", rate(worker, "handled")},
                        {"received", rate(worker, "received")},
                        {"transmitted", rate(worker, "transmitted")},
                        {"opened", rate(worker, "opened")},
                        {"sealed", rate(worker, "sealed")},
                        {"cycles", rate(worker, "cycles_per_packet")},
                        {"idle", percent(worker, "idle_share")}});
        const json& moving = worker.at("per_second");
        for (const auto& [reason, count] : worker.at("drops").items()) {
            if (count != 0) {
                const bool moves = moving.is_object() && moving.at("drops").contains(reason);
                drops.push_back(
                    {{"worker", worker.at("worker")},
                     {"reason", reason},
                     {"n", count},
                     {"rate",
                      moves ? fmt::format("{:.1f}", moving.at("drops").at(reason).get<double>())
                            : "0"}});
            }
        }
    }
    std::string out = table(rows, {{"WORKER", "worker"},
                                   {"PACKETS/S", "packets"},
                                   {"IN/S", "received"},
                                   {"OUT/S", "transmitted"},
                                   {"OPENED/S", "opened"},
                                   {"SEALED/S", "sealed"},
                                   {"CYCLES/PKT", "cycles"},
                                   {"IDLE", "idle"}});
    if (!drops.empty()) {
        out += '\n' + table(drops, {{"WORKER", "worker"},
                                    {"DROPPED BECAUSE", "reason"},
                                    {"PACKETS", "n"},
                                    {"NOW/S", "rate"}});
    }
    return out;
}

std::string show_ports(const json& result) {
    json rows = json::array();
    json counters = json::array();
    for (const json& port : result.at("ports")) {
        const auto megabits = [&](const char* name) -> json {
            const json& rates = port.at("per_second");
            if (!rates.is_object() || !rates.contains(name)) {
                return nullptr;
            }
            return fmt::format("{:.2f}", rates.at(name).get<double>() * 8 / 1e6);
        };
        rows.push_back({{"port", port.at("port")},
                        {"link", port.at("link_up").get<bool>() ? "up" : "down"},
                        {"mtu", port.at("mtu")},
                        {"in", rate(port, "rx_packets")},
                        {"in_bits", megabits("rx_octets")},
                        {"out", rate(port, "tx_packets")},
                        {"out_bits", megabits("tx_octets")}});
        for (const auto& [name, count] : port.at("counters").items()) {
            if (count != 0) {
                counters.push_back({{"port", port.at("port")}, {"name", name}, {"n", count}});
            }
        }
    }
    std::string out = table(rows, {{"PORT", "port"},
                                   {"LINK", "link"},
                                   {"MTU", "mtu"},
                                   {"IN PKT/S", "in"},
                                   {"MBIT/S", "in_bits"},
                                   {"OUT PKT/S", "out"},
                                   {"MBIT/S", "out_bits"}});
    if (!counters.empty()) {
        out += '\n' + table(counters, {{"PORT", "port"}, {"COUNTER", "name"}, {"SO FAR", "n"}});
    }
    return out;
}

std::string show_busiest(const json& result) {
    json rows = result.at("associations");
    for (json& row : rows) {
        for (const char* name : {"messages_per_s", "octets_per_s"}) {
            if (row.at(name).is_number()) {
                row[name] = fmt::format("{:.1f}", row.at(name).get<double>());
            }
        }
    }
    return table(rows, {{"ID", "association"},
                        {"STATE", "state"},
                        {"MSG/S", "messages_per_s"},
                        {"OCTETS/S", "octets_per_s"},
                        {"LISTENER", "listener"},
                        {"PEER", "accepted_peer"},
                        {"BACKEND", "backend"},
                        {"PEER", "backend_peer"},
                        {"IDENTITY", "backend_identity"}});
}

}  // namespace sdg::ctl
