#include "config/contradictions.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "config/bind.h"
#include "config/scalar.h"

namespace sdg::config {
namespace {

bool is_on_link(const Port& port, const IpAddress& address) {
    return std::any_of(port.addresses.begin(), port.addresses.end(), [&](const Prefix& own) {
        return address.in_prefix(own.address, own.length) ||
               (is_link_local(address) && own.address.family == address.family);
    });
}

bool is_routed(const Port& port, const IpAddress& address) {
    return std::any_of(port.routes.begin(), port.routes.end(), [&](const Route& route) {
        return address.in_prefix(route.prefix.address, route.prefix.length);
    });
}

class Rules {
 public:
    Rules(const Configuration& configuration, const YamlEntry& document, ErrorList& errors)
        : c_(configuration), document_(document), errors_(errors) {}

    void run() {
        names_differ(c_.ports, "ports");
        names_differ(c_.protection, "protection");
        names_differ(c_.backends, "backends");
        names_differ(c_.listeners, "listeners");
        workers_have_a_cpu_each();
        for (size_t i = 0; i < c_.ports.size(); ++i) {
            port_is_consistent(i);
        }
        devices_differ();
        addresses_differ();
        for (size_t i = 0; i < c_.protection.size(); ++i) {
            policy_is_consistent(i);
        }
        for (size_t i = 0; i < c_.backends.size(); ++i) {
            backend_is_reachable(i);
            names_need_certificates(c_.backends[i], fmt::format("backends[{}].peer_names", i));
        }
        for (size_t i = 0; i < c_.listeners.size(); ++i) {
            names_need_certificates(c_.listeners[i], fmt::format("listeners[{}].peer_names", i));
        }
        listeners_differ();
        if (c_.restart) {
            restart_is_consistent();
        }
        sctp_is_consistent();
        admin_is_consistent();
    }

 private:
    void report(const std::string& path, std::string expected, std::string got) {
        errors_.add(locate(document_, path), path, std::move(expected), std::move(got));
    }

    template <class Entry>
    void names_differ(const std::vector<Entry>& entries, std::string_view list) {
        std::map<std::string_view, size_t> seen;
        for (size_t i = 0; i < entries.size(); ++i) {
            const auto [first, is_new] = seen.emplace(entries[i].name, i);
            if (!is_new) {
                report(fmt::format("{}[{}].name", list, i),
                       fmt::format("a name other than that of {}[{}]", list, first->second),
                       shown(entries[i].name));
            }
        }
    }

    void workers_have_a_cpu_each() {
        const auto& cpus = c_.workers.cpus;
        if (!cpus.empty() && cpus.size() != c_.workers.count) {
            report(
                "workers.cpus",
                fmt::format("{} CPUs, as workers.count is {}", c_.workers.count, c_.workers.count),
                fmt::format("{}", cpus.size()));
        }
        std::set<uint32_t> seen;
        for (size_t i = 0; i < cpus.size(); ++i) {
            if (!seen.insert(cpus[i]).second) {
                report(fmt::format("workers.cpus[{}]", i), "a different CPU for each worker",
                       fmt::format("{} again", cpus[i]));
            }
        }
    }

    void port_is_consistent(size_t index) {
        const Port& port = c_.ports[index];
        const std::string path = fmt::format("ports[{}]", index);
        const bool has_v6 = std::any_of(
            port.addresses.begin(), port.addresses.end(),
            [](const Prefix& own) { return own.address.family == IpAddress::Family::v6; });
        if (has_v6 && port.mtu < 1280) {  // RFC 8200 section 5
            report(path + ".mtu", "at least 1280 (octets), as the port has an IPv6 address",
                   fmt::format("{}", port.mtu));
        }
        // Both queues of every worker can hold packets while others are being worked on.
        const uint64_t queued =
            uint64_t{c_.workers.count} * (port.rx_descriptors + port.tx_descriptors);
        if (port.mbufs <= queued) {
            report(path + ".mbufs",
                   fmt::format("more than {}, the descriptors of all workers' queues", queued),
                   fmt::format("{}", port.mbufs));
        }
        for (size_t i = 0; i < port.routes.size(); ++i) {
            const Route& route = port.routes[i];
            const std::string via = fmt::format("{}.routes[{}].via", path, i);
            if (route.via.family != route.prefix.address.family) {
                report(via, "an address of the same family as prefix", route.via.to_string());
            } else if (!is_on_link(port, route.via)) {
                report(via, "an address on a prefix of this port", route.via.to_string());
            } else if (has_address(port, route.via)) {
                report(via, "another node's address", route.via.to_string());
            }
            for (size_t k = 0; k < i; ++k) {
                if (port.routes[k].prefix == route.prefix) {
                    report(fmt::format("{}.routes[{}].prefix", path, i),
                           fmt::format("a prefix other than that of routes[{}]", k),
                           prefix_text(route.prefix));
                    break;
                }
            }
        }
        std::set<IpAddress> neighbours;
        for (size_t i = 0; i < port.neighbours.size(); ++i) {
            const IpAddress& address = port.neighbours[i].address;
            const std::string place = fmt::format("{}.neighbours[{}].address", path, i);
            if (!is_on_link(port, address)) {
                report(place, "an address on a prefix of this port", address.to_string());
            } else if (has_address(port, address)) {
                report(place, "another node's address", address.to_string());
            } else if (!neighbours.insert(address).second) {
                report(place, "each neighbour once", fmt::format("{} again", address.to_string()));
            }
        }
    }

