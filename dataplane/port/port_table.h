// The gateway's ports: DPDK devices set up from plain settings, with their own addresses, routes
// and neighbours.
//
// Set up and torn down by the control thread before workers start and after they have stopped, and
// after every ring that may hold packets has been emptied. While workers run, they only read
// settings. Queue q of port p belongs to worker (p + q) modulo workers; the neighbour table of a
// port is written by the worker that owns queue 0 and read by all.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/port/packet_pool.h"
#include "dataplane/port/port.h"
#include "dataplane/port/port_settings.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_mempool;

namespace sdg::port {

class PortTable {
 public:
    // Answers to echo requests, to neighbours in use and to other askers for our link address:
    // each, per port.
    static constexpr uint64_t kAnswersPerSecond = 1000;
    static constexpr uint64_t kAnswersAtOnce = 200;

    // Opens and starts every port with up to `workers` queues. On failure everything already
    // opened is closed again and the message names the port, the device and the reason.
    [[nodiscard]] static Result<std::unique_ptr<PortTable>> open(
        const std::vector<PortSettings>& settings, unsigned workers);
    PortTable(const PortTable&) = delete;
    PortTable& operator=(const PortTable&) = delete;

    [[nodiscard]] uint16_t size() const { return static_cast<uint16_t>(ports_.size()); }
    [[nodiscard]] unsigned workers() const { return workers_; }
    // Index of the port that has the address, if any.
    [[nodiscard]] std::optional<uint16_t> port_with(const IpAddress& local) const;
    // Octets of the largest IP packet.
    [[nodiscard]] uint16_t mtu(uint16_t port) const { return ports_[port]->mtu; }
    [[nodiscard]] const std::string& name(uint16_t port) const { return ports_[port]->name; }
    [[nodiscard]] bool link_up(uint16_t port) const { return ports_[port]->device->link_up(); }
    // The pool for packets that the control thread makes, and for what workers send on their own.
    [[nodiscard]] rte_mempool* control_pool() const { return control_pool_.get(); }
    // Link counters of the devices, for statistics: name/value pairs of one port.
    [[nodiscard]] std::vector<std::pair<std::string, uint64_t>> device_counters(
        uint16_t port) const {
        return ports_[port]->device->counters();
    }

    // For workers.
    [[nodiscard]] Port& port(uint16_t index) { return *ports_[index]; }
    // The queue of the port that a worker polls and sends on, if it has one.
    [[nodiscard]] std::optional<uint16_t> queue_of(uint16_t port, unsigned worker) const;

 private:
    PortTable() = default;

    // Before the ports: they go first, and with them held packets of this pool.
    PacketPool control_pool_;
    std::vector<std::unique_ptr<Port>> ports_;
    unsigned workers_ = 1;
};

}  // namespace sdg::port
