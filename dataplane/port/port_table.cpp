#include "dataplane/port/port_table.h"

#include <rte_cycles.h>
#include <rte_random.h>

#include <algorithm>

namespace sdg::port {
namespace {

// In flight at most: a ring of packets per worker, the descriptors, held packets, caches.
constexpr uint32_t kControlBuffers = 2047;
constexpr uint32_t kControlBuffersPerWorker = 3072;
constexpr uint32_t kUsualFrame = 2048;

Result<std::unique_ptr<Port>> open_port(const PortSettings& settings, uint16_t index,
                                        unsigned workers) {
    auto port = std::make_unique<Port>();
    port->name = settings.name;
    port->index = index;
    port->mtu = settings.mtu;
    port->vlan = settings.vlan;
    port->announce = settings.announce;
    port->owner = index % workers;
    if (settings.mtu < 576) {
        return fail(ErrorCode::invalid_argument, "mtu {} is less than 576", settings.mtu);
    }
    if (settings.vlan && (*settings.vlan == 0 || *settings.vlan > 4094)) {
        return fail(ErrorCode::invalid_argument, "VLAN {} is not between 1 and 4094",
                    *settings.vlan);
    }
    auto next_hops = NextHops::create(settings.addresses, settings.routes);
    if (!next_hops) {
        return tl::unexpected(next_hops.error());
    }
    port->next_hops = std::move(*next_hops);
    const uint64_t hz = rte_get_tsc_hz();
    port->neighbours = std::make_unique<NeighbourTable>(hz, rte_rand());
    for (const StaticNeighbour& neighbour : settings.neighbours) {
        if (auto ok = port->neighbours->add_fixed(neighbour.address, neighbour.mac); !ok) {
            return tl::unexpected(ok.error());
        }
    }
    port->echo_answers = port->neighbour_answers = port->stranger_answers =
        RateLimit(hz, PortTable::kAnswersPerSecond, PortTable::kAnswersAtOnce);
    auto device = Device::open(settings, workers);
    if (!device) {
        return tl::unexpected(device.error());
    }
    port->device = std::move(*device);
    return port;
}

}  // namespace

Result<std::unique_ptr<PortTable>> PortTable::open(const std::vector<PortSettings>& settings,
                                                   unsigned workers) {
    std::unique_ptr<PortTable> table(new PortTable);
    table->workers_ = std::max(workers, 1U);
    uint32_t room = kUsualFrame;
    for (const PortSettings& one : settings) {
        room = std::max(room, static_cast<uint32_t>(one.mtu) + 128);
    }
    const uint32_t buffers = kControlBuffers + kControlBuffersPerWorker * table->workers_;
    auto pool = PacketPool::create("the control loop", buffers, room);
    if (!pool) {
        return tl::unexpected(pool.error());
    }
    table->control_pool_ = std::move(*pool);
    for (const PortSettings& one : settings) {
        const auto where = [&one](const Error& error) {
            return fail(error.code, "port {}: device {}: {}", one.name, one.device, error.message);
        };
        for (const Prefix& own : one.addresses) {
            if (const auto taken = table->port_with(own.address)) {
                return where({ErrorCode::already_exists,
                              fmt::format("address {} is already port {}'s",
                                          own.address.to_string(), table->name(*taken))});
            }
        }
        auto port = open_port(one, static_cast<uint16_t>(table->ports_.size()), table->workers_);
        if (!port) {
            return where(port.error());
        }
        table->ports_.push_back(std::move(*port));
    }
    return table;
}

std::optional<uint16_t> PortTable::port_with(const IpAddress& local) const {
    for (const auto& port : ports_) {
        if (port->next_hops.owns(local)) {
            return port->index;
        }
    }
    return std::nullopt;
}

std::optional<uint16_t> PortTable::queue_of(uint16_t port, unsigned worker) const {
    const unsigned queue = (worker + workers_ - port % workers_) % workers_;
    if (queue >= ports_[port]->device->queues()) {
        return std::nullopt;
    }
    return static_cast<uint16_t>(queue);
}

}  // namespace sdg::port
