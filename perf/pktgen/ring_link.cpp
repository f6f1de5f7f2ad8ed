#include "perf/pktgen/ring_link.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace sdg::traffic {

Result<std::unique_ptr<RingLink>> RingLink::create(const std::string& label) {
    constexpr unsigned kPackets = 1024;
    std::unique_ptr<RingLink> out(new RingLink);
    for (size_t i = 0; i < 2; ++i) {
        const std::string ring = label + (i == 0 ? "_out" : "_in");
        out->rings_[i] =
            rte_ring_create(ring.c_str(), kPackets, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
        if (out->rings_[i] == nullptr) {
            return fail(ErrorCode::resource_exhausted, "ring {}: {}", ring,
                        rte_strerror(rte_errno));
        }
    }
    for (size_t i = 0; i < 2; ++i) {
        const std::string device = label + (i == 0 ? "_near" : "_far");
        const int id = rte_eth_from_rings(device.c_str(), &out->rings_[1 - i], 1, &out->rings_[i],
                                          1, SOCKET_ID_ANY);
        std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
        if (id < 0 || rte_eth_dev_get_name_by_port(static_cast<uint16_t>(id), name.data()) != 0) {
            return fail(ErrorCode::internal, "no device on ring {}: {}", device,
                        rte_strerror(rte_errno));
        }
        out->devices_[i] = name.data();
    }
    return out;
}

RingLink::~RingLink() {
    for (const std::string& device : devices_) {
        if (!device.empty()) {
            rte_eal_hotplug_remove("vdev", device.c_str());
        }
    }
    for (rte_ring* ring : rings_) {
        void* packet = nullptr;
        while (ring != nullptr && rte_ring_dequeue(ring, &packet) == 0) {
            rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        }
        rte_ring_free(ring);
    }
}

}  // namespace sdg::traffic
