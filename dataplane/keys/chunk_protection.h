// The bridge's key side: the abstract API of draft-ietf-tsvwg-sctp-dtls-chunk (section "Abstract
// API" and the socket API that maps onto it), every function of it, for one gateway.
//
// The control thread is the only caller of every function here unless one says otherwise. Workers
// see the result through AssociationEntry (association_table.h): immutable key contexts published
// by one release store, removed by clearing that pointer and freed after every worker has passed a
// quiescent state (rte_rcu_qsbr). A packet is therefore wholly under the old epoch or wholly under
// the new one, and workers never wait.
//
// Epochs are full 16-bit values here; the wire carries their low two bits. At most one receive
// context per (key role, low two bits) exists at a time, so up to three live epochs are safe.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/keys/negotiation.h"
#include "dataplane/packet/key_management_parameter.h"
#include "dataplane/record/aead.h"
#include "dataplane/record/key_material.h"
#include "dataplane/record/suite.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

struct rte_rcu_qsbr;

namespace sdg::keys {

enum class KeyRole : uint8_t { primary = 0, restart = 1 };

// What a packet is looked up by: real ports and the verification tag we chose. Host byte order.
struct AssociationKey {
    uint16_t local_port = 0;
    uint16_t peer_port = 0;
    uint32_t local_tag = 0;
    friend bool operator==(const AssociationKey&, const AssociationKey&) = default;
};

// Names one association of the table; stale after remove() (the generation then differs), and every
// function answers not_found for a stale one.
struct AssociationId {
    uint32_t index = UINT32_MAX;
    uint32_t generation = 0;
    [[nodiscard]] bool is_set() const { return index != UINT32_MAX; }
    friend bool operator==(const AssociationId&, const AssociationId&) = default;
};

// What of an association may arrive without protection.
enum class ClearPolicy : uint8_t {
    everything,      // plain legs, loose mode, and before key management has finished
    handshake_only,  // INIT, INIT ACK, and packets whose first chunk is COOKIE ECHO or COOKIE ACK
    initiation_only  // "require protected packets": INIT and INIT ACK only
};

struct EpochStatistics {
    KeyRole role = KeyRole::primary;
    uint16_t epoch = 0;
    uint64_t sealed = 0;         // q: records sealed with the send key
    uint64_t seal_limit = 0;     // of q; UINT64_MAX when the suite has no reachable one
    uint64_t opened = 0;         // records that authenticated
    uint64_t open_failed = 0;    // v: records that did not
    uint64_t open_limit = 0;     // of v
    uint64_t sealed_octets = 0;  // of the records sealed
    uint64_t opened_octets = 0;  // of the records opened
    bool has_send_key = false;
    bool selected = false;  // the send key in use
    bool has_receive_key = false;
};

class ChunkProtection {
 public:
    struct Settings {
        uint32_t max_associations = 10'000;  // table capacity, 1..1,000,000
        unsigned workers = 1;                // worker w reports quiescence as reader w
        // Whose queues the workers' AEADs go through; outlives this. Null: IPsec-MB.
        record::AeadProvider* aead = nullptr;
        // Associations may have restart paths.
        bool restart = false;
    };
    [[nodiscard]] static Result<std::unique_ptr<ChunkProtection>> create(const Settings& settings);
    virtual ~ChunkProtection() = default;
    ChunkProtection(const ChunkProtection&) = delete;
    ChunkProtection& operator=(const ChunkProtection&) = delete;

    // --- associations -------------------------------------------------------------------------
    // Adds an association without keys and with ClearPolicy::everything, owned by the given worker.
    // already_exists when ports and tag are taken, resource_exhausted when the table is full.
    [[nodiscard]] virtual Result<AssociationId> add(const AssociationKey& key,
                                                    unsigned owner_worker) = 0;
    [[nodiscard]] virtual bool contains(const AssociationKey& key) const = 0;
    // Takes the association and all its keys out; memory follows at a later reclaim().
    virtual void remove(AssociationId id) = 0;
    [[nodiscard]] virtual size_t size() const = 0;

    // --- draft: set supported methods, roles, restart, required; get agreed method, role, data ---
    // The set_* of the draft apply to an endpoint: they are the fields of LocalKeyManagement, which
    // listeners and backends carry. Agreement and parameters are recorded per association:
    virtual Result<void> set_agreement(AssociationId id, const Agreement& agreement,
                                       const packet::KeyManagementParameter& local,
                                       const packet::KeyManagementParameter& peer) = 0;
    [[nodiscard]] virtual Result<Agreement> agreement(AssociationId id) const = 0;
    // Client role's parameter then server role's, as on the wire without padding.
    [[nodiscard]] virtual Result<std::vector<uint8_t>> downgrade_prevention_data(
        AssociationId id) const = 0;
    [[nodiscard]] virtual Result<std::vector<uint8_t>> local_parameter(AssociationId id) const = 0;
    [[nodiscard]] virtual Result<std::vector<uint8_t>> peer_parameter(AssociationId id) const = 0;

