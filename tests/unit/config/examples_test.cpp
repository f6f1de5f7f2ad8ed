// Every example loads, and one of them shows every option there is with its default.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "config/load.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

namespace sdg::config {
namespace {

class Examples : public testing::Test {
 protected:
    void SetUp() override {
        const char* root = std::getenv("SDG_SOURCE_ROOT");
        if (root == nullptr) {
            GTEST_SKIP() << "SDG_SOURCE_ROOT is set by meson test";
        }
        folder_ = std::filesystem::path(root) / "config" / "examples";
    }

    std::filesystem::path folder_;
};

// Schema paths of everything written in a tree.
void collect(const YamlEntry& entry, const std::string& path, std::set<std::string>& out) {
    out.insert(path);
    for (const YamlEntry& child : entry.value->entries) {
        const bool list = entry.value->kind == YamlNode::Kind::list;
        collect(child, list ? path + "[]" : path.empty() ? child.key : path + "." + child.key, out);
    }
}

TEST_F(Examples, all_load) {
    size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(folder_)) {
        if (file.path().extension() == ".yaml") {
            ++count;
            const LoadResult result = load(file.path());
            EXPECT_TRUE(result) << to_string(result.error());
        }
    }
    EXPECT_GE(count, 9u);
}

TEST_F(Examples, the_pair_fits_together) {
    const LoadResult a = load(folder_ / "gateway-a.yaml");
    const LoadResult b = load(folder_ / "gateway-b.yaml");
    ASSERT_TRUE(a && b);
    EXPECT_EQ(a->backends[0].address, b->listeners[0].address);
    EXPECT_EQ(a->backends[0].port, b->listeners[0].port);
    EXPECT_EQ(a->protection[0].methods, std::vector{KeyManagementMethod::tls13});
    EXPECT_EQ(a->protection[0].methods, b->protection[0].methods);
    ASSERT_TRUE(a->protection[0].tls13 && b->protection[0].tls13);
    EXPECT_EQ(a->protection[0].tls13->authorities, b->protection[0].tls13->authorities);
    EXPECT_NE(a->protection[0].tls13->certificate, b->protection[0].tls13->certificate);
    EXPECT_EQ(a->listeners[0].side, Side::plain);
    EXPECT_EQ(b->listeners[0].side, Side::protected_side);
}

TEST_F(Examples, all_options_shows_every_key_of_the_schema) {
    std::ifstream file(folder_ / "all-options.yaml");
    std::stringstream text;
    text << file.rdbuf();
    const auto tree = parse_yaml(text.str());
    ASSERT_TRUE(tree);
    std::set<std::string> written;
    collect(*tree, "", written);
    // Of what excludes each other one is written, the other in a comment.
    const auto in_comment = [&](std::string_view path) {
        return (path.starts_with("restart.redis") || path.starts_with("restart.key.")) &&
               std::regex_search(text.str(),
                                 std::regex("# +" + std::string(last_part(path)) + ":"));
    };
    for (const Key& key : schema()) {
        if (key.path != "eal.extra_args[]") {  // its default is the empty list
            EXPECT_TRUE(written.contains(std::string(key.path)) || in_comment(key.path))
                << key.path;
        }
    }
}

// The example claims to show defaults: of the sections without lists, that is checked here.
TEST_F(Examples, all_options_shows_the_defaults) {
    const LoadResult loaded = load(folder_ / "all-options.yaml");
    ASSERT_TRUE(loaded) << to_string(loaded.error());
    const Configuration d;
    EXPECT_EQ(loaded->eal.memory_mib, d.eal.memory_mib);
    EXPECT_EQ(loaded->workers.burst, d.workers.burst);
    EXPECT_EQ(loaded->workers.idle_sleep_us, d.workers.idle_sleep_us);
    EXPECT_EQ(loaded->ports[0].mtu, Port{}.mtu);
    EXPECT_EQ(loaded->ports[0].mbufs, Port{}.mbufs);
    EXPECT_EQ(loaded->protection[0].replay_window, ProtectionPolicy{}.replay_window);
    EXPECT_EQ(loaded->protection[0].rekey_fraction, ProtectionPolicy{}.rekey_fraction);
    const Tls13& tls13 = *loaded->protection[0].tls13;
    EXPECT_EQ(tls13.suites, Tls13{}.suites);
    EXPECT_EQ(tls13.signature_algorithms, Tls13{}.signature_algorithms);
    EXPECT_EQ(tls13.handshake_timeout_ms, Tls13{}.handshake_timeout_ms);
    EXPECT_EQ(tls13.rekey_age_s, Tls13{}.rekey_age_s);
    EXPECT_EQ(tls13.rekey_volume_mb, Tls13{}.rekey_volume_mb);
    EXPECT_EQ(tls13.key_lifetime_s, Tls13{}.key_lifetime_s);
    EXPECT_EQ(tls13.expiry_margin_s, Tls13{}.expiry_margin_s);
    EXPECT_EQ(tls13.drain_s, Tls13{}.drain_s);
    EXPECT_EQ(tls13.drain_unconfirmed_s, Tls13{}.drain_unconfirmed_s);
    EXPECT_EQ(tls13.min_rekey_interval_ms, Tls13{}.min_rekey_interval_ms);
    const Dtls13& dtls13 = *loaded->protection[0].dtls13;
    EXPECT_EQ(dtls13.suites, Dtls13{}.suites);
    EXPECT_EQ(dtls13.signature_algorithms, Dtls13{}.signature_algorithms);
    EXPECT_EQ(dtls13.handshake_timeout_ms, Dtls13{}.handshake_timeout_ms);
    EXPECT_EQ(dtls13.update_age_s, Dtls13{}.update_age_s);
    EXPECT_EQ(dtls13.update_volume_mb, Dtls13{}.update_volume_mb);
    EXPECT_EQ(dtls13.update_timeout_ms, Dtls13{}.update_timeout_ms);
    EXPECT_EQ(dtls13.min_update_interval_ms, Dtls13{}.min_update_interval_ms);
    EXPECT_EQ(dtls13.key_lifetime_s, Dtls13{}.key_lifetime_s);
    EXPECT_EQ(dtls13.reauthentication_interval_s, Dtls13{}.reauthentication_interval_s);
    EXPECT_EQ(dtls13.reauthentication_timeout_ms, Dtls13{}.reauthentication_timeout_ms);
    EXPECT_EQ(dtls13.expiry_margin_s, Dtls13{}.expiry_margin_s);
    EXPECT_EQ(dtls13.drain_s, Dtls13{}.drain_s);
    EXPECT_EQ(dtls13.drain_unconfirmed_s, Dtls13{}.drain_unconfirmed_s);
    EXPECT_EQ(loaded->limits.handshakes, d.limits.handshakes);
    EXPECT_EQ(loaded->limits.unauthenticated, d.limits.unauthenticated);
    EXPECT_EQ(loaded->limits.unauthenticated_source, d.limits.unauthenticated_source);
    EXPECT_EQ(loaded->backends[0].connect_timeout_ms, Backend{}.connect_timeout_ms);
    EXPECT_EQ(loaded->listeners[0].max_associations, Listener{}.max_associations);
    EXPECT_EQ(loaded->limits.associations, d.limits.associations);
    EXPECT_EQ(loaded->limits.ring_packets, d.limits.ring_packets);
    EXPECT_EQ(loaded->budgets.source_per_second, d.budgets.source_per_second);
    EXPECT_EQ(loaded->budgets.init_per_second, d.budgets.init_per_second);
    EXPECT_EQ(loaded->budgets.cookie_per_second, d.budgets.cookie_per_second);
    EXPECT_EQ(loaded->budgets.stray_per_second, d.budgets.stray_per_second);
    EXPECT_EQ(loaded->sctp.rto_min_ms, d.sctp.rto_min_ms);
    EXPECT_EQ(loaded->sctp.rto_max_ms, d.sctp.rto_max_ms);
    EXPECT_EQ(loaded->sctp.cookie_key_rotation_s, d.sctp.cookie_key_rotation_s);
    EXPECT_EQ(loaded->sctp.sack_delay_ms, d.sctp.sack_delay_ms);
    EXPECT_EQ(loaded->shutdown.timeout_ms, d.shutdown.timeout_ms);
}

}  // namespace
}  // namespace sdg::config
