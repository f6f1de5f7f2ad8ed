#include "dataplane/port/port_table.h"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include "tests/support/eal.h"
#include "tests/unit/port/test_wire.h"

namespace sdg::port {
namespace {

using test::TestWire;

class PortTableTest : public testing::Test {
 protected:
    void SetUp() override { test::eal(); }

    static PortSettings settings(const std::string& name, const std::string& device,
                                 const char* address = "10.0.0.1") {
        PortSettings out;
        out.name = name;
        out.device = device;
        out.addresses = {{IpAddress::parse(address).value(), 24}};
        out.mbufs = 1023;
        return out;
    }
    static std::string error_of(const std::vector<PortSettings>& wanted) {
        const auto opened = PortTable::open(wanted, 1);
        return opened ? "no error" : opened.error().message;
    }
};

TEST_F(PortTableTest, opens_a_device_that_exists_and_gives_it_back) {
    TestWire wire;
    for (int i = 0; i < 3; ++i) {
        const auto table = PortTable::open({settings("west", wire.device())}, 1);
        ASSERT_TRUE(table) << table.error().message;
        EXPECT_EQ((*table)->size(), 1U);
        EXPECT_EQ((*table)->name(0), "west");
        EXPECT_EQ((*table)->mtu(0), 1500);
        EXPECT_TRUE((*table)->link_up(0));
        EXPECT_EQ((*table)->port_with(IpAddress::parse("10.0.0.1").value()), 0);
        EXPECT_FALSE((*table)->port_with(IpAddress::parse("10.0.0.2").value()));
        EXPECT_FALSE((*table)->device_counters(0).empty());
        const MacAddress& mac = (*table)->port(0).device->mac();
        EXPECT_EQ(mac[0] & 0x03, 0x02) << "made up: locally administered, unicast";
    }
}

TEST_F(PortTableTest, probes_a_virtual_device_and_removes_it_again) {
    const unsigned before = rte_eth_dev_count_total();
    for (int i = 0; i < 2; ++i) {
        const auto table = PortTable::open({settings("null", "net_null7,size=64,copy=1")}, 1);
        ASSERT_TRUE(table) << table.error().message;
        EXPECT_EQ(rte_eth_dev_count_total(), before + 1);
    }
    EXPECT_EQ(rte_eth_dev_count_total(), before);
}

TEST_F(PortTableTest, every_worker_gets_a_queue_when_the_device_has_them) {
    TestWire two(2);
    TestWire one;
    const auto table = PortTable::open(
        {settings("two", two.device()), settings("one", one.device(), "10.0.1.1")}, 2);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ((*table)->queue_of(0, 0), 0);
    EXPECT_EQ((*table)->queue_of(0, 1), 1);
    EXPECT_EQ((*table)->queue_of(1, 1), 0) << "port 1 starts at worker 1";
    EXPECT_EQ((*table)->queue_of(1, 0), std::nullopt);
    EXPECT_EQ((*table)->port(1).owner, 1U);
}

TEST_F(PortTableTest, errors_name_port_device_and_reason_and_close_everything) {
    TestWire wire;
    const unsigned before = rte_eth_dev_count_total();
    EXPECT_EQ(error_of({settings("a", wire.device()),
                        settings("b", "net_af_packet0,iface=nowhere0", "10.0.1.1")}),
              "port b: device net_af_packet0,iface=nowhere0: no such interface: nowhere0");
    EXPECT_EQ(error_of({settings("b", "net_af_packet0", "10.0.1.1")}),
              "port b: device net_af_packet0: names no interface (iface=NAME)");
    EXPECT_EQ(error_of({settings("a", wire.device()), settings("b", wire.device(), "10.0.1.1")}),
              "port b: device " + wire.device() + ": is in use by another port");
    EXPECT_EQ(error_of({settings("a", wire.device()), settings("b", "net_null1")}),
              "port b: device net_null1: address 10.0.0.1 is already port a's");
    EXPECT_TRUE(error_of({settings("c", "net_nonsense0")})
                    .starts_with("port c: device net_nonsense0: cannot be opened: "))
        << error_of({settings("c", "net_nonsense0")});
    PortSettings vlan = settings("d", wire.device());
    vlan.vlan = 4095;
    EXPECT_EQ(error_of({vlan}),
              "port d: device " + wire.device() + ": VLAN 4095 is not between 1 and 4094");
    PortSettings memory = settings("e", wire.device());
    memory.mbufs = 4'000'000;
    EXPECT_NE(error_of({memory}).find("no memory for 4000000 packet buffers"), std::string::npos);
    EXPECT_EQ(rte_eth_dev_count_total(), before) << "whatever was opened is closed again";
    EXPECT_EQ(error_of({settings("a", wire.device())}), "no error");
}

TEST_F(PortTableTest, a_configured_link_address_and_mtu_are_used) {
    TestWire wire;
    PortSettings wanted = settings("west", wire.device());
    wanted.mac = MacAddress{2, 0, 0, 0, 0, 0x0a};
    wanted.mtu = 9000;
    const auto table = PortTable::open({wanted}, 1);
    ASSERT_TRUE(table) << table.error().message;
    EXPECT_EQ((*table)->port(0).device->mac(), *wanted.mac);
    EXPECT_EQ((*table)->mtu(0), 9000);
    EXPECT_GE(rte_pktmbuf_data_room_size((*table)->control_pool()), 9000 + RTE_PKTMBUF_HEADROOM);
}

}  // namespace
}  // namespace sdg::port
