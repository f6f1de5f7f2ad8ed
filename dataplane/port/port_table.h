// The gateway's ports: DPDK devices set up from plain settings, with their own addresses, routes
// and neighbours.
//
// Set up and torn down by the control thread before workers start and after they have stopped.
// While they run, workers only read settings; the neighbour table of a port is written by the
// worker that owns the port's queue 0 and read by all.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_mempool;

namespace sdg::port {

using MacAddress = std::array<uint8_t, 6>;

struct Prefix {
    IpAddress address;
    unsigned length = 0;  // bits
};

struct Route {
    Prefix destination;
    IpAddress via;
};

struct StaticNeighbour {
    IpAddress address;
    MacAddress mac{};
};

struct PortSettings {
    std::string name;
    std::string device;             // PCI address, or a vdev as EAL's --vdev takes it
    std::vector<Prefix> addresses;  // with the on-link prefix length
    std::vector<Route> routes;
    std::vector<StaticNeighbour> neighbours;
    std::optional<uint16_t> vlan;  // 802.1Q id put on and expected of every frame
    std::optional<MacAddress> mac;
    uint16_t mtu = 1500;  // octets of the IP packet
    uint16_t rx_descriptors = 512;
    uint16_t tx_descriptors = 512;
    uint32_t mbufs = 8192;
    bool promiscuous = false;
};

class PortTable {
 public:
    // Opens and starts every port with up to `workers` queues. On failure everything already
    // opened is closed again and the message names the port, the device and the reason.
    [[nodiscard]] static Result<std::unique_ptr<PortTable>> open(
        const std::vector<PortSettings>& settings, unsigned workers);
    virtual ~PortTable() = default;
    PortTable(const PortTable&) = delete;
    PortTable& operator=(const PortTable&) = delete;

    [[nodiscard]] virtual size_t size() const = 0;
    // Index of the port that has the address, if any.
    [[nodiscard]] virtual std::optional<uint16_t> port_with(const IpAddress& local) const = 0;
    // Octets of the largest IP packet.
    [[nodiscard]] virtual uint16_t mtu(uint16_t port) const = 0;
    [[nodiscard]] virtual const std::string& name(uint16_t port) const = 0;
    // The pool for packets that the control thread makes.
    [[nodiscard]] virtual rte_mempool* control_pool() const = 0;
    // Link counters of the devices, for statistics: name/value pairs of one port.
    [[nodiscard]] virtual std::vector<std::pair<std::string, uint64_t>> device_counters(
        uint16_t port) const = 0;

 protected:
    PortTable() = default;
};

}  // namespace sdg::port
