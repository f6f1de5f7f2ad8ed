#include "dataplane/keys/association_store.h"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace sdg::keys {
namespace {

PackedKey pack(const AssociationKey& key) {
    return {key.local_port, key.peer_port, key.local_tag};
}

// Inline, where rte_hash would call through a pointer for every key. The same as rte_hash_crc().
hash_sig_t hash_of(const PackedKey& key) {
    return rte_hash_crc_8byte(std::bit_cast<uint64_t>(key), 0);
}

// rte_hash has fast comparisons for 16, 32, ... octets only, and calls memcmp for 8.
int differ(const void* a, const void* b, size_t) {
    uint64_t one = 0;
    uint64_t other = 0;
    std::memcpy(&one, a, sizeof one);
    std::memcpy(&other, b, sizeof other);
    return one != other ? 1 : 0;
}

// An eighth more slots than associations: those withdrawn wait there for the workers.
uint32_t slots_for(uint32_t capacity) {
    return capacity + std::max<uint32_t>(64, capacity / 8);
}

// DPDK names its tables process-wide, and two gateways may share a process.
std::string unique_name() {
    static std::atomic<unsigned> tables{0};
    return fmt::format("associations_{}", tables.fetch_add(1));
}

}  // namespace

struct AssociationStore::Chunk {
    std::array<AssociationEntry, kChunk> entries;
};

void AssociationStore::FreeHash::operator()(rte_hash* hash) const noexcept {
    rte_hash_free(hash);
}

AssociationStore::AssociationStore(uint32_t capacity)
    : capacity_(capacity),
      slots_(slots_for(capacity)),
      chunks_(std::make_unique<std::atomic<Chunk*>[]>(slots_ / kChunk + 1)) {
}

AssociationStore::~AssociationStore() {
    for (uint32_t i = 0; i <= slots_ / kChunk; ++i) {
        delete chunks_[i].load(std::memory_order_relaxed);
    }
}

Result<std::unique_ptr<AssociationStore>> AssociationStore::create(uint32_t capacity,
                                                                   bool restart) {
    if (capacity == 0 || capacity > 1'000'000) {
        return fail(ErrorCode::invalid_argument,
                    "capacity of the association table is {}, must be 1 to 1000000", capacity);
    }
    std::unique_ptr<AssociationStore> store(new AssociationStore(capacity));
    const std::string name = unique_name();
    rte_hash_parameters parameters{};
    parameters.name = name.c_str();
    parameters.entries = std::max<uint32_t>(store->slots_, 8);
    parameters.key_len = sizeof(PackedKey);
    // No secret seed: of the three fields the tag decides, and we chose it at random.
    parameters.hash_func = rte_hash_crc;
    parameters.socket_id = SOCKET_ID_ANY;
    // The extendable table never refuses a key while there are slots.
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    store->hash_.reset(rte_hash_create(&parameters));
    if (store->hash_ == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no memory for a table of {} associations: {}",
                    capacity, rte_strerror(rte_errno));
    }
    rte_hash_set_cmp_func(store->hash_.get(), differ);
    if (restart) {
        auto paths = RestartPaths::create(store->slots_);
        if (!paths) {
            return tl::unexpected(paths.error());
        }
        store->restart_paths_ = std::move(*paths);
    }
    return store;
}

AssociationEntry* AssociationStore::entry_at(uint32_t index) const {
    if (index >= slots_) {
        return nullptr;
    }
    Chunk* chunk = chunks_[index / kChunk].load(std::memory_order_acquire);
    return chunk != nullptr ? &chunk->entries[index % kChunk] : nullptr;
}

void AssociationStore::lookup(std::span<const PackedKey> keys,
                              std::span<AssociationEntry*> out) const {
    static_assert(RTE_HASH_LOOKUP_BULK_MAX == 64);
    std::array<const void*, RTE_HASH_LOOKUP_BULK_MAX> pointers;
    std::array<void*, RTE_HASH_LOOKUP_BULK_MAX> found;
    const size_t count = std::min({keys.size(), out.size(), pointers.size()});
    if (count == 0) {
        return;
    }
    std::array<hash_sig_t, RTE_HASH_LOOKUP_BULK_MAX> hashes;
    for (size_t i = 0; i < count; ++i) {
        pointers[i] = &keys[i];
        hashes[i] = hash_of(keys[i]);
    }
    uint64_t hits = 0;
    rte_hash_lookup_with_hash_bulk_data(hash_.get(), pointers.data(), hashes.data(),
                                        static_cast<uint32_t>(count), &hits, found.data());
    for (size_t i = 0; i < count; ++i) {
        out[i] = (hits >> i & 1) != 0 ? static_cast<AssociationEntry*>(found[i]) : nullptr;
        __builtin_prefetch(out[i]);
    }
    for (size_t i = 0; i < count; ++i) {
        // The acquire load is what makes the constant fields visible here; rte_hash has its own
        // ordering, but ours is in the language's memory model. It also settles a race with
        // withdraw() early.
        if (out[i] != nullptr && out[i]->live_generation.load(std::memory_order_acquire) == 0) {
            out[i] = nullptr;
        }
    }
}

