// Two configurations, what is different between them, and whether it can change live.
#include "config/difference.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "config/load.h"
#include "config/schema.h"
#include "tests/unit/config/sample.h"

namespace sdg::config {
namespace {

Outline outline_of(const std::string& text) {
    const auto loaded = load_file_text(text, "gw.yaml");
    EXPECT_TRUE(loaded) << (loaded ? "" : to_string(loaded.error()));
    return loaded ? loaded->outline : Outline{};
}

// One line a change: "live KEY: ..." or "restart LINE KEY: ...".
std::string changes(const std::string& from, const std::string& to) {
    std::string out;
    for (const Change& change : difference(outline_of(from), outline_of(to))) {
        out += (change.is_live ? "live " : "restart ") + std::to_string(change.position.line) +
               " " + to_string(change) + "\n";
        EXPECT_EQ(change.is_live, change.reason.empty()) << change.key;
    }
    return out;
}

TEST(Difference, every_key_of_the_schema_has_a_rule) {
    for (const Key& key : schema()) {
        const bool is_leaf = key.type != ValueType::section;
        if (is_leaf) {
            EXPECT_NE(change_rule(key.path), nullptr)
                << key.path << ": can it change live? Say so in config/difference.cpp";
        }
    }
}

TEST(Difference, every_rule_that_needs_a_restart_says_why) {
    std::set<std::string> seen;
    for (const Key& key : schema()) {
        const ChangeRule* rule = change_rule(key.path);
        if (rule != nullptr && seen.insert(std::string(rule->path)).second) {
            EXPECT_EQ(rule->is_live, rule->reason.empty()) << rule->path;
            EXPECT_NE(find_key(rule->path), nullptr) << rule->path << ": is no key";
        }
    }
}

// A value of its own for each key: whatever changes in a file is seen, and said once.
TEST(Difference, a_change_of_any_key_is_seen) {
    const char* root = std::getenv("SDG_SOURCE_ROOT");
    if (root == nullptr) {
        GTEST_SKIP() << "SDG_SOURCE_ROOT is set by meson test";
    }
    const auto loaded = load_file(std::string(root) + "/config/examples/all-options.yaml");
    ASSERT_TRUE(loaded) << to_string(loaded.error());
    std::set<std::string> seen;
    for (const auto& [key, entry] : loaded->outline) {
        seen.insert(entry.schema_path);
        Outline other = loaded->outline;
        other[key].value += "x";
        const auto found = difference(loaded->outline, other);
        ASSERT_EQ(found.size(), 1U) << key;
        EXPECT_EQ(found[0].key, key);
    }
    // Whatever is a value is there: nothing can change unseen.
    for (const Key& key : schema()) {
        const bool in_a_list_without_names =
            key.path.ends_with("[]") || key.path.find("routes[]") != std::string_view::npos ||
            key.path.find("neighbours[]") != std::string_view::npos ||
            key.path.find("former_keys[]") != std::string_view::npos;
        const bool in_another_choice = key.path.find("redis") != std::string_view::npos ||
                                       key.path.find("sqlite") != std::string_view::npos ||
                                       key.path.find("lab_raw") != std::string_view::npos;
        if (key.type != ValueType::section && !in_a_list_without_names && !in_another_choice &&
            !key.path.ends_with("[].name")) {
            EXPECT_TRUE(seen.contains(std::string(key.path))) << key.path;
        }
    }
}

TEST(Difference, nothing_changes_with_order_comments_and_defaults_written_out) {
    EXPECT_EQ(changes(test::good, test::good), "");
    EXPECT_EQ(changes(test::good, "# comment\n" + test::good + "limits: {associations: 10000}\n" +
                                      "log: {}\nshutdown: {timeout_ms: 5000}\n"),
              "");
    const std::string two = test::good_with("listeners:\n",
                                            "listeners:\n  - {name: x, side: plain, address: "
                                            "10.1.0.1, port: 1, backend: core}\n");
    const std::string turned =
        test::good + "  - {name: x, side: plain, address: 10.1.0.1, port: 1, backend: core}\n";
    EXPECT_EQ(changes(two, turned), "");
}

TEST(Difference, a_new_entry_is_one_change_and_so_is_one_that_is_gone) {
    const std::string more =
        test::good +
        "  - {name: x, side: plain, address: 10.1.0.1, port: 1, backend: core, max_streams: 9}\n";
    EXPECT_EQ(changes(test::good, more), "live 27 listeners[x]: added\n");
    EXPECT_EQ(changes(more, test::good), "live 22 listeners[x]: removed\n");
    EXPECT_EQ(changes(test::good, test::good_with("name: nodes", "name: others")),
              "live 22 listeners[nodes]: removed\nlive 22 listeners[others]: added\n");
}

TEST(Difference, values_are_told_with_their_lines) {
    EXPECT_EQ(changes(test::good, test::good_with("port: 38412\n    backend",
                                                  "port: 1\n    "
                                                  "backend")),
              "live 25 listeners[nodes].port: 38412 -> 1\n");
    EXPECT_EQ(changes(test::good, test::good_with("file: trunk.psk", "file: new.psk")),
              "live 13 protection[policy].preshared.file: trunk.psk -> new.psk\n");
    EXPECT_EQ(changes(test::good + "sctp: {path_mtu: 1400}\n", test::good),
              "live 1 sctp.path_mtu: 1400 -> none\n");
}

TEST(Difference, what_was_made_at_start_needs_a_restart) {
    EXPECT_EQ(changes(test::good, test::good_with("10.2.0.1/24", "10.2.0.1/16")),
              "restart 9 ports[east].addresses: [10.2.0.1/24] -> [10.2.0.1/16]\n");
    EXPECT_EQ(changes(test::good, test::good + "workers: {count: 2}\nlog: {level: debug, format: "
                                               "json}\nadmin: {socket: s, audit_log: a}\n"),
              "restart 27 workers.count: 1 -> 2\n"
              "live 28 log.level: info -> debug\n"
              "restart 28 log.format: auto -> json\n"
              "restart 29 admin: added\n");
    EXPECT_EQ(changes(test::good, test::good + "metrics: {}\n"), "restart 27 metrics: added\n");
}

// A port in another place has another number in everything that refers to it.
TEST(Difference, the_order_of_ports_matters) {
    std::string turned = test::good;
    const size_t at = turned.find("  - name: west");
    const std::string west = turned.substr(at, turned.find("  - name: east") - at);
    turned.erase(turned.find(west), west.size());
    turned.insert(turned.find("protection:"), west);
    EXPECT_EQ(changes(test::good, turned), "restart 2 ports: [west, east] -> [east, west]\n");
}

TEST(Difference, a_pin_is_not_shown) {
    const std::string plain =
        "    tls13: {certificate: c, private_key: k, authorities: [a], peer_names: [any]}\n"
        "    preshared:";
    const std::string token =
        "    tls13: {certificate: c, private_key: "
        "\"pkcs11:object=k?pin-value=1234\", authorities: [a], "
        "peer_names: [any]}\n    preshared:";
    const auto found = difference(outline_of(test::good_with("    preshared:", plain)),
                                  outline_of(test::good_with("    preshared:", token)));
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(to_string(found[0]), "protection[policy].tls13.private_key: k -> (not shown)");
}

TEST(Difference, names_of_peers_are_compared_as_a_list) {
    const auto with = [](const std::string& names) {
        return test::good_with("    preshared:",
                               "    tls13: {certificate: c, private_key: k, authorities: [a], "
                               "peer_names: " +
                                   names + "}\n    preshared:");
    };
    EXPECT_EQ(changes(with("[\"dns:a\", \"dns:b\"]"), with("[\"dns:a\"]")),
              "live 12 protection[policy].tls13.peer_names: [dns:a, dns:b] -> [dns:a]\n");
}

}  // namespace
}  // namespace sdg::config
