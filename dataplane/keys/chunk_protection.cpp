#include "dataplane/keys/chunk_protection.h"

#include <algorithm>
#include <utility>

#include "dataplane/keys/association_store.h"
#include "dataplane/keys/quiescence.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"

namespace sdg::keys {
namespace {

using record::KeyMaterial;
using record::OpenContext;
using record::SealContext;

// Both directions of one (role, epoch).
struct EpochKeys {
    KeyRole role = KeyRole::primary;
    uint16_t epoch = 0;
    std::unique_ptr<SealContext> send;
    std::unique_ptr<OpenContext> receive;
    // Restart keys when keys are logged: a restart logs them again, for the tags they then have.
    std::optional<KeyMaterial> logged_send;
    std::optional<KeyMaterial> logged_receive;
};

// What the control thread knows of an association; workers see AssociationEntry only.
struct Association {
    AssociationEntry* entry = nullptr;
    uint32_t peer_tag = 0;
    uint32_t replay_window = record::ReplayWindow::kDefaultSize;
    std::optional<Agreement> agreement;
    std::vector<uint8_t> local_parameter;  // as on the wire
    std::vector<uint8_t> peer_parameter;
    std::vector<EpochKeys> keys;  // a handful, oldest first
    std::optional<RestartPath> restart_path;
};

// Out of the workers' reach, but maybe still in their hands.
struct Removed {
    std::unique_ptr<SealContext> send;
    std::unique_ptr<OpenContext> receive;
    std::unique_ptr<Association> association;
    int32_t hash_place = -1;
    int32_t path_place = -1;
};

const char* text(KeyRole role) {
    return role == KeyRole::primary ? "primary" : "restart";
}

class TableChunkProtection final : public ChunkProtection {
 public:
    TableChunkProtection(std::unique_ptr<AssociationStore> store, QuiescentState quiescent,
                         const Settings& settings)
        : store_(std::move(store)),
          quiescent_(std::move(quiescent)),
          workers_(settings.workers),
          aead_(settings.aead) {}

    Result<AssociationId> add(const AssociationKey& key, unsigned owner_worker) override {
        if (owner_worker >= workers_) {
            return fail(ErrorCode::invalid_argument, "there is no worker {}", owner_worker);
        }
        return add(key, static_cast<uint16_t>(owner_worker), false);
    }

    Result<AssociationId> add(const AssociationKey& key, uint16_t owner_worker, bool replacing) {
        auto entry = store_->insert(key, owner_worker, replacing);
        if (!entry && entry.error().code == ErrorCode::resource_exhausted) {
            reclaim();
            entry = store_->insert(key, owner_worker, replacing);
        }
        if (!entry) {
            return tl::unexpected(entry.error());
        }
        const AssociationId id = (*entry)->id;
        if (associations_.size() <= id.index) {
            associations_.resize(id.index + 1);
        }
        associations_[id.index] = std::make_unique<Association>();
        associations_[id.index]->entry = *entry;
        return id;
    }

    bool contains(const AssociationKey& key) const override { return store_->contains(key); }

    void remove(AssociationId id) override {
        const auto found = find(id);
        if (!found) {
            return;
        }
        // The pointers in the entry stay: a worker that has found it already must go on to see
        // the association as it was, not one without a send key.
        Removed removed;
        removed.hash_place = store_->withdraw(*(*found)->entry);
        if (const auto& path = (*found)->restart_path) {
            removed.path_place = store_->restart_paths()->withdraw(*path);
        }
        removed.association = std::move(associations_[id.index]);
        defer(std::move(removed));
    }

    size_t size() const override { return store_->size(); }

    Result<void> set_agreement(AssociationId id, const Agreement& agreed,
                               const packet::KeyManagementParameter& local,
                               const packet::KeyManagementParameter& peer) override {
        return find(id).map([&](Association* association) {
            association->agreement = agreed;
            association->local_parameter.assign(local.wire().begin(), local.wire().end());
            association->peer_parameter.assign(peer.wire().begin(), peer.wire().end());
        });
    }

    Result<Agreement> agreement(AssociationId id) const override {
        return find_negotiated(id).map([](Association* found) { return *found->agreement; });
    }

    Result<std::vector<uint8_t>> downgrade_prevention_data(AssociationId id) const override {
        return find_negotiated(id).map([](Association* found) {
            return keys::downgrade_prevention_data(
                *found->agreement, *packet::KeyManagementParameter::parse(found->local_parameter),
                *packet::KeyManagementParameter::parse(found->peer_parameter));
        });
    }

    Result<std::vector<uint8_t>> local_parameter(AssociationId id) const override {
        return find_negotiated(id).map([](Association* found) { return found->local_parameter; });
    }