void AssociationStore::find(std::span<const AssociationId> ids,
                            std::span<AssociationEntry*> out) const {
    const size_t count = std::min(ids.size(), out.size());
    for (size_t i = 0; i < count; ++i) {
        out[i] = ids[i].generation != 0 ? entry_at(ids[i].index) : nullptr;
        __builtin_prefetch(out[i]);
    }
    for (size_t i = 0; i < count; ++i) {
        if (out[i] != nullptr &&
            out[i]->live_generation.load(std::memory_order_acquire) != ids[i].generation) {
            out[i] = nullptr;
        }
    }
}

AssociationEntry* AssociationStore::find_restart(const RestartPath& path) const {
    AssociationEntry* const entry = restart_paths_ ? restart_paths_->find(path) : nullptr;
    return entry != nullptr && entry->live_generation.load(std::memory_order_acquire) != 0
               ? entry
               : nullptr;
}

bool AssociationStore::contains(const AssociationKey& key) const {
    const PackedKey packed = pack(key);
    return rte_hash_lookup(hash_.get(), &packed) >= 0;
}

Result<uint32_t> AssociationStore::take_index() {
    if (!free_.empty()) {
        const uint32_t index = free_.back();
        free_.pop_back();
        return index;
    }
    if (next_unused_ == slots_) {
        return fail(ErrorCode::resource_exhausted, "association table full: {} on their way out",
                    slots_ - size_);
    }
    std::atomic<Chunk*>& chunk = chunks_[next_unused_ / kChunk];
    if (chunk.load(std::memory_order_relaxed) == nullptr) {
        chunk.store(new Chunk, std::memory_order_release);
    }
    return next_unused_++;
}

Result<AssociationEntry*> AssociationStore::insert(const AssociationKey& key, uint16_t owner,
                                                   bool replacing) {
    if (contains(key)) {
        return fail(ErrorCode::already_exists,
                    "association of ports {} and {} with tag {:#010x} exists already",
                    key.local_port, key.peer_port, key.local_tag);
    }
    if (size_ >= capacity_ + (replacing ? 1 : 0)) {
        return fail(ErrorCode::resource_exhausted, "association table full: {} associations",
                    capacity_);
    }
    const auto index = take_index();
    if (!index) {
        return tl::unexpected(index.error());
    }
    AssociationEntry& entry = *entry_at(*index);
    const uint32_t generation = entry.id.generation == UINT32_MAX ? 1 : entry.id.generation + 1;
    entry.key = key;
    entry.id = {*index, generation};
    entry.owner_worker = owner;
    entry.live_generation.store(generation, std::memory_order_release);
    const PackedKey packed = pack(key);
    if (rte_hash_add_key_data(hash_.get(), &packed, &entry) != 0) {
        entry.live_generation.store(0, std::memory_order_release);
        free_.push_back(*index);
        return fail(ErrorCode::resource_exhausted, "association table full: no place in the hash");
    }
    ++size_;
    return &entry;
}

int32_t AssociationStore::withdraw(AssociationEntry& entry) {
    entry.live_generation.store(0, std::memory_order_release);
    const PackedKey packed = pack(entry.key);
    --size_;
    return rte_hash_del_key(hash_.get(), &packed);
}

void AssociationStore::recycle(AssociationEntry& entry, int32_t hash_place) {
    if (hash_place >= 0) {
        rte_hash_free_key_with_position(hash_.get(), hash_place);
    }
    entry.selected_send.store(nullptr, std::memory_order_relaxed);
    for (auto& role : entry.receive) {
        for (auto& context : role) {
            context.store(nullptr, std::memory_order_relaxed);
        }
    }
    entry.policy.store(ClearPolicy::everything, std::memory_order_relaxed);
    entry.restart_supported.store(false, std::memory_order_relaxed);
    free_.push_back(entry.id.index);
}

}  // namespace sdg::keys
