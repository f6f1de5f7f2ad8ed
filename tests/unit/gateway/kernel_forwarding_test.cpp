// What the gateway says about a kernel that forwards; a folder stands for /proc/sys/net.
#include "gateway/kernel_forwarding.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

namespace sdg::gateway {
namespace {

class KernelForwarding : public testing::Test {
 protected:
    KernelForwarding() {
        std::string name =
            (std::filesystem::temp_directory_path() / "sdg-forwarding-XXXXXX").string();
        proc = ::mkdtemp(name.data());
    }
    ~KernelForwarding() override { std::filesystem::remove_all(proc); }

    void set(const char* family, const char* interface, const char* value) const {
        const auto folder = proc / family / "conf" / interface;
        std::filesystem::create_directories(folder);
        std::ofstream(folder / "forwarding") << value << '\n';
    }
    void add_port(const char* device, std::initializer_list<const char*> addresses) {
        auto& port = configuration.ports.emplace_back();
        port.device = device;
        for (const char* address : addresses) {
            port.addresses.emplace_back().address = *IpAddress::parse(address);
        }
    }
    [[nodiscard]] std::vector<std::string> told() const {
        return kernel_forwarding(configuration, proc);
    }

    std::filesystem::path proc;
    config::Configuration configuration;
};

using Names = std::vector<std::string>;

TEST_F(KernelForwarding, interfaces_that_forward_are_named_as_sysctl_does) {
    add_port("net_af_packet0,iface=eth1", {"10.0.0.1"});
    add_port("net_af_packet1,framesz=2048,iface=eth2.7,blocksz=4096", {"10.0.1.1", "2001:db8::1"});
    for (const char* interface : {"eth1", "eth2.7"}) {
        set("ipv4", interface, "1");
        set("ipv6", interface, "1");
    }
    EXPECT_EQ(told(), (Names{"net.ipv4.conf.eth1.forwarding", "net.ipv4.conf.eth2/7.forwarding",
                             "net.ipv6.conf.eth2/7.forwarding"}));
}

TEST_F(KernelForwarding, nothing_is_said_where_the_kernel_does_not_forward_or_has_no_part) {
    add_port("net_af_packet0,iface=eth1", {"10.0.0.1"});
    EXPECT_EQ(told(), Names{}) << "no such setting";
    set("ipv4", "eth1", "0");
    EXPECT_EQ(told(), Names{});
    set("ipv4", "eth1", "1");
    EXPECT_EQ(told().size(), 1U);
    configuration.ports.clear();
    add_port("net_tap0,iface=eth1", {"10.0.0.1"});
    add_port("0000:01:00.0", {"10.0.0.2"});
    add_port("net_af_packet0", {"10.0.0.3"});
    EXPECT_EQ(told(), Names{});
}

}  // namespace
}  // namespace sdg::gateway