    Result<std::vector<uint8_t>> peer_parameter(AssociationId id) const override {
        return find_negotiated(id).map([](Association* found) { return found->peer_parameter; });
    }

    Result<void> establish_send_key(AssociationId id, KeyRole role, uint16_t epoch,
                                    const KeyMaterial& material) override {
        return establish<SealContext>(id, role, epoch, material, &EpochKeys::send);
    }

    Result<void> establish_receive_key(AssociationId id, KeyRole role, uint16_t epoch,
                                       const KeyMaterial& material) override {
        return establish<OpenContext>(id, role, epoch, material, &EpochKeys::receive);
    }

    Result<void> destroy_send_key(AssociationId id, KeyRole role, uint16_t epoch) override {
        const auto found = find_key(id, role, epoch, &EpochKeys::send, "send");
        if (!found) {
            return tl::unexpected(found.error());
        }
        auto [association, keys] = *found;
        AssociationEntry& entry = *association->entry;
        if (entry.selected_send.load(std::memory_order_relaxed) == keys->send.get()) {
            // Without a selected key packets would leave in clear.
            if (entry.policy.load(std::memory_order_relaxed) != ClearPolicy::initiation_only) {
                return fail(ErrorCode::invalid_argument,
                            "{} send key of epoch {} is in use: select another first", text(role),
                            epoch);
            }
            entry.selected_send.store(nullptr, std::memory_order_release);
        }
        Removed removed;
        removed.send = std::move(keys->send);
        defer(std::move(removed));
        drop_if_empty(*association, *keys);
        return {};
    }

    Result<void> destroy_receive_key(AssociationId id, KeyRole role, uint16_t epoch) override {
        const auto found = find_key(id, role, epoch, &EpochKeys::receive, "receive");
        if (!found) {
            return tl::unexpected(found.error());
        }
        auto [association, keys] = *found;
        receive_slot(*association, role, epoch).store(nullptr, std::memory_order_release);
        Removed removed;
        removed.receive = std::move(keys->receive);
        defer(std::move(removed));
        drop_if_empty(*association, *keys);
        return {};
    }

    Result<void> select_send_key(AssociationId id, KeyRole role, uint16_t epoch) override {
        return find_key(id, role, epoch, &EpochKeys::send, "send")
            .map([](std::pair<Association*, EpochKeys*> found) {
                found.first->entry->selected_send.store(found.second->send.get(),
                                                        std::memory_order_release);
            });
    }

    Result<void> require_protected_packets(AssociationId id) override {
        return set_clear_policy(id, ClearPolicy::initiation_only);
    }

    Result<void> set_clear_policy(AssociationId id, ClearPolicy policy) override {
        return find(id).map([policy](Association* association) {
            association->entry->policy.store(policy, std::memory_order_release);
        });
    }

    Result<void> configure_replay_window(AssociationId id, uint32_t size) override {
        if (!record::ReplayWindow::is_valid_size(size)) {
            return fail(ErrorCode::invalid_argument,
                        "replay window of {} records: must be a power of two, {} to {}", size,
                        record::ReplayWindow::kMinSize, record::ReplayWindow::kMaxSize);
        }
        return find(id).map(
            [size](Association* association) { association->replay_window = size; });
    }

    Result<void> set_restart_supported(AssociationId id, bool supported) override {
        return find(id).map([supported](Association* association) {
            association->entry->restart_supported.store(supported, std::memory_order_release);
        });
    }

    Result<void> set_restart_path(AssociationId id, const IpAddress& local,
                                  const IpAddress& peer) override {
        const auto found = find(id);
        if (!found) {
            return tl::unexpected(found.error());
        }
        RestartPaths* const paths = store_->restart_paths();
        if (paths == nullptr) {
            return fail(ErrorCode::invalid_argument, "restart was not asked for");
        }
        Association& association = **found;
        const AssociationKey& key = association.entry->key;
        const RestartPath path = restart_path(local, peer, key.local_port, key.peer_port);
        const AssociationEntry* const holder = paths->find(path);
        if (holder != nullptr && holder != association.entry) {
            return fail(ErrorCode::already_exists,
                        "another association is restarted from {} port {} to {} port {}",
                        peer.to_string(), key.peer_port, local.to_string(), key.local_port);
        }
        return paths->set(path, *association.entry).map([&] { association.restart_path = path; });
    }

    void clear_restart_path(AssociationId id) override {
        const auto found = find(id);
        if (!found || !(*found)->restart_path) {
            return;
        }
        Removed removed;
        removed.path_place = store_->restart_paths()->withdraw(*(*found)->restart_path);
        (*found)->restart_path.reset();
        defer(std::move(removed));
    }

