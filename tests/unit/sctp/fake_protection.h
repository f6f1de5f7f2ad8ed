// The data plane's key side without keys: remembers what it was told, so that a test of the SCTP
// host can see the calls and play the worker's part (what is sealed, what may come in clear).
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "dataplane/keys/association_table.h"
#include "dataplane/keys/chunk_protection.h"

namespace sdg::test {

class FakeProtection : public keys::ChunkProtection {
 public:
    struct Entry {
        keys::AssociationKey key;
        unsigned worker = 0;
        uint32_t peer_tag = 0;
        std::optional<keys::Agreement> agreement;
        std::vector<uint8_t> local_parameter;
        std::vector<uint8_t> peer_parameter;
        keys::ClearPolicy policy = keys::ClearPolicy::everything;
        bool sealing = false;
        std::set<uint16_t> restart_epochs;  // with a send key
        std::optional<std::pair<IpAddress, IpAddress>> restart_path;
    };

    explicit FakeProtection(size_t capacity = 1'000'000) : capacity_(capacity) {}

    Result<keys::AssociationId> add(const keys::AssociationKey& key, unsigned worker) override {
        if (contains(key)) {
            return fail(ErrorCode::already_exists, "taken");
        }
        if (entries_.size() >= capacity_) {
            return fail(ErrorCode::resource_exhausted, "full");
        }
        const keys::AssociationId id{next_++, 1};
        entries_[id.index].key = key;
        entries_[id.index].worker = worker;
        by_key_[packed(key)] = id.index;
        return id;
    }
    bool contains(const keys::AssociationKey& key) const override {
        return by_key_.contains(packed(key));
    }
    void remove(keys::AssociationId id) override {
        if (const auto found = entries_.find(id.index); found != entries_.end()) {
            by_key_.erase(packed(found->second.key));
            entries_.erase(found);
        }
    }
    size_t size() const override { return entries_.size(); }