    void devices_differ() {
        std::map<std::string_view, size_t> seen;
        for (size_t i = 0; i < c_.ports.size(); ++i) {
            const std::string_view device = c_.ports[i].device;
            const auto [first, is_new] = seen.emplace(device.substr(0, device.find(',')), i);
            if (!is_new) {
                report(fmt::format("ports[{}].device", i),
                       fmt::format("a device other than that of ports[{}]", first->second),
                       shown(first->first));
            }
        }
    }

    void addresses_differ() {
        std::map<IpAddress, std::string> seen;
        for (size_t i = 0; i < c_.ports.size(); ++i) {
            for (size_t k = 0; k < c_.ports[i].addresses.size(); ++k) {
                const std::string path = fmt::format("ports[{}].addresses[{}]", i, k);
                const IpAddress& address = c_.ports[i].addresses[k].address;
                const auto [first, is_new] = seen.emplace(address, path);
                if (!is_new) {
                    report(path, fmt::format("an address other than that of {}", first->second),
                           address.to_string());
                }
            }
        }
    }

    void policy_is_consistent(size_t index) {
        const ProtectionPolicy& policy = c_.protection[index];
        const std::string path = fmt::format("protection[{}]", index);
        const auto has = [&](KeyManagementMethod method) {
            return std::find(policy.methods.begin(), policy.methods.end(), method) !=
                   policy.methods.end();
        };
        for (size_t i = 0; i < policy.methods.size(); ++i) {
            const std::string place = fmt::format("{}.methods[{}]", path, i);
            const auto first =
                std::find(policy.methods.begin(), policy.methods.end(), policy.methods[i]);
            if (first - policy.methods.begin() != static_cast<ptrdiff_t>(i)) {
                report(place, "each method once",
                       policy.methods[i] == KeyManagementMethod::preshared ? "preshared again"
                       : policy.methods[i] == KeyManagementMethod::tls13   ? "tls13 again"
                                                                           : "dtls13 again");
            }
        }
        if (policy.methods.empty()) {
            report(path,
                   "a section of a key-management method: tls13, dtls13, preshared or lab_raw",
                   "none");
        }
        if (policy.restart && policy.lab_raw_file) {
            report(path + ".restart", "false with lab_raw, whose keys would be used twice", "true");
        }
        if (has(KeyManagementMethod::preshared)) {
            if (policy.preshared_file.has_value() == policy.lab_raw_file.has_value()) {
                report(policy.preshared_file ? path + ".lab_raw" : path + ".preshared",
                       "exactly one of preshared and lab_raw",
                       policy.preshared_file ? "both" : "neither");
            }
        } else if (policy.preshared_file || policy.lab_raw_file) {
            report(path + ".methods", "preshared among them, as its section is there", "none");
        }
        if (has(KeyManagementMethod::tls13) && !policy.tls13) {
            report(path + ".tls13", "a section of keys, as methods has tls13", "nothing");
        } else if (policy.tls13 && !has(KeyManagementMethod::tls13)) {
            report(path + ".methods", "tls13 among them, as its section is there", "none");
        }
        if (policy.tls13) {
            const std::string place = path + ".tls13";
            lifetime_exceeds(policy.tls13->key_lifetime_s, policy.tls13->rekey_age_s, "rekey_age_s",
                             place);
            peer_names_are_consistent(policy.tls13->peer_names, place + ".peer_names");
        }
        if (has(KeyManagementMethod::dtls13) && !policy.dtls13) {
            report(path + ".dtls13", "a section of keys, as methods has dtls13", "nothing");
        } else if (policy.dtls13 && !has(KeyManagementMethod::dtls13)) {
            report(path + ".methods", "dtls13 among them, as its section is there", "none");
        }
        if (policy.dtls13) {
            dtls13_is_consistent(*policy.dtls13, path + ".dtls13");
        }
    }

    void lifetime_exceeds(uint32_t lifetime, uint32_t age, std::string_view age_key,
                          const std::string& path) {
        if (lifetime <= age) {
            report(path + ".key_lifetime_s", fmt::format("more than {} ({} seconds)", age_key, age),
                   fmt::format("{}", lifetime));
        }
    }