    Result<AssociationId> restart(AssociationId id, uint32_t local_tag, uint32_t peer_tag,
                                  uint16_t epoch) override {
        const auto found = find(id);
        if (!found) {
            return tl::unexpected(found.error());
        }
        Association& old = **found;
        EpochKeys* const keys = keys_of(old, KeyRole::restart, epoch);
        if (keys == nullptr || !keys->send || !keys->receive) {
            return fail(ErrorCode::not_found, "no restart keys of epoch {}", epoch);
        }
        const auto added = add({old.entry->key.local_port, old.entry->key.peer_port, local_tag},
                               old.entry->owner_worker, true);
        if (!added) {
            return tl::unexpected(added.error());
        }
        Association& fresh = *associations_[added->index];
        AssociationEntry& entry = *fresh.entry;
        fresh.peer_tag = peer_tag;
        fresh.replay_window = old.replay_window;
        fresh.keys.push_back(std::move(*keys));
        old.keys.erase(old.keys.begin() + (keys - old.keys.data()));
        const EpochKeys& in_use = fresh.keys.back();
        entry.restart_supported.store(true, std::memory_order_release);
        entry.policy.store(ClearPolicy::initiation_only, std::memory_order_release);
        entry.selected_send.store(in_use.send.get(), std::memory_order_release);
        receive_slot(fresh, KeyRole::restart, epoch)
            .store(in_use.receive.get(), std::memory_order_release);
        if (old.restart_path) {
            // Replaces what is there, so it cannot fail.
            static_cast<void>(store_->restart_paths()->set(*old.restart_path, entry));
            fresh.restart_path = std::exchange(old.restart_path, std::nullopt);
        }
        if (key_log_ && in_use.logged_send && in_use.logged_receive) {
            key_log_(peer_tag, epoch, KeyRole::restart, *in_use.logged_send);
            key_log_(local_tag, epoch, KeyRole::restart, *in_use.logged_receive);
        }
        remove(id);
        return *added;
    }

    Result<std::vector<EpochStatistics>> statistics(AssociationId id) const override {
        return find(id).map([](Association* association) {
            std::vector<EpochStatistics> all;
            const SealContext* selected =
                association->entry->selected_send.load(std::memory_order_relaxed);
            for (const EpochKeys& keys : association->keys) {
                EpochStatistics of;
                of.role = keys.role;
                of.epoch = keys.epoch;
                if (keys.send) {
                    of.has_send_key = true;
                    of.selected = keys.send.get() == selected;
                    of.sealed = keys.send->sealed();
                    of.seal_limit = keys.send->seal_limit();
                    of.sealed_octets = keys.send->sealed_octets();
                }
                if (keys.receive) {
                    of.has_receive_key = true;
                    of.opened = keys.receive->opened();
                    of.open_failed = keys.receive->open_failed();
                    of.opened_octets = keys.receive->opened_octets();
                    of.open_limit = keys.receive->open_failure_limit();
                }
                all.push_back(of);
            }
            return all;
        });
    }

    bool has_opened(AssociationId id, KeyRole role, uint16_t epoch) const override {
        const auto found = find(id);
        if (!found) {
            return false;
        }
        const EpochKeys* keys = keys_of(**found, role, epoch);
        return keys != nullptr && keys->receive != nullptr && keys->receive->opened() != 0;
    }

    void reclaim() override {
        removed_.reclaim(quiescent_.get(), [this](Removed removed) {
            if (removed.association) {
                store_->recycle(*removed.association->entry, removed.hash_place);
            }
            if (removed.path_place >= 0) {
                store_->restart_paths()->release(removed.path_place);
            }
        });
    }

    size_t awaiting_reclaim() const override { return removed_.size(); }
    rte_rcu_qsbr* quiescence() override { return quiescent_.get(); }
    const AssociationTable& table() const override { return *store_; }
    AssociationTable& table() override { return *store_; }
    void set_key_log(KeyLog log) override { key_log_ = std::move(log); }

    Result<void> set_peer_tag(AssociationId id, uint32_t peer_tag) override {
        return find(id).map(
            [peer_tag](Association* association) { association->peer_tag = peer_tag; });
    }

 private:
    using ReceiveSlot = std::atomic<OpenContext*>;

    Result<Association*> find(AssociationId id) const {
        if (store_->find(id) == nullptr) {
            return fail(ErrorCode::not_found, "no such association");
        }
        return associations_[id.index].get();
    }

    Result<Association*> find_negotiated(AssociationId id) const {
        auto found = find(id);
        if (found && !(*found)->agreement) {
            return fail(ErrorCode::not_found, "the association has not negotiated key management");
        }
        return found;
    }

