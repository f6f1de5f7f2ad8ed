// The association table as the workers read it.
//
// Writer: the control thread, through ChunkProtection. Readers: workers, without locks or waiting,
// between two quiescent reports on ChunkProtection::quiescence(). A pointer obtained here is valid
// until the reader's next quiescent report and no longer.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/keys/chunk_protection.h"

namespace sdg::record {
class SealContext;
class OpenContext;
}  // namespace sdg::record

namespace sdg::keys {

struct RestartPath;

// One association. Written by the control thread (release stores), read by workers (acquire loads).
// The first cache line is all that a packet under a primary key needs.
struct alignas(64) AssociationEntry {
    // Send context of everything but INIT and INIT ACK; null: nothing selected, packets leave in
    // clear unless policy is initiation_only.
    std::atomic<record::SealContext*> selected_send{nullptr};
    std::atomic<ClearPolicy> policy{ClearPolicy::everything};
    std::atomic<bool> restart_supported{false};
    // Constant while the entry is reachable.
    uint16_t owner_worker = 0;
    // Generation of the association that lives here; 0: none. Stored last when one is added, so
    // whoever has loaded it sees the constant fields too.
    std::atomic<uint32_t> live_generation{0};
    // Constant while the entry is reachable.
    AssociationKey key;
    AssociationId id;
    // [KeyRole][epoch & 3]
    std::array<std::array<std::atomic<record::OpenContext*>, 4>, 2> receive{};
};
static_assert(sizeof(AssociationEntry) == 128);
static_assert(offsetof(AssociationEntry, receive) == 32);

// Eight octets as the hash wants them, host byte order.
struct PackedKey {
    uint16_t local_port;
    uint16_t peer_port;
    uint32_t local_tag;
    friend bool operator==(const PackedKey&, const PackedKey&) = default;
};
static_assert(sizeof(PackedKey) == 8);

class AssociationTable {
 public:
    virtual ~AssociationTable() = default;

    // out[i] = the entry of keys[i], or null. At most 64 at once: one virtual call per burst.
    virtual void lookup(std::span<const PackedKey> keys,
                        std::span<AssociationEntry*> out) const = 0;
    // out[i] = the entry that ids[i] names, or null when it has gone.
    virtual void find(std::span<const AssociationId> ids,
                      std::span<AssociationEntry*> out) const = 0;
    // The association that may be restarted from this path, or null; see restart_paths.h.
    [[nodiscard]] virtual AssociationEntry* find_restart(const RestartPath& path) const = 0;
    [[nodiscard]] AssociationEntry* find(AssociationId id) const {
        AssociationEntry* entry = nullptr;
        find({&id, 1}, {&entry, 1});
        return entry;
    }
};

}  // namespace sdg::keys