    void dtls13_is_consistent(const Dtls13& dtls13, const std::string& path) {
        lifetime_exceeds(dtls13.key_lifetime_s, dtls13.update_age_s, "update_age_s", path);
        peer_names_are_consistent(dtls13.peer_names, path + ".peer_names");
        for (size_t i = 0; i < dtls13.suites.size(); ++i) {
            if (dtls13.suites[i] == CipherSuite::aes_128_ccm_sha256) {
                report(fmt::format("{}.suites[{}]", path, i),
                       "a suite that dtls13 has: a GCM or ChaCha20-Poly1305 one",
                       "TLS_AES_128_CCM_SHA256");
            }
        }
        if (std::all_of(dtls13.signature_algorithms.begin(), dtls13.signature_algorithms.end(),
                        [](const std::string& name) { return name.starts_with("rsa_pss_pss_"); })) {
            report(path + ".signature_algorithms", "an algorithm that dtls13 has",
                   "only rsa_pss_pss_ ones");
        }
        if (dtls13.min_update_interval_ms >= dtls13.update_timeout_ms) {
            report(path + ".min_update_interval_ms",
                   fmt::format("less than update_timeout_ms ({} milliseconds)",
                               dtls13.update_timeout_ms),
                   fmt::format("{}", dtls13.min_update_interval_ms));
        }
    }

    void peer_names_are_consistent(const std::vector<std::string>& names, const std::string& path) {
        if (names.size() > 1 && std::find(names.begin(), names.end(), "any") != names.end()) {
            report(path, "any alone, or names", "both");
        }
    }

    template <class Leg>
    void names_need_certificates(const Leg& leg, const std::string& path) {
        if (leg.peer_names.empty()) {
            return;
        }
        peer_names_are_consistent(leg.peer_names, path);
        if (!leg.protection ||
            (*leg.protection != unresolved && !c_.protection[*leg.protection].has_peer_names())) {
            report(path, "no names without a protection policy that has tls13 or dtls13",
                   fmt::format("{}", leg.peer_names.size()));
        }
    }

    void restart_is_consistent() {
        const Restart& restart = *c_.restart;
        if (restart.sqlite_file.has_value() == restart.redis.has_value()) {
            report(restart.redis ? "restart.redis" : "restart", "exactly one of sqlite and redis",
                   restart.redis ? "both" : "neither");
        }
        if (restart.standby && !restart.redis) {
            report("restart.standby", "false without redis, which gateways share", "true");
        }
        // An owner gets its group at once from whoever has it under the same name.
        if (restart.redis && document_.value->find("restart")->value->find("owner") == nullptr) {
            report("restart.owner", "a name of its own with redis, which gateways share", "none");
        }
        sealing_key_is_one(restart.key, "restart.key");
        for (size_t i = 0; i < restart.former_keys.size(); ++i) {
            sealing_key_is_one(restart.former_keys[i], fmt::format("restart.former_keys[{}]", i));
        }
        if (std::none_of(c_.protection.begin(), c_.protection.end(),
                         [](const ProtectionPolicy& policy) { return policy.restart; })) {
            report("restart", "a protection policy with restart: true, or no store", "none");
        }
    }

    void sealing_key_is_one(const SealingKeySource& key, const std::string& path) {
        const int given = (key.file ? 1 : 0) + (key.credential ? 1 : 0) + (key.token ? 1 : 0);
        if (given != 1) {
            report(path, "one of file, credential and token", fmt::format("{}", given));
        } else if (key.token.has_value() != key.wrapped_file.has_value()) {
            report(path, "wrapped_file with token, and only then",
                   key.token ? "none" : "wrapped_file alone");
        }
    }

    void backend_is_reachable(size_t index) {
        const Backend& backend = c_.backends[index];
        const std::string path = fmt::format("backends[{}].address", index);
        for (size_t i = 0; i < c_.listeners.size(); ++i) {
            if (c_.listeners[i].address == backend.address &&
                c_.listeners[i].port == backend.port) {
                report(path, "another node's address",
                       fmt::format("{}, where listeners[{}] of this gateway listens",
                                   backend.address.to_string(), i));
                return;
            }
        }
        if (std::any_of(c_.ports.begin(), c_.ports.end(),
                        [&](const Port& port) { return has_address(port, backend.address); })) {
            report(path, "another node's address",
                   fmt::format("{}, this gateway's own", backend.address.to_string()));
            return;
        }
        if (backend.address.family != backend.local.family) {
            report(path, "an address of the same family as local", backend.address.to_string());
            return;
        }
        if (backend.port_index == unresolved) {
            return;
        }
        const Port& port = c_.ports[backend.port_index];
        if (!is_on_link(port, backend.address) && !is_routed(port, backend.address)) {
            report(path, fmt::format("an address on a prefix or route of port {}", port.name),
                   backend.address.to_string());
        }
    }