    Result<void> set_agreement(keys::AssociationId id, const keys::Agreement& agreement,
                               const packet::KeyManagementParameter& local,
                               const packet::KeyManagementParameter& peer) override {
        return change(id, [&](Entry& entry) {
            entry.agreement = agreement;
            entry.local_parameter.assign(local.wire().begin(), local.wire().end());
            entry.peer_parameter.assign(peer.wire().begin(), peer.wire().end());
        });
    }
    Result<keys::Agreement> agreement(keys::AssociationId) const override { return none(); }
    Result<std::vector<uint8_t>> downgrade_prevention_data(keys::AssociationId) const override {
        return none();
    }
    Result<std::vector<uint8_t>> local_parameter(keys::AssociationId) const override {
        return none();
    }
    Result<std::vector<uint8_t>> peer_parameter(keys::AssociationId) const override {
        return none();
    }
    Result<void> establish_send_key(keys::AssociationId id, keys::KeyRole role, uint16_t epoch,
                                    const record::KeyMaterial&) override {
        return change(id, [=](Entry& entry) {
            if (role == keys::KeyRole::restart) {
                entry.restart_epochs.insert(epoch);
            }
        });
    }
    Result<void> establish_receive_key(keys::AssociationId, keys::KeyRole, uint16_t,
                                       const record::KeyMaterial&) override {
        return {};
    }
    Result<void> destroy_send_key(keys::AssociationId, keys::KeyRole, uint16_t) override {
        return {};
    }
    Result<void> destroy_receive_key(keys::AssociationId, keys::KeyRole, uint16_t) override {
        return {};
    }
    Result<void> select_send_key(keys::AssociationId id, keys::KeyRole, uint16_t) override {
        return change(id, [](Entry& entry) { entry.sealing = true; });
    }
    Result<void> require_protected_packets(keys::AssociationId id) override {
        return set_clear_policy(id, keys::ClearPolicy::initiation_only);
    }
    Result<void> set_clear_policy(keys::AssociationId id, keys::ClearPolicy policy) override {
        return change(id, [policy](Entry& entry) { entry.policy = policy; });
    }
    Result<void> configure_replay_window(keys::AssociationId, uint32_t) override { return {}; }
    Result<void> set_restart_supported(keys::AssociationId, bool) override { return {}; }
    Result<void> set_restart_path(keys::AssociationId id, const IpAddress& local,
                                  const IpAddress& peer) override {
        return change(id, [&](Entry& entry) { entry.restart_path = {local, peer}; });
    }
    void clear_restart_path(keys::AssociationId id) override {
        static_cast<void>(change(id, [](Entry& entry) { entry.restart_path.reset(); }));
    }
    Result<keys::AssociationId> restart(keys::AssociationId id, uint32_t local_tag,
                                        uint32_t peer_tag, uint16_t epoch) override {
        const Entry* const old = find(id);
        if (old == nullptr || !old->restart_epochs.contains(epoch)) {
            return none();
        }
        const Entry copy = *old;
        const auto added = add({copy.key.local_port, copy.key.peer_port, local_tag}, copy.worker);
        if (added) {
            Entry& entry = entries_[added->index];
            entry.peer_tag = peer_tag;
            entry.policy = keys::ClearPolicy::initiation_only;
            entry.sealing = true;
            entry.restart_epochs = {epoch};
            entry.restart_path = copy.restart_path;
            remove(id);
        }
        return added;
    }
    Result<std::vector<keys::EpochStatistics>> statistics(keys::AssociationId) const override {
        return none();
    }
    bool has_opened(keys::AssociationId, keys::KeyRole, uint16_t) const override { return false; }
    void reclaim() override {}
    size_t awaiting_reclaim() const override { return 0; }
    rte_rcu_qsbr* quiescence() override { return nullptr; }
    const keys::AssociationTable& table() const override { return table_; }
    keys::AssociationTable& table() override { return table_; }
    void set_key_log(KeyLog) override {}
    Result<void> set_peer_tag(keys::AssociationId id, uint32_t peer_tag) override {
        return change(id, [peer_tag](Entry& entry) { entry.peer_tag = peer_tag; });
    }

    // --- the test's view ---
    [[nodiscard]] const Entry* find(keys::AssociationId id) const {
        const auto found = entries_.find(id.index);
        return found != entries_.end() ? &found->second : nullptr;
    }
    [[nodiscard]] keys::AssociationId lookup(const keys::AssociationKey& key) const {
        const auto found = by_key_.find(packed(key));
        return found != by_key_.end() ? keys::AssociationId{found->second, 1}
                                      : keys::AssociationId{};
    }

 private:
    struct NoTable final : keys::AssociationTable {
        void lookup(std::span<const keys::PackedKey>,
                    std::span<keys::AssociationEntry*>) const override {}
        void find(std::span<const keys::AssociationId> /*ids*/,
                  std::span<keys::AssociationEntry*> out) const override {
            std::fill(out.begin(), out.end(), nullptr);
        }
        keys::AssociationEntry* find_restart(const keys::RestartPath&) const override {
            return nullptr;
        }
    };
    static uint64_t packed(const keys::AssociationKey& key) {
        return uint64_t{key.local_port} << 48 | uint64_t{key.peer_port} << 32 | key.local_tag;
    }
    static tl::unexpected<Error> none() { return fail(ErrorCode::not_found, "not kept"); }
    template <class Change>
    Result<void> change(keys::AssociationId id, Change&& apply) {
        const auto found = entries_.find(id.index);
        if (found == entries_.end()) {
            return none();
        }
        apply(found->second);
        return {};
    }

    size_t capacity_;
    uint32_t next_ = 0;
    std::unordered_map<uint32_t, Entry> entries_;
    std::unordered_map<uint64_t, uint32_t> by_key_;
    NoTable table_;
};

}  // namespace sdg::test
