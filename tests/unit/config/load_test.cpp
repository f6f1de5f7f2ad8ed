// Loading: values, defaults, and for each kind of error in a single entry what exactly is said.
#include "config/load.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/config/sample.h"

namespace sdg::config {
namespace {

using test::Bend;
using test::errors_of;
using test::good;
using test::good_with;

TEST(Load, small_file_is_the_defaults_around_what_it_says) {
    const LoadResult result = load_text(good, "/etc/gw/gw.yaml");
    ASSERT_TRUE(result) << to_string(result.error());
    const Configuration& c = *result;
    ASSERT_EQ(c.ports.size(), 2u);
    EXPECT_EQ(c.ports[0].name, "west");
    EXPECT_EQ(c.ports[0].device, "net_null0");
    EXPECT_EQ(c.ports[0].addresses[0], (Prefix{*IpAddress::parse("10.1.0.1"), 24}));
    EXPECT_EQ(c.ports[0].mtu, 1500u);
    EXPECT_FALSE(c.ports[0].vlan);
    ASSERT_EQ(c.backends.size(), 1u);
    EXPECT_EQ(c.backends[0].side, Side::protected_side);
    EXPECT_EQ(c.backends[0].port_index, 1u);
    EXPECT_EQ(c.backends[0].address.to_string(), "10.2.0.2");
    EXPECT_EQ(c.backends[0].port, 38412);
    EXPECT_EQ(c.backends[0].protection, 0u);
    ASSERT_EQ(c.listeners.size(), 1u);
    EXPECT_EQ(c.listeners[0].backend, 0u);
    EXPECT_EQ(c.listeners[0].port_index, 0u);
    EXPECT_FALSE(c.listeners[0].protection);
    EXPECT_EQ(c.protection[0].preshared_file, "/etc/gw/trunk.psk");
    EXPECT_FALSE(c.lab.keylog);
    EXPECT_FALSE(c.lab.tls_keylog);
    EXPECT_FALSE(c.stats_file);
}

TEST(Load, relative_file_names_start_at_the_files_folder_and_absolute_ones_stay) {
    const auto names = [](const std::string& file, const char* config_name) {
        const auto result = load_text(good + "stats_file: " + file + "\n", config_name);
        return result ? result->stats_file->string() : to_string(result.error());
    };
    EXPECT_EQ(names("out/s.json", "/etc/gw/gw.yaml"), "/etc/gw/out/s.json");
    EXPECT_EQ(names("../s.json", "conf/gw.yaml"), "s.json");
    EXPECT_EQ(names("s.json", "gw.yaml"), "s.json");
    EXPECT_EQ(names("/var/s.json", "/etc/gw/gw.yaml"), "/var/s.json");
}

TEST(Load, every_value_of_a_full_file_arrives) {
    const auto result = load_text(R"(
eal: {memory_mib: 512, hugepages: never, file_prefix: p, extra_args: [--log-level, "8"]}
workers: {count: 2, cpus: [3, 4], idle_sleep_us: 0, burst: 64, crypto_device: "0000:3d:01.0"}
control: {cpu: 1, idle_sleep_us: 7}
ports:
  - name: a
    device: 0000:01:00.0
    mtu: 9000
    vlan: 4094
    mac: 02:00:00:0a:0B:01
    addresses: [10.0.0.1/24, '2001:db8::1/64']
    routes: [{prefix: 0.0.0.0/0, via: 10.0.0.254}]
    neighbours: [{address: '2001:db8::2', mac: '02:00:00:00:00:02'}]
    rx_descriptors: 128
    tx_descriptors: 256
    mbufs: 4096
    promiscuous: true
protection:
  - name: x
    mode: loose
    roles: [server]
    methods: [preshared]
    restart: false
    suite: TLS_AES_128_CCM_SHA256
    replay_window: 64
    rekey_fraction: 0.25
    lab_raw: {file: k}
backends:
  - {name: b, side: plain, local: 10.0.0.1, local_port: 99, via: a, address: 192.0.2.1, port: 1,
     streams: 1024, connect_timeout_ms: 100}
listeners:
  - {name: l, side: protected, address: '2001:db8::1', port: 65535, backend: b, protection: x,
     max_streams: 2, max_associations: 3}
limits: {associations: 4, send_buffer_kib: 16, receive_buffer_kib: 17, ring_packets: 64,
         unauthenticated: 0.2, unauthenticated_source: 0.1}
budgets: {source_per_second: 20, init_per_second: 21, cookie_per_second: 22, stray_per_second: 23}
sctp:
  rto_initial_ms: 500
  rto_min_ms: 100
  rto_max_ms: 2000
  heartbeat_interval_ms: 200
  association_max_retransmissions: 3
  init_max_retransmissions: 4
  cookie_lifetime_ms: 5000
  cookie_key_rotation_s: 5
  sack_delay_ms: 0
  path_mtu: 1400
shutdown: {timeout_ms: 0}
log: {level: debug, format: json}
lab: {keylog: k.log, tls_keylog: s.log}
stats_file: s.json
)",
                                  "dir/gw.yaml");
    ASSERT_TRUE(result) << to_string(result.error());
    const Configuration& c = *result;
    EXPECT_EQ(c.eal.memory_mib, 512u);
    EXPECT_EQ(c.eal.hugepages, Hugepages::never);
    EXPECT_EQ(c.eal.file_prefix, "p");
    EXPECT_EQ(c.eal.extra_args, (std::vector<std::string>{"--log-level", "8"}));
    EXPECT_EQ(c.workers.count, 2u);
    EXPECT_EQ(c.workers.cpus, (std::vector<uint32_t>{3, 4}));
    EXPECT_EQ(c.workers.idle_sleep_us, 0u);
    EXPECT_EQ(c.workers.crypto_device, "0000:3d:01.0");
    EXPECT_EQ(c.workers.burst, 64u);
    EXPECT_EQ(c.control.cpu, 1u);
    EXPECT_EQ(c.control.idle_sleep_us, 7u);
    const Port& port = c.ports.at(0);
    EXPECT_EQ(port.device, "0000:01:00.0");
    EXPECT_EQ(port.mtu, 9000u);
    EXPECT_EQ(port.vlan, 4094);
    EXPECT_EQ(port.mac, (MacAddress{2, 0, 0, 10, 11, 1}));
    EXPECT_EQ(port.addresses.at(1), (Prefix{*IpAddress::parse("2001:db8::1"), 64}));
    EXPECT_EQ(port.routes.at(0).prefix.length, 0);
    EXPECT_EQ(port.routes.at(0).via, *IpAddress::parse("10.0.0.254"));
    EXPECT_EQ(port.neighbours.at(0).address, *IpAddress::parse("2001:db8::2"));
    EXPECT_EQ(port.neighbours.at(0).mac, (MacAddress{2, 0, 0, 0, 0, 2}));
    EXPECT_EQ(port.rx_descriptors, 128u);
    EXPECT_EQ(port.tx_descriptors, 256u);
    EXPECT_EQ(port.mbufs, 4096u);
    EXPECT_TRUE(port.promiscuous);
    const ProtectionPolicy& policy = c.protection.at(0);
    EXPECT_EQ(policy.mode, ProtectionMode::loose);
    EXPECT_FALSE(policy.role_client);
    EXPECT_TRUE(policy.role_server);
    EXPECT_EQ(policy.methods, std::vector{KeyManagementMethod::preshared});
    EXPECT_EQ(policy.suite, CipherSuite::aes_128_ccm_sha256);
    EXPECT_EQ(policy.replay_window, 64u);
    EXPECT_EQ(policy.rekey_fraction, 0.25);
    EXPECT_EQ(policy.lab_raw_file, "dir/k");
    EXPECT_FALSE(policy.preshared_file);
    const Backend& backend = c.backends.at(0);
    EXPECT_EQ(backend.side, Side::plain);
    EXPECT_EQ(backend.local_port, 99);
    EXPECT_EQ(backend.streams, 1024);
    EXPECT_EQ(backend.connect_timeout_ms, 100u);
    EXPECT_FALSE(backend.protection);
    const Listener& listener = c.listeners.at(0);
    EXPECT_EQ(listener.port, 65535);
    EXPECT_EQ(listener.protection, 0u);
    EXPECT_EQ(listener.max_streams, 2);
    EXPECT_EQ(listener.max_associations, 3u);
    EXPECT_EQ(c.limits.associations, 4u);
    EXPECT_EQ(c.limits.send_buffer_kib, 16u);
    EXPECT_EQ(c.limits.receive_buffer_kib, 17u);
    EXPECT_EQ(c.limits.ring_packets, 64u);
    EXPECT_EQ(c.limits.unauthenticated, 0.2);
    EXPECT_EQ(c.limits.unauthenticated_source, 0.1);
    EXPECT_EQ(c.budgets.source_per_second, 20u);
    EXPECT_EQ(c.budgets.init_per_second, 21u);
    EXPECT_EQ(c.budgets.cookie_per_second, 22u);
    EXPECT_EQ(c.budgets.stray_per_second, 23u);
    EXPECT_EQ(c.sctp.rto_initial_ms, 500u);
    EXPECT_EQ(c.sctp.rto_min_ms, 100u);
    EXPECT_EQ(c.sctp.rto_max_ms, 2000u);
    EXPECT_EQ(c.sctp.heartbeat_interval_ms, 200u);
    EXPECT_EQ(c.sctp.association_max_retransmissions, 3u);
    EXPECT_EQ(c.sctp.init_max_retransmissions, 4u);
    EXPECT_EQ(c.sctp.cookie_lifetime_ms, 5000u);
    EXPECT_EQ(c.sctp.cookie_key_rotation_s, 5u);
    EXPECT_EQ(c.sctp.sack_delay_ms, 0u);
    EXPECT_EQ(c.sctp.path_mtu, 1400u);
    EXPECT_EQ(c.shutdown.timeout_ms, 0u);
    EXPECT_EQ(c.log.level, LogLevel::debug);
    EXPECT_EQ(c.log.format, LogFormat::json);
    EXPECT_EQ(c.lab.keylog, "dir/k.log");
    EXPECT_EQ(c.lab.tls_keylog, "dir/s.log");
    EXPECT_EQ(c.stats_file, "dir/s.json");
}

TEST(Load, empty_sections_and_lists_are_as_if_absent) {
    EXPECT_EQ(errors_of(good + "lab:\nlog:\nworkers: {}\n"), "no error\n");
    EXPECT_EQ(errors_of(good_with("    device: net_null0\n",
                                  "    device: net_null0\n    routes:\n    neighbours: []\n")),
              "no error\n");
}

TEST(Load, anchors_and_aliases_stand_for_their_values) {
    const auto result =
        load_text(good_with("port: 38412\n    protection", "port: &p 38412\n    protection") +
                      "shutdown: {timeout_ms: *p}\n",
                  "gw.yaml");
    ASSERT_TRUE(result) << to_string(result.error());
    EXPECT_EQ(result->shutdown.timeout_ms, 38412u);
}

class BadEntry : public testing::TestWithParam<Bend> {};

TEST_P(BadEntry, is_reported_with_place_key_and_expectation) {
    const Bend& bend = GetParam();
    EXPECT_EQ(errors_of(good_with(bend.piece, bend.by)),
              std::string("gw.yaml:") + bend.error + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Load, BadEntry,
    testing::Values(
        Bend{"unknown_key_at_the_top", "ports:", "prots: 1\nports:",
             "1:1: prots: expected one of eal, workers, control, ports, protection, backends, "
             "listeners, limits, budgets, sctp, shutdown, log, admin, metrics, restart, security, "
             "lab, "
             "stats_file, "
             "got an unknown key"},
        Bend{"unknown_key_below", "      file: trunk.psk", "      file: trunk.psk\n      mode: 1",
             "14:7: protection[0].preshared.mode: expected one of file, got an unknown key"},
        Bend{"merge_key", "    device: net_null1", "    <<: {}\n    device: net_null1",
             "7:5: ports[1].<<: expected one of name, device, mtu, vlan, mac, addresses, routes, "
             "neighbours, rx_descriptors, tx_descriptors, mbufs, promiscuous, got an unknown key"},
        Bend{"duplicate_key", "    backend: core\n", "    backend: core\n    port: 1\n",
             "27:5: listeners[0].port: expected the key once, got it again, first in line 25"},
        Bend{"duplicate_section", "listeners:", "ports: 1\nlisteners:",
             "21:1: ports: expected the key once, got it again, first in line 1"},
        Bend{"missing_key", "    device: net_null0\n", "",
             "2:5: ports[0].device: expected a DPDK device such as net_af_packet0,iface=eth1 or "
             "0000:01:00.0, got nothing"},
        Bend{"empty_value", "device: net_null0", "device:",
             "3:5: ports[0].device: expected a DPDK device such as net_af_packet0,iface=eth1 or "
             "0000:01:00.0, got nothing"},
        Bend{"null_value", "name: west", "name: ~",
             "2:11: ports[0].name: expected a name of 1 to 32 letters, digits, '_', '-' or '.', "
             "got nothing"},
        Bend{"word_for_a_number", "    port: 38412\n    backend", "    port: ngap\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got 'ngap'"},
        Bend{"quoted_number", "    port: 38412\n    backend", "    port: \"38412\"\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got the quoted "
             "text '38412'"},
        Bend{"fraction_for_a_number", "    port: 38412\n    backend", "    port: 1.5\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got '1.5'"},
        Bend{"number_too_large", "    port: 38412\n    backend", "    port: 65536\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got '65536'"},
        Bend{"number_too_small", "    port: 38412\n    backend", "    port: 0\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got '0'"},
        Bend{"number_beyond_any", "    port: 38412\n    backend",
             "    port: 99999999999999999999\n    backend",
             "25:11: listeners[0].port: expected a whole number from 1 to 65535, got "
             "'99999999999999999999'"},
        Bend{"negative_number", "listeners:", "limits: {associations: -1}\nlisteners:",
             "21:24: limits.associations: expected a whole number from 1 to 100000, got '-1'"},
        Bend{"not_a_power_of_two", "listeners:", "limits: {ring_packets: 100}\nlisteners:",
             "21:24: limits.ring_packets: expected a power of two from 64 to 65536 (packets), got "
             "'100'"},
        Bend{"window_of_a_policy", "    preshared:", "    replay_window: 1000\n    preshared:",
             "12:20: protection[0].replay_window: expected a power of two from 64 to 65536 "
             "(records), got '1000'"},
        Bend{"fraction_out_of_range", "    preshared:", "    rekey_fraction: 0.95\n    preshared:",
             "12:21: protection[0].rekey_fraction: expected a number from 0.01 to 0.9, got '0.95'"},
        Bend{"fraction_not_a_number", "    preshared:", "    rekey_fraction: nan\n    preshared:",
             "12:21: protection[0].rekey_fraction: expected a number from 0.01 to 0.9, got 'nan'"},
        Bend{"unit_in_the_value", "    device: net_null0", "    mtu: 1500B\n    device: net_null0",
             "3:10: ports[0].mtu: expected a whole number from 576 to 9000 (octets), got '1500B'"},
        Bend{"yes_for_a_boolean", "    device: net_null0",
             "    promiscuous: yes\n    device: net_null0",
             "3:18: ports[0].promiscuous: expected true or false, got 'yes'"},
        Bend{"wrong_choice", "side: plain", "side: clear",
             "23:11: listeners[0].side: expected one of plain, protected, got 'clear'"},
        Bend{"wrong_choice_in_a_list",
             "    preshared:", "    roles: [client, peer]\n    preshared:",
             "12:21: protection[0].roles[1]: expected one of client, server, got 'peer'"},
        Bend{"unknown_suite", "    preshared:", "    suite: TLS_NULL\n    preshared:",
             "12:12: protection[0].suite: expected one of TLS_AES_128_GCM_SHA256, "
             "TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_CCM_SHA256, got "
             "'TLS_NULL'"},
        Bend{"list_for_a_word", "name: west", "name: [west]",
             "2:11: ports[0].name: expected a name of 1 to 32 letters, digits, '_', '-' or '.', "
             "got a list"},
        Bend{"section_for_a_word", "name: west", "name: {a: b}",
             "2:11: ports[0].name: expected a name of 1 to 32 letters, digits, '_', '-' or '.', "
             "got a section of keys"},
        Bend{"word_for_a_list", "    addresses:\n      - 10.1.0.1/24", "    addresses: 10.1.0.1/24",
             "4:16: ports[0].addresses: expected a list of 1 to 64, got '10.1.0.1/24'"},
        Bend{"word_for_a_section", "    preshared:\n      file: trunk.psk",
             "    preshared: trunk.psk",
             "12:16: protection[0].preshared: expected a section of keys, got 'trunk.psk'"},
        Bend{"word_for_an_element", "listeners:", "listeners:\n  - nodes",
             "22:5: listeners[0]: expected a section of keys, got 'nodes'"},
        Bend{"empty_list", "    addresses:\n      - 10.1.0.1/24", "    addresses: []",
             "4:16: ports[0].addresses: expected a list of 1 to 64, got a list of 0"},
        Bend{"bad_name", "name: west", "name: we st",
             "2:11: ports[0].name: expected a name of 1 to 32 letters, digits, '_', '-' or '.', "
             "got 'we st'"},
        Bend{"bad_address", "    address: 10.1.0.1", "    address: 10.1.0.256",
             "24:14: listeners[0].address: expected a unicast IPv4 or IPv6 address, got "
             "'10.1.0.256'"},
        Bend{"host_name_for_an_address", "    address: 10.2.0.2", "    address: core.example",
             "18:14: backends[0].address: expected a unicast IPv4 or IPv6 address, got "
             "'core.example'"},
        Bend{"all_of_the_hosts_addresses", "    address: 10.1.0.1", "    address: 0.0.0.0",
             "24:14: listeners[0].address: expected a unicast IPv4 or IPv6 address, got '0.0.0.0'"},
        Bend{"multicast_address", "    address: 10.2.0.2", "    address: 224.0.0.1",
             "18:14: backends[0].address: expected a unicast IPv4 or IPv6 address, got "
             "'224.0.0.1'"},
        Bend{"address_without_length", "- 10.1.0.1/24", "- 10.1.0.1",
             "5:9: ports[0].addresses[0]: expected a unicast address with its prefix length, such "
             "as 10.0.0.1/24 or 2001:db8::1/64, got '10.1.0.1'"},
        Bend{"prefix_length_too_long", "- 10.1.0.1/24", "- 10.1.0.1/33",
             "5:9: ports[0].addresses[0]: expected a unicast address with its prefix length, such "
             "as 10.0.0.1/24 or 2001:db8::1/64, got '10.1.0.1/33'"},
        Bend{"network_for_an_address", "- 10.1.0.1/24", "- 10.1.0.0/24",
             "5:9: ports[0].addresses[0]: expected a unicast address with its prefix length, such "
             "as 10.0.0.1/24 or 2001:db8::1/64, got '10.1.0.0/24'"},
        Bend{"broadcast_for_an_address", "- 10.1.0.1/24", "- 10.1.0.255/24",
             "5:9: ports[0].addresses[0]: expected a unicast address with its prefix length, such "
             "as 10.0.0.1/24 or 2001:db8::1/64, got '10.1.0.255/24'"},
        Bend{"host_for_a_network", "    device: net_null0",
             "    routes: [{prefix: 10.9.0.1/8, via: 10.1.0.2}]\n    device: net_null0",
             "3:23: ports[0].routes[0].prefix: expected a network with its prefix length, such as "
             "10.0.0.0/8 or 2001:db8::/32, got '10.9.0.1/8'"},
        Bend{"bad_mac", "    device: net_null0",
             "    mac: 02-00-00-00-00-01\n    device: net_null0",
             "3:10: ports[0].mac: expected a unicast link address such as 02:00:00:00:00:01, got "
             "'02-00-00-00-00-01'"},
        Bend{"group_mac", "    device: net_null0",
             "    mac: 01:00:5e:00:00:01\n    device: net_null0",
             "3:10: ports[0].mac: expected a unicast link address such as 02:00:00:00:00:01, got "
             "'01:00:5e:00:00:01'"},
        Bend{"kernel_name_for_a_device", "device: net_null0", "device: eth0",
             "3:13: ports[0].device: expected a DPDK device such as net_af_packet0,iface=eth1 or "
             "0000:01:00.0, got 'eth0'"},
        Bend{"control_characters_are_escaped", "file: trunk.psk", "file: \"a\\nb\\e\"",
             "13:13: protection[0].preshared.file: expected a file name, got the quoted text "
             "'a\\x0ab\\x1b'"},
        Bend{"tag", "name: west", "name: !!str west",
             "2:11: expected a value without a YAML tag, got tag tag:yaml.org,2002:str"},
        Bend{"not_yaml", "name: west", "name: [west",
             "3:11: expected valid YAML, got end of sequence flow not found"},
        Bend{"tab_as_indent", "    device: net_null0", "\tdevice: net_null0",
             "3:1: expected valid YAML, got illegal tab when looking for indentation"}),
    [](const auto& bend) { return std::string(bend.param.name); });

TEST(Load, all_errors_of_a_file_are_reported_in_its_order) {
    EXPECT_EQ(errors_of("stats_file: []\nports: 1\nlog: {level: loud, colour: red}\n"),
              "gw.yaml:1:1: backends: expected a list of 1 to 1024, got nothing\n"
              "gw.yaml:1:1: listeners: expected a list of 1 to 1024, got nothing\n"
              "gw.yaml:1:13: stats_file: expected a file name, got a list\n"
              "gw.yaml:2:8: ports: expected a list of 1 to 32, got '1'\n"
              "gw.yaml:3:14: log.level: expected one of error, warn, info, debug, got 'loud'\n"
              "gw.yaml:3:20: log.colour: expected one of level, format, "
              "lines_per_second, modules, got an unknown key\n");
}

TEST(Load, errors_are_bounded_and_the_rest_is_counted) {
    std::string text = good;
    for (int i = 0; i < 30; ++i) {
        text += "bad" + std::to_string(i) + ": 1\n";
    }
    const LoadResult result = load_text(text, "gw.yaml");
    ASSERT_FALSE(result);
    ASSERT_EQ(result.error().size(), max_reported_errors + 1);
    EXPECT_EQ(result.error().front().line, 27u);
    EXPECT_EQ(to_string(result.error().back()), "gw.yaml: expected at most 20 errors, got 10 more");
}

TEST(Load, empty_file_lacks_what_is_required) {
    for (const char* text : {"", "# nothing but a comment\n", "---\n", "~\n"}) {
        const LoadResult result = load_text(text, "gw.yaml");
        ASSERT_FALSE(result);
        ASSERT_EQ(result.error().size(), 3u) << text;
        EXPECT_EQ(result.error()[0].key, "ports");
        EXPECT_EQ(result.error()[0].got, "nothing");
    }
}

TEST(Load, document_of_another_kind_is_refused) {
    EXPECT_EQ(errors_of("- a\n"), "gw.yaml:1:1: expected a section of keys, got a list\n");
    EXPECT_EQ(errors_of("hello"), "gw.yaml:1:1: expected a section of keys, got 'hello'\n");
}

TEST(Load, error_at_an_alias_points_at_the_alias) {
    const std::string text = good + "log: {level: &l info, format: *l}\n";
    EXPECT_EQ(errors_of(text),
              "gw.yaml:27:31: log.format: expected one of auto, text, json, got 'info'\n");
}

TEST(Load, long_values_and_keys_are_shortened) {
    const std::string errors = errors_of(good + std::string(500, 'k') +
                                         ": 1\nlog: {level: " + std::string(500, 'v') + "}\n");
    EXPECT_NE(errors.find(std::string(60, 'k') + "...'"), std::string::npos);
    EXPECT_EQ(errors.find(std::string(61, 'k')), std::string::npos);
    EXPECT_NE(errors.find(std::string(60, 'v') + "...'"), std::string::npos);
    EXPECT_EQ(errors.find(std::string(61, 'v')), std::string::npos);
}

TEST(Load, oversized_text_is_refused_before_parsing) {
    const std::string text(max_file_octets + 1, '#');
    EXPECT_EQ(errors_of(text), "gw.yaml: expected at most 1048576 octets, got 1048577\n");
    EXPECT_EQ(
        load_text(good + std::string(max_file_octets - good.size(), '#'), "gw.yaml").has_value(),
        true);
}

TEST(Load, file_that_cannot_be_read_is_one_clear_error) {
    const auto errors = [](const char* path) {
        const LoadResult result = load(path);
        return result ? "no error\n" : to_string(result.error());
    };
    EXPECT_EQ(errors("no/such/file.yaml"),
              "no/such/file.yaml: expected a file that can be read, got No such file or "
              "directory\n");
    EXPECT_EQ(errors("/"), "/: expected a file, got a folder\n");
    EXPECT_EQ(errors("/dev/zero"), "/dev/zero: expected at most 1048576 octets, got more\n");
}

TEST(Load, file_is_read_from_disk) {
    const std::string path = testing::TempDir() + "config_load_test.yaml";
    std::ofstream(path) << good;
    const LoadResult result = load(path);
    EXPECT_TRUE(result) << to_string(result.error());
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace sdg::config
