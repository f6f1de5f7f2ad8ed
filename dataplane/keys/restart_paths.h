// RestartPaths: four-tuple → association, for chunks with the R bit whose verification tag names no
// association.
//
// The COOKIE ECHO of a protected restart comes under the restart keys of an association and with a
// tag that was given out in an INIT ACK: keeping that tag would be state for an INIT that anybody
// can send. So the association is found by its addresses and ports instead, here, and the restart
// keys then show whether the packet is what it seems. One path for each association: its first
// addresses.
//
// Writer: the control thread. Readers: workers, as of AssociationTable.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_hash;

namespace sdg::keys {

struct AssociationEntry;

// Ports in host byte order. Without padding: it is hashed as it lies in memory.
struct RestartPath {
    std::array<uint8_t, 16> local{};  // IpAddress::octets
    std::array<uint8_t, 16> peer{};
    uint16_t local_port = 0;
    uint16_t peer_port = 0;
    uint32_t family = 0;
};
static_assert(sizeof(RestartPath) == 40);

[[nodiscard]] inline RestartPath restart_path(const IpAddress& local, const IpAddress& peer,
                                              uint16_t local_port, uint16_t peer_port) {
    return {local.octets, peer.octets, local_port, peer_port, static_cast<uint32_t>(local.family)};
}

class RestartPaths {
 public:
    // slots: associations that have a path or whose path waits for release(). EAL must run.
    [[nodiscard]] static Result<std::unique_ptr<RestartPaths>> create(uint32_t slots);

    // Null: none.
    [[nodiscard]] AssociationEntry* find(const RestartPath& path) const;
    // Adds the path or gives it to this entry. resource_exhausted.
    [[nodiscard]] Result<void> set(const RestartPath& path, AssociationEntry& entry);
    // Returns the place that release() wants back after every worker's quiescent state; -1: none.
    [[nodiscard]] int32_t withdraw(const RestartPath& path);
    void release(int32_t place);

 private:
    struct FreeHash {
        void operator()(rte_hash* hash) const noexcept;
    };
    RestartPaths() = default;

    std::unique_ptr<rte_hash, FreeHash> hash_;
};

}  // namespace sdg::keys
