// From the checked configuration to what the modules are given.
#include "gateway/plan.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace sdg::gateway {
namespace {

config::Configuration sample() {
    config::Configuration out;
    config::Port port;
    port.name = "trunk";
    port.device = "net_af_packet0,iface=eth1";
    port.mtu = 1400;
    port.vlan = 7;
    port.addresses = {{.address = *IpAddress::parse("10.2.0.1"), .length = 24}};
    port.routes = {{.prefix = {.address = *IpAddress::parse("0.0.0.0"), .length = 0},
                    .via = *IpAddress::parse("10.2.0.254")}};
    out.ports = {port};
    config::ProtectionPolicy policy;
    policy.name = "trunk";
    policy.mode = config::ProtectionMode::loose;
    policy.methods = {config::KeyManagementMethod::preshared};
    policy.role_server = false;
    policy.replay_window = 4096;
    out.protection = {policy};
    config::Backend backend;
    backend.name = "b";
    backend.local = *IpAddress::parse("10.2.0.1");
    backend.address = *IpAddress::parse("10.2.0.2");
    backend.port = 38412;
    backend.protection = 0;
    backend.streams = 9;
    out.backends = {backend};
    config::Listener listener;
    listener.name = "n2";
    listener.port = 36412;
    listener.max_associations = 5;
    out.listeners = {listener};
    return out;
}

Policies policies() {
    Policies out;
    out.of_listeners.resize(1);  // plain
    out.of_backends.push_back(std::make_shared<const keymgmt::Policy>());
    return out;
}

TEST(Plan, ports_keep_addresses_routes_vlan_and_mtu) {
    const auto ports = port_settings(sample());
    ASSERT_EQ(ports.size(), 1U);
    EXPECT_EQ(ports[0].device, "net_af_packet0,iface=eth1");
    EXPECT_EQ(ports[0].mtu, 1400);
    EXPECT_EQ(ports[0].vlan, std::optional<uint16_t>(7));
    EXPECT_EQ(ports[0].addresses.at(0).length, 24U);
    EXPECT_EQ(ports[0].routes.at(0).via.to_string(), "10.2.0.254");
}

TEST(Plan, pci_is_scanned_only_for_pci_devices) {
    auto configuration = sample();
    EXPECT_FALSE(eal_settings(configuration).uses_pci);
    configuration.ports[0].device = "0000:01:00.0";
    EXPECT_TRUE(eal_settings(configuration).uses_pci);
    configuration.ports[0].device = "net_memif0,id=0,mac=02:00:00:00:00:01,secret=a.b";
    EXPECT_FALSE(eal_settings(configuration).uses_pci);
}

TEST(Plan, workers_share_the_budgets_of_strangers) {
    config::Configuration configuration = sample();
    configuration.workers.count = 4;
    configuration.budgets = {.source_per_second = 100,
                             .init_per_second = 200,
                             .cookie_per_second = 400,
                             .stray_per_second = 800};
    const auto settings = worker_settings(configuration, 3, nullptr);
    EXPECT_EQ(settings.strangers.source, 100U);
    EXPECT_EQ(settings.strangers.inits, 50U);
    EXPECT_EQ(settings.strangers.cookies, 100U);
    EXPECT_EQ(settings.strangers.strays, 200U);
}

TEST(Plan, legs_follow_their_policy_port_and_limits) {
    auto configuration = sample();
    configuration.limits.send_buffer_kib = 64;
    configuration.sctp.path_mtu = 1300;
    const auto loaded = policies();
    const auto backends = backend_settings(configuration, loaded);
    ASSERT_EQ(backends.size(), 1U);
    EXPECT_EQ(backends[0].policy, loaded.of_backends[0]);
    EXPECT_TRUE(backends[0].leg.key_management.has_value());
    EXPECT_EQ(backends[0].leg.outbound_streams, 9);
    EXPECT_EQ(backends[0].leg.send_buffer, 64U * 1024);
    EXPECT_EQ(backends[0].leg.mtu, 1300);
    EXPECT_EQ(backends[0].endpoints.peer_port, 38412);
    const auto listeners = listener_settings(configuration, loaded);
    ASSERT_EQ(listeners.size(), 1U);
    EXPECT_EQ(listeners[0].policy, nullptr);
    EXPECT_FALSE(listeners[0].leg.key_management.has_value());
    EXPECT_EQ(listeners[0].sctp_port, 36412);
    EXPECT_EQ(listeners[0].max_associations, 5U);
}

TEST(Plan, policies_load_their_key_and_errors_name_the_policy) {
    const auto path = std::filesystem::temp_directory_path() /
                      ("sdg-plan-" + std::to_string(::getpid()) + ".psk");
    std::ofstream(path) << "psk: " << std::string(64, 'b') << '\n';
    const ManualClock clock;
    SeededRandom random(1);
    auto configuration = sample();
    configuration.protection[0].preshared_file = path;
    ::chmod(path.c_str(), 0644);
    const auto open_rights = load_policies(configuration, clock, random);
    ASSERT_FALSE(open_rights);
    EXPECT_NE(open_rights.error().message.find("protection policy trunk"), std::string::npos);
    ::chmod(path.c_str(), 0600);
    const auto loaded = load_policies(configuration, clock, random);
    std::filesystem::remove(path);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const keymgmt::Policy& policy = *loaded->base.at(0);
    EXPECT_FALSE(policy.key_management.required);
    EXPECT_FALSE(policy.key_management.server);
    EXPECT_TRUE(policy.key_management.client);
    EXPECT_EQ(policy.replay_window, 4096U);
    ASSERT_EQ(policy.methods.size(), 1U);
    EXPECT_EQ(policy.methods[0]->id(), packet::kMethodPreshared);
}

}  // namespace
}  // namespace sdg::gateway
