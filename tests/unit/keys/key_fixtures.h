// Keys and records for the tests of dataplane/keys.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/chunk_protection.h"
#include "dataplane/record/record.h"
#include "foundation/random.h"

namespace sdg::keys::test {

// Different for every number, the same in every run.
inline record::KeyMaterial material(uint64_t number,
                                    record::Suite suite = record::Suite::aes_128_gcm_sha256) {
    SeededRandom random(number + 1);
    const record::SuiteTraits& traits = *record::traits(suite);
    record::KeyMaterial keys;
    keys.suite = suite;
    keys.key = SecretBytes(traits.key_length);
    keys.iv = SecretBytes(traits.iv_length);
    keys.sn_key = SecretBytes(traits.sn_key_length);
    random.fill(keys.key.mutable_bytes());
    random.fill(keys.iv.mutable_bytes());
    random.fill(keys.sn_key.mutable_bytes());
    return keys;
}

inline std::unique_ptr<ChunkProtection> protection(uint32_t associations = 16, unsigned workers = 1,
                                                   bool restart = false) {
    ChunkProtection::Settings settings;
    settings.restart = restart;
    settings.max_associations = associations;
    settings.workers = workers;
    auto made = ChunkProtection::create(settings);
    if (!made) {
        throw std::runtime_error(made.error().message);
    }
    return std::move(*made);
}

inline AssociationEntry* lookup_one(const ChunkProtection& protection, const AssociationKey& key) {
    const std::array<PackedKey, 1> keys = {PackedKey{key.local_port, key.peer_port, key.local_tag}};
    std::array<AssociationEntry*, 1> found{};
    protection.table().lookup(keys, found);
    return found[0];
}

}  // namespace sdg::keys::test
