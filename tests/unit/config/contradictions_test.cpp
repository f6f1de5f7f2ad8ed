// Entries that are right by themselves and wrong together.
#include <gtest/gtest.h>

#include "tests/unit/config/sample.h"

namespace sdg::config {
namespace {

using test::Bend;
using test::errors_of;
using test::good;
using test::good_with;

class Contradiction : public testing::TestWithParam<Bend> {};

TEST_P(Contradiction, is_reported_with_place_key_and_expectation) {
    const Bend& bend = GetParam();
    EXPECT_EQ(errors_of(good_with(bend.piece, bend.by)),
              std::string("gw.yaml:") + bend.error + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Config, Contradiction,
    testing::Values(
        Bend{"unknown_backend", "backend: core", "backend: cre",
             "26:14: listeners[0].backend: expected the name of an entry of backends, got 'cre'"},
        Bend{"unknown_policy", "protection: policy", "protection: polcy",
             "20:17: backends[0].protection: expected the name of an entry of protection, got "
             "'polcy'"},
        Bend{"unknown_via", "    port: 38412\n    protection",
             "    via: north\n    port: 38412\n    protection",
             "19:10: backends[0].via: expected the name of an entry of ports, got 'north'"},
        Bend{"via_another_port", "    port: 38412\n    protection",
             "    via: west\n    port: 38412\n    protection",
             "19:10: backends[0].via: expected 'east', the port that has local 10.2.0.1, got "
             "'west'"},
        Bend{"protected_without_policy", "    protection: policy\n", "",
             "16:11: backends[0].protection: expected the name of a policy, as side is protected, "
             "got nothing"},
        Bend{"plain_with_policy", "    backend: core\n",
             "    backend: core\n    protection: policy\n",
             "27:17: listeners[0].protection: expected no policy on side plain, got 'policy'"},
        Bend{"listener_on_no_port", "    address: 10.1.0.1", "    address: 10.1.0.9",
             "24:14: listeners[0].address: expected an address listed in ports[].addresses, got "
             "'10.1.0.9'"},
        Bend{"backend_from_no_port", "local: 10.2.0.1", "local: 10.2.0.9",
             "17:12: backends[0].local: expected an address listed in ports[].addresses, got "
             "'10.2.0.9'"},
        Bend{"same_port_name", "name: east", "name: west",
             "6:11: ports[1].name: expected a name other than that of ports[0], got 'west'"},
        Bend{"same_policy_name",
             "backends:", "  - name: policy\n    preshared: {file: f}\nbackends:",
             "14:11: protection[1].name: expected a name other than that of protection[0], got "
             "'policy'"},
        Bend{"same_listener_name", "    backend: core\n",
             "    backend: core\n  - {name: nodes, side: plain, address: 10.1.0.1, port: 1, "
             "backend: core}\n",
             "27:12: listeners[1].name: expected a name other than that of listeners[0], got "
             "'nodes'"},
        Bend{"same_listening_port", "    backend: core\n",
             "    backend: core\n  - {name: n2, side: plain, address: 10.1.0.1, port: 38412, "
             "backend: core}\n",
             "27:54: listeners[1].port: expected an address and port other than those of "
             "listeners[0], got 10.1.0.1 port 38412"},
        Bend{"backend_to_itself", "    address: 10.2.0.2", "    address: 10.1.0.1",
             "18:14: backends[0].address: expected another node's address, got 10.1.0.1, where "
             "listeners[0] of this gateway listens"},
        Bend{"backend_is_an_own_address", "    address: 10.2.0.2", "    address: 10.2.0.1",
             "18:14: backends[0].address: expected another node's address, got 10.2.0.1, this "
             "gateway's own"},
        Bend{"backend_of_another_family", "    address: 10.2.0.2", "    address: 2001:db8::1",
             "18:14: backends[0].address: expected an address of the same family as local, got "
             "2001:db8::1"},
        Bend{"backend_without_route", "    address: 10.2.0.2", "    address: 192.0.2.1",
             "18:14: backends[0].address: expected an address on a prefix or route of port east, "
             "got 192.0.2.1"},
        Bend{"same_device", "device: net_null1", "device: net_null0,size=64",
             "7:13: ports[1].device: expected a device other than that of ports[0], got "
             "'net_null0'"},
        Bend{"same_address_on_two_ports", "- 10.2.0.1/24", "- 10.2.0.1/24\n      - 10.1.0.1/16",
             "10:9: ports[1].addresses[1]: expected an address other than that of "
             "ports[0].addresses[0], got 10.1.0.1"},
        Bend{"small_mtu_for_ipv6", "- 10.2.0.1/24",
             "- 10.2.0.1/24\n      - 2001:db8::1/64\n    mtu: 1279",
             "11:10: ports[1].mtu: expected at least 1280 (octets), as the port has an IPv6 "
             "address, got 1279"},
        Bend{"few_mbufs", "    device: net_null1", "    mbufs: 1024\n    device: net_null1",
             "7:12: ports[1].mbufs: expected more than 1024, the descriptors of all workers' "
             "queues, got 1024"},
        Bend{"next_hop_off_link", "    device: net_null1",
             "    routes:\n      - {prefix: 0.0.0.0/0, via: 10.3.0.1}\n    device: net_null1",
             "8:34: ports[1].routes[0].via: expected an address on a prefix of this port, got "
             "10.3.0.1"},
        Bend{"next_hop_of_another_family", "    device: net_null1",
             "    routes:\n      - {prefix: 0.0.0.0/0, via: 'fe80::1'}\n    device: net_null1",
             "8:34: ports[1].routes[0].via: expected an address of the same family as prefix, got "
             "fe80::1"},
        Bend{"next_hop_is_itself", "    device: net_null1",
             "    routes:\n      - {prefix: 0.0.0.0/0, via: 10.2.0.1}\n    device: net_null1",
             "8:34: ports[1].routes[0].via: expected another node's address, got 10.2.0.1"},
        Bend{"same_route_twice", "    device: net_null1",
             "    routes:\n      - {prefix: 0.0.0.0/0, via: 10.2.0.2}\n      - {prefix: 0.0.0.0/0, "
             "via: 10.2.0.3}\n    device: net_null1",
             "9:18: ports[1].routes[1].prefix: expected a prefix other than that of routes[0], got "
             "0.0.0.0/0"},
        Bend{"neighbour_off_link", "    device: net_null1",
             "    neighbours:\n      - {address: 10.3.0.2, mac: 02:00:00:00:00:01}\n    device: "
             "net_null1",
             "8:19: ports[1].neighbours[0].address: expected an address on a prefix of this port, "
             "got 10.3.0.2"},
        Bend{"neighbour_twice", "    device: net_null1",
             "    neighbours:\n      - {address: 10.2.0.2, mac: 02:00:00:00:00:01}\n      - "
             "{address: 10.2.0.2, mac: 02:00:00:00:00:02}\n    device: net_null1",
             "9:19: ports[1].neighbours[1].address: expected each neighbour once, got 10.2.0.2 "
             "again"},
        Bend{"method_without_its_section",
             "    preshared:", "    methods: [preshared, tls13]\n    preshared:",
             "11:5: protection[0].tls13: expected a section of keys, as methods has tls13, got "
             "nothing"},
        Bend{"section_without_its_method", "    preshared:",
             "    methods: [preshared]\n    tls13: {certificate: c, private_key: k, authorities: "
             "[a], "
             "peer_names: [any]}\n    preshared:",
             "12:14: protection[0].methods: expected tls13 among them, as its section is there, "
             "got none"},
        Bend{"dtls13_without_its_section",
             "    preshared:", "    methods: [preshared, dtls13]\n    preshared:",
             "11:5: protection[0].dtls13: expected a section of keys, as methods has dtls13, got "
             "nothing"},
        Bend{"dtls13_section_without_its_method", "    preshared:",
             "    methods: [preshared]\n    dtls13: {certificate: c, private_key: k, authorities: "
             "[a], peer_names: [any]}\n    preshared:",
             "12:14: protection[0].methods: expected dtls13 among them, as its section is there, "
             "got none"},
        Bend{"dtls13_lifetime_not_above_age", "    preshared:",
             "    dtls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any], "
             "key_lifetime_s: 3600}\n    preshared:",
             "12:99: protection[0].dtls13.key_lifetime_s: expected more than update_age_s (3600 "
             "seconds), got 3600"},
        Bend{"dtls13_has_no_ccm", "    preshared:",
             "    dtls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any], "
             "suites: [TLS_AES_128_CCM_SHA256]}\n    preshared:",
             "12:92: protection[0].dtls13.suites[0]: expected a suite that dtls13 has: a GCM or "
             "ChaCha20-Poly1305 one, got TLS_AES_128_CCM_SHA256"},
        Bend{"dtls13_has_no_rsa_pss_pss", "    preshared:",
             "    dtls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any], "
             "signature_algorithms: [rsa_pss_pss_sha256]}\n    preshared:",
             "12:105: protection[0].dtls13.signature_algorithms: expected an algorithm that dtls13 "
             "has, got only rsa_pss_pss_ ones"},
        Bend{"dtls13_interval_above_time_out", "    preshared:",
             "    dtls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any], "
             "min_update_interval_ms: 60000}\n    preshared:",
             "12:107: protection[0].dtls13.min_update_interval_ms: expected less than "
             "update_timeout_ms (60000 milliseconds), got 60000"},
        Bend{"method_twice",
             "    preshared:", "    methods: [preshared, preshared]\n    preshared:",
             "12:26: protection[0].methods[1]: expected each method once, got preshared again"},
        Bend{"lifetime_not_above_age", "    preshared:",
             "    tls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any], "
             "key_lifetime_s: 3600}\n    preshared:",
             "12:98: protection[0].tls13.key_lifetime_s: expected more than rekey_age_s (3600 "
             "seconds), got 3600"},
        Bend{"any_name_and_others", "    preshared:",
             "    tls13: {certificate: c, private_key: k, authorities: [a], "
             "peer_names: [any, \"dns:a.example\"]}\n    preshared:",
             "12:75: protection[0].tls13.peer_names: expected any alone, or names, got both"},
        Bend{"restart_of_raw_keys", "    preshared:\n      file: trunk.psk",
             "    restart: true\n    lab_raw:\n      file: f",
             "12:14: protection[0].restart: expected false with lab_raw, whose keys would be used "
             "twice, got true"},
        Bend{"restart_store_without_restart",
             "listeners:", "restart: {sqlite: {file: /s}, key: {file: /k}}\nlisteners:",
             "21:10: restart: expected a protection policy with restart: true, or no store, got "
             "none"},
        Bend{"two_key_sources", "    preshared:", "    lab_raw:\n      file: f\n    preshared:",
             "13:7: protection[0].lab_raw: expected exactly one of preshared and lab_raw, got "
             "both"},
        Bend{"no_key_source", "    preshared:\n      file: trunk.psk\n", "",
             "11:5: protection[0]: expected a section of a key-management method: tls13, dtls13, "
             "preshared or lab_raw, got none"},
        Bend{"cpus_of_other_count", "listeners:", "workers: {count: 2, cpus: [1]}\nlisteners:",
             "21:27: workers.cpus: expected 2 CPUs, as workers.count is 2, got 1"},
        Bend{"cpu_twice", "listeners:", "workers: {count: 2, cpus: [1, 1]}\nlisteners:",
             "21:31: workers.cpus[1]: expected a different CPU for each worker, got 1 again"},
        Bend{"rto_min_above_max", "listeners:", "sctp: {rto_min_ms: 11000}\nlisteners:",
             "21:20: sctp.rto_min_ms: expected at most rto_max_ms (10000 milliseconds), got "
             "11000"},
        Bend{"rto_initial_outside", "listeners:", "sctp: {rto_initial_ms: 200}\nlisteners:",
             "21:24: sctp.rto_initial_ms: expected from rto_min_ms to rto_max_ms (300 to 10000 "
             "milliseconds), got 200"},
        Bend{"cookie_outlives_its_key",
             "listeners:", "sctp: {cookie_key_rotation_s: 59}\nlisteners:",
             "21:31: sctp.cookie_key_rotation_s: expected at least cookie_lifetime_ms (60000 "
             "milliseconds), got 59"},
        Bend{"path_wider_than_port", "listeners:", "sctp: {path_mtu: 1501}\nlisteners:",
             "21:18: sctp.path_mtu: expected at most the mtu of every port (1500 octets on west), "
             "got 1501"}),
    [](const auto& bend) { return std::string(bend.param.name); });

TEST(Contradictions, are_reported_together) {
    std::string text = good_with("backend: core", "backend: none");
    text.replace(text.find("name: east"), 10, "name: west");
    EXPECT_EQ(errors_of(text),
              "gw.yaml:6:11: ports[1].name: expected a name other than that of ports[0], got "
              "'west'\n"
              "gw.yaml:26:14: listeners[0].backend: expected the name of an entry of backends, got "
              "'none'\n");
}

TEST(Contradictions, same_port_number_on_another_address_is_fine) {
    EXPECT_EQ(errors_of(good + "  - {name: l2, side: protected, address: 10.2.0.1, port: 38412, "
                               "backend: core, protection: policy}\n"),
              "no error\n");
}

TEST(Contradictions, backend_behind_a_route_is_fine) {
    std::string text = good_with("    address: 10.2.0.2", "    address: 192.0.2.1");
    text.replace(text.find("    device: net_null1"), 0,
                 "    routes: [{prefix: 192.0.2.0/24, via: 10.2.0.254}]\n");
    EXPECT_EQ(errors_of(text), "no error\n");
}

TEST(Contradictions, more_workers_need_more_mbufs) {
    const std::string text =
        good_with("    device: net_null1", "    mbufs: 4096\n    device: net_null1");
    EXPECT_EQ(errors_of(text + "workers: {count: 3}\n"), "no error\n");
    EXPECT_EQ(errors_of(text + "workers: {count: 4}\n"),
              "gw.yaml:7:12: ports[1].mbufs: expected more than 4096, the descriptors of all "
              "workers' queues, got 4096\n");
}

// The good sample with a restarting policy and this section.
std::string with_restart(const std::string& section) {
    std::string text = good_with("    preshared:", "    restart: true\n    preshared:");
    return text + "restart:\n" + section;
}

TEST(Contradictions, restart_store_is_one_with_one_key) {
    const std::string sqlite = "  sqlite: {file: r.db}\n";
    const std::string key = "  key: {file: kek}\n";
    EXPECT_EQ(errors_of(with_restart(sqlite + key)), "no error\n");
    const std::string redis = "  redis: {server: \"10.0.0.9:6379\"}\n";
    EXPECT_EQ(errors_of(with_restart(redis + "  owner: one\n" + key)), "no error\n");
    EXPECT_EQ(errors_of(with_restart(redis + key)),
              "gw.yaml:29:3: restart.owner: expected a name of its own with redis, which gateways "
              "share, got none\n");
    EXPECT_EQ(errors_of(with_restart(redis + "  standby: true\n" + key)),
              "gw.yaml:29:3: restart.owner: expected a name of its own with redis, which gateways "
              "share, got none\n");
    EXPECT_EQ(errors_of(with_restart(key)),
              "gw.yaml:29:3: restart: expected exactly one of sqlite and redis, got neither\n");
    EXPECT_EQ(
        errors_of(with_restart(sqlite + "  redis: {server: \"unix:/r\"}\n  owner: one\n" + key)),
        "gw.yaml:30:10: restart.redis: expected exactly one of sqlite and redis, got both\n");
    EXPECT_EQ(errors_of(with_restart(sqlite + "  standby: true\n" + key)),
              "gw.yaml:30:12: restart.standby: expected false without redis, which gateways share, "
              "got true\n");
    EXPECT_EQ(errors_of(with_restart(sqlite + "  key: {file: a, credential: b}\n")),
              "gw.yaml:30:8: restart.key: expected one of file, credential and token, got 2\n");
    EXPECT_EQ(errors_of(with_restart(sqlite + "  key: {token: \"pkcs11:x\"}\n")),
              "gw.yaml:30:8: restart.key: expected wrapped_file with token, and only then, got "
              "none\n");
    EXPECT_EQ(
        errors_of(with_restart(sqlite + key + "  former_keys: [{wrapped_file: w}]\n")),
        "gw.yaml:31:17: restart.former_keys[0]: expected one of file, credential and token, got "
        "0\n");
    EXPECT_EQ(errors_of(with_restart("  redis: {server: \"here:1\"}\n" + key)),
              "gw.yaml:29:19: restart.redis.server: expected unix:PATH, ADDRESS:PORT or "
              "[ADDRESS]:PORT, got the quoted text 'here:1'\n");
}

}  // namespace
}  // namespace sdg::config