    static EpochKeys* keys_of(Association& association, KeyRole role, uint16_t epoch) {
        const auto at = std::ranges::find_if(association.keys, [=](const EpochKeys& keys) {
            return keys.role == role && keys.epoch == epoch;
        });
        return at != association.keys.end() ? &*at : nullptr;
    }

    template <class Context>
    Result<std::pair<Association*, EpochKeys*>> find_key(AssociationId id, KeyRole role,
                                                         uint16_t epoch,
                                                         std::unique_ptr<Context> EpochKeys::*half,
                                                         const char* direction) const {
        const auto association = find(id);
        if (!association) {
            return tl::unexpected(association.error());
        }
        EpochKeys* keys = keys_of(**association, role, epoch);
        if (keys == nullptr || keys->*half == nullptr) {
            return fail(ErrorCode::not_found, "no {} {} key of epoch {}", text(role), direction,
                        epoch);
        }
        return std::pair(*association, keys);
    }

    static ReceiveSlot& receive_slot(Association& association, KeyRole role, uint16_t epoch) {
        return association.entry->receive[static_cast<size_t>(role)][epoch & 3];
    }

    template <class Context>
    Result<void> establish(AssociationId id, KeyRole role, uint16_t epoch,
                           const KeyMaterial& material, std::unique_ptr<Context> EpochKeys::*half) {
        constexpr bool kReceive = std::is_same_v<Context, OpenContext>;
        const auto found = find(id);
        if (!found) {
            return tl::unexpected(found.error());
        }
        Association& association = **found;
        // Draft, "Establish Send Key Material": lower epochs belong to the DTLS handshake.
        if (epoch < packet::kFirstEpoch) {
            return fail(ErrorCode::invalid_argument, "epoch {} is below the first, {}", epoch,
                        packet::kFirstEpoch);
        }
        EpochKeys* keys = keys_of(association, role, epoch);
        if (keys != nullptr && keys->*half != nullptr) {
            return fail(ErrorCode::already_exists, "{} {} key of epoch {} exists already",
                        text(role), kReceive ? "receive" : "send", epoch);
        }
        Result<std::unique_ptr<Context>> context;
        if constexpr (kReceive) {
            // The wire shows two bits of the epoch.
            if (const OpenContext* present =
                    receive_slot(association, role, epoch).load(std::memory_order_relaxed)) {
                return fail(ErrorCode::already_exists,
                            "{} receive key of epoch {} holds the place of epoch {}", text(role),
                            present->epoch(), epoch);
            }
            OpenContext::Options options;
            options.replay_window = association.replay_window;
            options.provider = aead_;
            context = OpenContext::create(material, epoch, role == KeyRole::restart, options);
        } else {
            SealContext::Options options;
            options.provider = aead_;
            context = SealContext::create(material, epoch, role == KeyRole::restart, options);
        }
        if (!context) {
            return tl::unexpected(context.error());
        }
        if (keys == nullptr) {
            keys = &association.keys.emplace_back();
            keys->role = role;
            keys->epoch = epoch;
        }
        keys->*half = std::move(*context);
        if constexpr (kReceive) {
            receive_slot(association, role, epoch)
                .store(keys->receive.get(), std::memory_order_release);
        }
        if (key_log_) {
            if (role == KeyRole::restart) {
                (kReceive ? keys->logged_receive : keys->logged_send) = material.clone();
            }
            key_log_(kReceive ? association.entry->key.local_tag : association.peer_tag, epoch,
                     role, material);
        }
        return {};
    }

    void defer(Removed removed) { removed_.push(quiescent_.get(), std::move(removed)); }

    static void drop_if_empty(Association& association, const EpochKeys& keys) {
        if (!keys.send && !keys.receive) {
            association.keys.erase(association.keys.begin() + (&keys - association.keys.data()));
        }
    }

    std::unique_ptr<AssociationStore> store_;
    QuiescentState quiescent_;
    unsigned workers_;
    record::AeadProvider* aead_;
    std::vector<std::unique_ptr<Association>> associations_;  // by AssociationId::index
    DeferQueue<Removed> removed_;
    KeyLog key_log_;
};

}  // namespace

Result<std::unique_ptr<ChunkProtection>> ChunkProtection::create(const Settings& settings) {
    auto quiescent = QuiescentState::create(settings.workers);
    if (!quiescent) {
        return tl::unexpected(quiescent.error());
    }
    auto store = AssociationStore::create(settings.max_associations, settings.restart);
    if (!store) {
        return tl::unexpected(store.error());
    }
    return std::make_unique<TableChunkProtection>(std::move(*store), std::move(*quiescent),
                                                  settings);
}

std::span<const record::Suite> ChunkProtection::supported_suites() {
    return record::supported_suites();
}

}  // namespace sdg::keys
