// A gateway's answers for tests of `top`.
#pragma once

#include "tools/ctl/top_model.h"

namespace sdg::ctl::top {

inline Answers answers(double time) {
    using nlohmann::json;
    Answers out;
    out.time = time;
    out.status = {{"program_version", "1.2"},
                  {"state", "ready"},
                  {"uptime_s", 100 + static_cast<int>(time)},
                  {"associations", 2},
                  {"associations_relaying", 1},
                  {"messages_to_backend", 1000},
                  {"octets_to_backend", 100000},
                  {"messages_from_backend", 500},
                  {"octets_from_backend", 50000}};
    out.workers = {{{"worker", 0},
                    {"handled", 4000},
                    {"sealed", 2000},
                    {"opened", 1000},
                    {"busy_cycles", 1000000},
                    {"idle_cycles", 9000000},
                    {"drops", {{"no_route", 5}, {"record_forged", 0}}}}};
    out.ports = {{{"port", "n2"},
                  {"link_up", true},
                  {"counters",
                   {{"rx_packets", 10},
                    {"rx_octets", 1000},
                    {"tx_packets", 20},
                    {"tx_octets", 4000},
                    {"rx_missed", 0},
                    {"rx_errors", 0},
                    {"rx_no_mbuf", 0},
                    {"tx_errors", 0}}}}};
    out.backends = {{{"backend", "amf"}, {"state", "up"}, {"associations", 2}, {"failures", 0}}};
    out.certificates = {{{"policy", "trunk"}, {"expires_in_s", 90 * 86400}}};
    out.associations = json::array();
    for (const int id : {7, 9}) {
        out.associations.push_back({{"association", id},
                                    {"state", id == 7 ? "relaying" : "setting_up"},
                                    {"listener", "nodes"},
                                    {"backend", "amf"},
                                    {"age_s", 10.0 * id},
                                    {"accepted_peer", id == 7 ? "[10.0.0.7]:9" : "[10.0.0.9]:9"},
                                    {"accepted_method", nullptr},
                                    {"accepted_identity", nullptr},
                                    {"backend_peer", "[10.9.0.1]:38412"},
                                    {"backend_method", "tls13"},
                                    {"backend_identity", "dns:b.example"},
                                    {"messages_to_backend", 100 * id},
                                    {"octets_to_backend", 1000 * id},
                                    {"messages_from_backend", 0},
                                    {"octets_from_backend", 0}});
    }
    return out;
}

}  // namespace sdg::ctl::top