    void listeners_differ() {
        for (size_t i = 0; i < c_.listeners.size(); ++i) {
            const Listener& listener = c_.listeners[i];
            for (size_t k = 0; k < i; ++k) {
                if (c_.listeners[k].address == listener.address &&
                    c_.listeners[k].port == listener.port) {
                    report(fmt::format("listeners[{}].port", i),
                           fmt::format("an address and port other than those of listeners[{}]", k),
                           fmt::format("{} port {}", listener.address.to_string(), listener.port));
                    break;
                }
            }
        }
    }

    void sctp_is_consistent() {
        const Sctp& sctp = c_.sctp;
        if (sctp.rto_min_ms > sctp.rto_max_ms) {
            report("sctp.rto_min_ms",
                   fmt::format("at most rto_max_ms ({} milliseconds)", sctp.rto_max_ms),
                   fmt::format("{}", sctp.rto_min_ms));
        } else if (sctp.rto_initial_ms < sctp.rto_min_ms || sctp.rto_initial_ms > sctp.rto_max_ms) {
            report("sctp.rto_initial_ms",
                   fmt::format("from rto_min_ms to rto_max_ms ({} to {} milliseconds)",
                               sctp.rto_min_ms, sctp.rto_max_ms),
                   fmt::format("{}", sctp.rto_initial_ms));
        }
        // A cookie is checked with the current key and the one before.
        if (uint64_t{sctp.cookie_key_rotation_s} * 1000 < sctp.cookie_lifetime_ms) {
            report("sctp.cookie_key_rotation_s",
                   fmt::format("at least cookie_lifetime_ms ({} milliseconds)",
                               sctp.cookie_lifetime_ms),
                   fmt::format("{}", sctp.cookie_key_rotation_s));
        }
        for (size_t i = 0; sctp.path_mtu && i < c_.ports.size(); ++i) {
            if (*sctp.path_mtu > c_.ports[i].mtu) {
                report("sctp.path_mtu",
                       fmt::format("at most the mtu of every port ({} octets on {})",
                                   c_.ports[i].mtu, c_.ports[i].name),
                       fmt::format("{}", *sctp.path_mtu));
                break;
            }
        }
    }

    void admin_is_consistent() {
        constexpr size_t longest_socket = 107;  // sockaddr_un::sun_path, ended
        if (c_.admin && c_.admin->socket.string().size() > longest_socket) {
            report("admin.socket",
                   fmt::format("at most {} octets, with its folder", longest_socket),
                   shown(c_.admin->socket.string()));
        }
        if (c_.security.group && !c_.security.user) {
            report("security.group", "no group without security.user", *c_.security.group);
        }
        if (!c_.metrics) {
            return;
        }
        const Metrics& metrics = *c_.metrics;
        if (metrics.certificate.has_value() != metrics.private_key.has_value()) {
            report(metrics.certificate ? "metrics.certificate" : "metrics.private_key",
                   "certificate and private_key together", "one of them");
        }
        for (const Port& port : c_.ports) {
            if (has_address(port, metrics.address)) {
                report("metrics.address", "an address of the host, not of a port of the gateway",
                       fmt::format("{}, an address of {}", metrics.address.to_string(), port.name));
            }
        }
    }

    static bool has_address(const Port& port, const IpAddress& address) {
        return std::any_of(port.addresses.begin(), port.addresses.end(),
                           [&](const Prefix& own) { return own.address == address; });
    }

    static std::string prefix_text(const Prefix& prefix) {
        return fmt::format("{}/{}", prefix.address.to_string(), prefix.length);
    }

    const Configuration& c_;
    const YamlEntry& document_;
    ErrorList& errors_;
};

}  // namespace

Position locate(const YamlEntry& document, std::string_view path) {
    const YamlEntry* here = &document;
    while (!path.empty()) {
        const YamlEntry* next = nullptr;
        if (path.front() == '[') {
            size_t index = 0;
            std::from_chars(path.data() + 1, path.data() + path.size(), index);
            path.remove_prefix(path.find(']') + 1);
            if (index < here->value->entries.size()) {
                next = &here->value->entries[index];
            }
        } else {
            const std::string_view key = path.substr(0, path.find_first_of(".["));
            path.remove_prefix(key.size());
            next = here->value->find(key);
        }
        if (path.starts_with('.')) {
            path.remove_prefix(1);
        }
        if (next == nullptr) {
            break;
        }
        here = next;
    }
    return here->value_position;
}

void find_contradictions(const Configuration& configuration, const YamlEntry& document,
                         ErrorList& errors) {
    Rules(configuration, document, errors).run();
}

}  // namespace sdg::config
