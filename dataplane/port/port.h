// One port of the gateway: device, addresses, next hops, neighbours. See port_table.h for who may
// touch what.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dataplane/port/device.h"
#include "dataplane/port/neighbour_table.h"
#include "dataplane/port/next_hop.h"
#include "dataplane/port/rate_limit.h"

namespace sdg::port {

struct Port {
    // Read only while workers run.
    std::string name;
    uint16_t index = 0;
    uint16_t mtu = 0;
    std::optional<uint16_t> vlan;
    bool announce = true;
    unsigned owner = 0;  // worker that owns the neighbours: the one with queue 0
    NextHops next_hops;
    std::unique_ptr<Device> device;
    // Written by the owner, read by all workers.
    std::unique_ptr<NeighbourTable> neighbours;
    // Owner only. Answers to echo requests; to ARP and neighbour discovery of neighbours in use,
    // which lose the way to us when they get none; and of everybody else.
    RateLimit echo_answers{1, 1, 1};
    RateLimit neighbour_answers{1, 1, 1};
    RateLimit stranger_answers{1, 1, 1};
};

}  // namespace sdg::port
