// The association table with its writer's side: an rte_hash that is read without locks, and the
// entries it points to.
//
// Writer: the control thread only. Readers: see association_table.h. An association leaves in two
// steps: withdraw() makes it unreachable for lookups that start afterwards, recycle() gives its
// entry and its place in the hash to the next one. Between them every worker must have passed a
// quiescent state.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/restart_paths.h"
#include "foundation/result.h"

struct rte_hash;

namespace sdg::keys {

class AssociationStore final : public AssociationTable {
 public:
    // capacity: associations alive at once; some more may be on their way out. restart: they may
    // have restart paths. EAL must run.
    [[nodiscard]] static Result<std::unique_ptr<AssociationStore>> create(uint32_t capacity,
                                                                          bool restart = false);
    ~AssociationStore() override;
    AssociationStore(const AssociationStore&) = delete;
    AssociationStore& operator=(const AssociationStore&) = delete;

    void lookup(std::span<const PackedKey> keys, std::span<AssociationEntry*> out) const override;
    using AssociationTable::find;
    void find(std::span<const AssociationId> ids, std::span<AssociationEntry*> out) const override;

    [[nodiscard]] AssociationEntry* find_restart(const RestartPath& path) const override;

    // Errors: already_exists, resource_exhausted (recycle something and try again, or full).
    // replacing: one that is about to be withdrawn does not count.
    [[nodiscard]] Result<AssociationEntry*> insert(const AssociationKey& key, uint16_t owner,
                                                   bool replacing = false);
    // Null without restart.
    [[nodiscard]] RestartPaths* restart_paths() { return restart_paths_.get(); }
    [[nodiscard]] bool contains(const AssociationKey& key) const;
    // Returns the place in the hash that recycle() wants back.
    [[nodiscard]] int32_t withdraw(AssociationEntry& entry);
    void recycle(AssociationEntry& entry, int32_t hash_place);
    // Associations alive: inserted and not withdrawn.
    [[nodiscard]] size_t size() const { return size_; }

 private:
    static constexpr uint32_t kChunk = 1024;  // entries that are allocated at once
    struct FreeHash {
        void operator()(rte_hash* hash) const noexcept;
    };
    struct Chunk;

    explicit AssociationStore(uint32_t capacity);
    [[nodiscard]] AssociationEntry* entry_at(uint32_t index) const;
    [[nodiscard]] Result<uint32_t> take_index();

    const uint32_t capacity_;
    const uint32_t slots_;  // capacity and those on their way out
    std::unique_ptr<rte_hash, FreeHash> hash_;
    std::unique_ptr<RestartPaths> restart_paths_;
    // Entries never move and are never freed while the table lives, so a stale id can always be
    // looked at. Chunks: written by the control thread when first needed, read by workers.
    std::unique_ptr<std::atomic<Chunk*>[]> chunks_;
    // Control thread only.
    uint32_t next_unused_ = 0;
    std::vector<uint32_t> free_;
    size_t size_ = 0;
};

}  // namespace sdg::keys
