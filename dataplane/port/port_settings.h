// What a port is made from. Plain values; the gateway program fills them from its configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/port/neighbour_table.h"
#include "dataplane/port/next_hop.h"
#include "foundation/ip_address.h"

namespace sdg::port {

struct StaticNeighbour {
    IpAddress address;
    MacAddress mac{};
};

struct PortSettings {
    std::string name;
    // A PCI address, a vdev as EAL's --vdev takes it ("net_af_packet0,iface=eth1"), or the name of
    // a device that exists already (it is then neither made nor removed here).
    std::string device;
    std::vector<Prefix> addresses;  // with the on-link prefix length
    std::vector<Route> routes;
    std::vector<StaticNeighbour> neighbours;
    std::optional<uint16_t> vlan;   // 802.1Q id put on and expected of every frame
    std::optional<MacAddress> mac;  // the device's own when absent
    uint16_t mtu = 1500;            // octets of the IP packet
    uint16_t rx_descriptors = 512;
    uint16_t tx_descriptors = 512;
    uint32_t mbufs = 8192;
    bool promiscuous = false;
    bool announce = true;  // gratuitous ARP, unsolicited neighbour advertisement at start
};

}  // namespace sdg::port
