// The schema table against itself, against the structs' defaults and against docs/config.md.
#include "config/schema.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "config/load.h"
#include "tests/unit/config/sample.h"

namespace sdg::config {
namespace {

std::string parent(std::string_view path) {
    if (path.ends_with("[]")) {
        return std::string(path.substr(0, path.size() - 2));
    }
    const size_t dot = path.rfind('.');
    return dot == std::string_view::npos ? "" : std::string(path.substr(0, dot));
}

TEST(Schema, every_key_is_unique_described_and_below_a_section_or_list) {
    std::set<std::string_view> seen;
    for (const Key& key : schema()) {
        EXPECT_TRUE(seen.insert(key.path).second) << key.path;
        EXPECT_FALSE(key.description.empty()) << key.path;
        EXPECT_EQ(key.type == ValueType::choice, !key.choices.empty()) << key.path;
        EXPECT_FALSE(expectation(key).empty()) << key.path;
        const std::string above = parent(key.path);
        if (!above.empty()) {
            const Key* holder = find_key(above);
            ASSERT_NE(holder, nullptr) << key.path;
            EXPECT_EQ(holder->type, key.path.ends_with("[]") ? ValueType::list : ValueType::section)
                << key.path;
        }
        if (key.type == ValueType::list) {
            EXPECT_NE(find_key(std::string(key.path) + "[]"), nullptr) << key.path;
            EXPECT_GT(key.maximum, 0) << key.path << ": lists are bounded";
        }
        if (key.type == ValueType::integer || key.type == ValueType::fraction) {
            EXPECT_GT(key.maximum, key.minimum) << key.path << ": numbers are bounded";
        }
        EXPECT_FALSE(key.presence == Presence::required && !key.default_text.empty()) << key.path;
    }
}

// A default that could not be written in a file would be a lie in the documentation.
TEST(Schema, defaults_pass_their_own_checks) {
    for (const Key& key : schema()) {
        if (key.default_text.empty() || key.path.find("[]") != std::string_view::npos ||
            key.path.find('.') == std::string_view::npos) {
            continue;
        }
        const std::string section = parent(key.path);
        // What the section restart must have in any case, and a policy that wants it.
        const bool restart = section.starts_with("restart");
        const std::string base =
            restart ? test::good_with("    preshared:", "    restart: true\n    preshared:")
                    : test::good;
        const std::string needed =
            section == "restart" ? ", sqlite: {file: r}, key: {file: k}" : "";
        const std::string value =
            std::string(last_part(key.path)) + ": " + std::string(key.default_text);
        const std::string text =
            section == "restart.redis"
                ? base + "restart: {key: {file: k}, owner: o, redis: {server: \"unix:/r\", " +
                      value + "}}\n"
                : base + section + ": {" + value + needed + "}\n";
        EXPECT_EQ(test::errors_of(text), "no error\n") << key.path;
    }
}

TEST(Schema, defaults_are_those_of_the_structs) {
    const LoadResult loaded = load_text(test::good, "gw.yaml");
    ASSERT_TRUE(loaded);
    const Configuration& c = *loaded;
    const Configuration d;
    EXPECT_EQ(c.eal.memory_mib, d.eal.memory_mib);
    EXPECT_EQ(c.eal.hugepages, d.eal.hugepages);
    EXPECT_EQ(c.eal.file_prefix, d.eal.file_prefix);
    EXPECT_EQ(c.eal.telemetry, d.eal.telemetry);
    EXPECT_EQ(c.eal.extra_args, d.eal.extra_args);
    EXPECT_EQ(c.workers.count, d.workers.count);
    EXPECT_EQ(c.workers.cpus, d.workers.cpus);
    EXPECT_EQ(c.workers.idle_sleep_us, d.workers.idle_sleep_us);
    EXPECT_EQ(c.workers.burst, d.workers.burst);
    EXPECT_EQ(c.control.cpu, d.control.cpu);
    EXPECT_EQ(c.control.idle_sleep_us, d.control.idle_sleep_us);
    const Port port;
    EXPECT_EQ(c.ports[0].mtu, port.mtu);
    EXPECT_EQ(c.ports[0].vlan, port.vlan);
    EXPECT_EQ(c.ports[0].mac, port.mac);
    EXPECT_EQ(c.ports[0].routes.size(), port.routes.size());
    EXPECT_EQ(c.ports[0].neighbours.size(), port.neighbours.size());
    EXPECT_EQ(c.ports[0].rx_descriptors, port.rx_descriptors);
    EXPECT_EQ(c.ports[0].tx_descriptors, port.tx_descriptors);
    EXPECT_EQ(c.ports[0].promiscuous, port.promiscuous);
    EXPECT_EQ(c.ports[0].mbufs, port.mbufs);
    const ProtectionPolicy policy;
    EXPECT_EQ(c.protection[0].mode, policy.mode);
    EXPECT_EQ(c.protection[0].role_client, policy.role_client);
    EXPECT_EQ(c.protection[0].role_server, policy.role_server);
    EXPECT_EQ(c.protection[0].methods, std::vector{KeyManagementMethod::preshared})
        << "the one that is configured";
    EXPECT_EQ(c.protection[0].restart, policy.restart);
    EXPECT_EQ(c.protection[0].suite, policy.suite);
    EXPECT_EQ(c.protection[0].replay_window, policy.replay_window);
    EXPECT_EQ(c.protection[0].rekey_fraction, policy.rekey_fraction);
    const LoadResult with_tls =
        load_text(test::good_with("    preshared:",
                                  "    tls13: {certificate: c, private_key: k, "
                                  "authorities: [a], peer_names: [any]}\n"
                                  "    dtls13: {certificate: c, private_key: k, "
                                  "authorities: [a], peer_names: [any]}\n    preshared:"),
                  "gw.yaml");
    ASSERT_TRUE(with_tls);
    EXPECT_EQ(with_tls->protection[0].methods,
              (std::vector{KeyManagementMethod::tls13, KeyManagementMethod::dtls13,
                           KeyManagementMethod::preshared}));
    const Dtls13& dtls13 = *with_tls->protection[0].dtls13;
    const Dtls13 own;
    EXPECT_EQ(dtls13.suites, own.suites);
    EXPECT_EQ(dtls13.groups, own.groups);
    EXPECT_EQ(dtls13.signature_algorithms, own.signature_algorithms);
    EXPECT_EQ(dtls13.handshake_timeout_ms, own.handshake_timeout_ms);
    EXPECT_EQ(dtls13.update_age_s, own.update_age_s);
    EXPECT_EQ(dtls13.update_volume_mb, own.update_volume_mb);
    EXPECT_EQ(dtls13.update_timeout_ms, own.update_timeout_ms);
    EXPECT_EQ(dtls13.min_update_interval_ms, own.min_update_interval_ms);
    EXPECT_EQ(dtls13.key_lifetime_s, own.key_lifetime_s);
    EXPECT_EQ(dtls13.reauthentication_interval_s, own.reauthentication_interval_s);
    EXPECT_EQ(dtls13.reauthentication_timeout_ms, own.reauthentication_timeout_ms);
    EXPECT_EQ(dtls13.expiry_margin_s, own.expiry_margin_s);
    EXPECT_EQ(dtls13.drain_s, own.drain_s);
    EXPECT_EQ(dtls13.drain_unconfirmed_s, own.drain_unconfirmed_s);
    const Tls13& tls13 = *with_tls->protection[0].tls13;
    const Tls13 defaults;
    EXPECT_EQ(tls13.suites, defaults.suites);
    EXPECT_EQ(tls13.groups, defaults.groups);
    EXPECT_EQ(tls13.signature_algorithms, defaults.signature_algorithms);
    EXPECT_EQ(tls13.handshake_timeout_ms, defaults.handshake_timeout_ms);
    EXPECT_EQ(tls13.rekey_age_s, defaults.rekey_age_s);
    EXPECT_EQ(tls13.rekey_volume_mb, defaults.rekey_volume_mb);
    EXPECT_EQ(tls13.key_lifetime_s, defaults.key_lifetime_s);
    EXPECT_EQ(tls13.expiry_margin_s, defaults.expiry_margin_s);
    EXPECT_EQ(tls13.drain_s, defaults.drain_s);
    EXPECT_EQ(tls13.drain_unconfirmed_s, defaults.drain_unconfirmed_s);
    EXPECT_EQ(tls13.min_rekey_interval_ms, defaults.min_rekey_interval_ms);
    const Backend backend;
    EXPECT_EQ(c.backends[0].local_port, backend.local_port);
    EXPECT_EQ(c.backends[0].streams, backend.streams);
    EXPECT_EQ(c.backends[0].connect_timeout_ms, backend.connect_timeout_ms);
    const Listener listener;
    EXPECT_EQ(c.listeners[0].max_streams, listener.max_streams);
    EXPECT_EQ(c.listeners[0].max_associations, listener.max_associations);
    EXPECT_EQ(c.limits.associations, d.limits.associations);
    EXPECT_EQ(c.limits.handshakes, d.limits.handshakes);
    EXPECT_EQ(c.limits.unauthenticated, d.limits.unauthenticated);
    EXPECT_EQ(c.limits.unauthenticated_source, d.limits.unauthenticated_source);
    EXPECT_EQ(c.limits.send_buffer_kib, d.limits.send_buffer_kib);
    EXPECT_EQ(c.limits.receive_buffer_kib, d.limits.receive_buffer_kib);
    EXPECT_EQ(c.limits.ring_packets, d.limits.ring_packets);
    EXPECT_EQ(c.budgets.source_per_second, d.budgets.source_per_second);
    EXPECT_EQ(c.budgets.init_per_second, d.budgets.init_per_second);
    EXPECT_EQ(c.budgets.cookie_per_second, d.budgets.cookie_per_second);
    EXPECT_EQ(c.budgets.stray_per_second, d.budgets.stray_per_second);
    EXPECT_EQ(c.sctp.rto_initial_ms, d.sctp.rto_initial_ms);
    EXPECT_EQ(c.sctp.rto_min_ms, d.sctp.rto_min_ms);
    EXPECT_EQ(c.sctp.rto_max_ms, d.sctp.rto_max_ms);
    EXPECT_EQ(c.sctp.heartbeat_interval_ms, d.sctp.heartbeat_interval_ms);
    EXPECT_EQ(c.sctp.association_max_retransmissions, d.sctp.association_max_retransmissions);
    EXPECT_EQ(c.sctp.init_max_retransmissions, d.sctp.init_max_retransmissions);
    EXPECT_EQ(c.sctp.cookie_lifetime_ms, d.sctp.cookie_lifetime_ms);
    EXPECT_EQ(c.sctp.cookie_key_rotation_s, d.sctp.cookie_key_rotation_s);
    EXPECT_EQ(c.sctp.sack_delay_ms, d.sctp.sack_delay_ms);
    EXPECT_EQ(c.sctp.path_mtu, d.sctp.path_mtu);
    EXPECT_EQ(c.shutdown.timeout_ms, d.shutdown.timeout_ms);
    EXPECT_EQ(c.log.level, d.log.level);
    EXPECT_EQ(c.log.format, d.log.format);
    EXPECT_EQ(c.lab.keylog, d.lab.keylog);
    EXPECT_EQ(c.lab.tls_keylog, d.lab.tls_keylog);
    EXPECT_EQ(c.stats_file, d.stats_file);
}

TEST(Schema, page_in_docs_is_current) {
    const char* root = std::getenv("SDG_SOURCE_ROOT");
    if (root == nullptr) {
        GTEST_SKIP() << "SDG_SOURCE_ROOT is set by meson test";
    }
    std::ifstream file(std::string(root) + "/docs/config.md");
    std::stringstream page;
    page << file.rdbuf();
    EXPECT_TRUE(page.str() == schema_page())
        << "make it anew: config/sctp-gateway-schema > docs/config.md";
}

}  // namespace
}  // namespace sdg::config
