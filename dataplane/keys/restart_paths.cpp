#include "dataplane/keys/restart_paths.h"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <rte_lcore.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <string>

namespace sdg::keys {

static_assert(offsetof(RestartPath, family) == 36);

void RestartPaths::FreeHash::operator()(rte_hash* hash) const noexcept {
    rte_hash_free(hash);
}

Result<std::unique_ptr<RestartPaths>> RestartPaths::create(uint32_t slots) {
    // DPDK names its tables process-wide, and two gateways may share a process.
    static std::atomic<unsigned> tables{0};
    const std::string name = fmt::format("restart_paths_{}", tables.fetch_add(1));
    rte_hash_parameters parameters{};
    parameters.name = name.c_str();
    parameters.entries = std::max<uint32_t>(slots, 8);
    parameters.key_len = sizeof(RestartPath);
    // No secret seed: a path gets in with a handshake from its address only.
    parameters.hash_func = rte_jhash;
    parameters.socket_id = SOCKET_ID_ANY;
    parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;
    std::unique_ptr<RestartPaths> out(new RestartPaths);
    out->hash_.reset(rte_hash_create(&parameters));
    if (out->hash_ == nullptr) {
        return fail(ErrorCode::resource_exhausted, "no memory for {} restart paths: {}", slots,
                    rte_strerror(rte_errno));
    }
    return out;
}

AssociationEntry* RestartPaths::find(const RestartPath& path) const {
    void* entry = nullptr;
    return rte_hash_lookup_data(hash_.get(), &path, &entry) >= 0
               ? static_cast<AssociationEntry*>(entry)
               : nullptr;
}

Result<void> RestartPaths::set(const RestartPath& path, AssociationEntry& entry) {
    if (rte_hash_add_key_data(hash_.get(), &path, &entry) != 0) {
        return fail(ErrorCode::resource_exhausted, "table of restart paths full");
    }
    return {};
}

int32_t RestartPaths::withdraw(const RestartPath& path) {
    return rte_hash_del_key(hash_.get(), &path);
}

void RestartPaths::release(int32_t place) {
    if (place >= 0) {
        rte_hash_free_key_with_position(hash_.get(), place);
    }
}

}  // namespace sdg::keys