    // --- draft: supported cipher suites -------------------------------------------------------
    [[nodiscard]] static std::span<const record::Suite> supported_suites();

    // --- draft: keys --------------------------------------------------------------------------
    // Establishing the same (role, epoch) twice answers already_exists: a context that may have
    // been used is never re-keyed in place.
    virtual Result<void> establish_send_key(AssociationId id, KeyRole role, uint16_t epoch,
                                            const record::KeyMaterial& material) = 0;
    virtual Result<void> establish_receive_key(AssociationId id, KeyRole role, uint16_t epoch,
                                               const record::KeyMaterial& material) = 0;
    virtual Result<void> destroy_send_key(AssociationId id, KeyRole role, uint16_t epoch) = 0;
    virtual Result<void> destroy_receive_key(AssociationId id, KeyRole role, uint16_t epoch) = 0;
    // From the next packet on everything but INIT and INIT ACK leaves under this key.
    virtual Result<void> select_send_key(AssociationId id, KeyRole role, uint16_t epoch) = 0;
    // Also makes the sender refuse to send anything but INIT and INIT ACK in clear.
    virtual Result<void> require_protected_packets(AssociationId id) = 0;
    virtual Result<void> set_clear_policy(AssociationId id, ClearPolicy policy) = 0;
    // Applies to receive keys established later. Power of two, 64..65536; default 1024.
    virtual Result<void> configure_replay_window(AssociationId id, uint32_t size) = 0;
    // Whether chunks with the R bit are considered at all (agreed restart).
    virtual Result<void> set_restart_supported(AssociationId id, bool supported) = 0;

    // --- protected restart --------------------------------------------------------------------
    // Chunks with the R bit between these addresses (and the association's ports) whose tag names
    // no association are given to this one. already_exists: another has the path.
    virtual Result<void> set_restart_path(AssociationId id, const IpAddress& local,
                                          const IpAddress& peer) = 0;
    // No such chunks any more: the association has ended, its keys may stay a while.
    virtual void clear_restart_path(AssociationId id) = 0;
    // The peer's restart: the restart keys of this epoch and the path go over to a new association
    // with new tags, same ports and same worker, which has those keys only, sends under them and
    // accepts nothing in clear but INIT and INIT ACK; the old one is gone. not_found without both
    // keys; after any error nothing is changed.
    [[nodiscard]] virtual Result<AssociationId> restart(AssociationId id, uint32_t local_tag,
                                                        uint32_t peer_tag, uint16_t epoch) = 0;

    // --- draft: counters ----------------------------------------------------------------------
    [[nodiscard]] virtual Result<std::vector<EpochStatistics>> statistics(
        AssociationId id) const = 0;
    // True once a record of the association has been opened under the epoch. Cheap.
    [[nodiscard]] virtual bool has_opened(AssociationId id, KeyRole role, uint16_t epoch) const = 0;

    // --- memory -------------------------------------------------------------------------------
    // Frees what no worker can see any more. Call from the control loop.
    virtual void reclaim() = 0;
    // Things removed but not freed yet.
    [[nodiscard]] virtual size_t awaiting_reclaim() const = 0;
    // Workers register as readers and report quiescent states on it. Thread safe.
    [[nodiscard]] virtual rte_rcu_qsbr* quiescence() = 0;
    // Read side for the workers.
    [[nodiscard]] virtual const class AssociationTable& table() const = 0;
    [[nodiscard]] virtual class AssociationTable& table() = 0;

    // --- lab key log --------------------------------------------------------------------------
    // Called for every key that is established. tag_on_wire is the verification tag that the
    // records carry: the peer's for send keys, ours for receive keys. Unset by default.
    using KeyLog = std::function<void(uint32_t tag_on_wire, uint16_t epoch, KeyRole role,
                                      const record::KeyMaterial& material)>;
    virtual void set_key_log(KeyLog log) = 0;
    // The peer's tag, needed by the key log only; set when known.
    virtual Result<void> set_peer_tag(AssociationId id, uint32_t peer_tag) = 0;

 protected:
    ChunkProtection() = default;
};

}  // namespace sdg::keys
