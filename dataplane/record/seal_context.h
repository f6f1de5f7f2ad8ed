// The sending half of a DTLS key context: expanded keys, the next record number, and q.
//
// Life: made by the control thread, published to one worker (the association's owner) by a release
// store, destroyed by the control thread after that worker has let go of it. Only that worker seals
// with it. A context has no way to take other keys: new keys are a new context, so a number can
// never be used twice under one key.
//
// Who writes, who reads:
//   keys, epoch, restart, limit   control thread before publication; anybody afterwards
//   next sequence                 the owner worker, through RecordEngine; anybody (counters)
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/record/architecture.h"
#include "dataplane/record/key_material.h"
#include "dataplane/record/key_schedule.h"
#include "foundation/key_memory.h"
#include "foundation/result.h"

namespace sdg::record {

class alignas(128) SealContext final : public InKeyMemory<SealContext> {
 public:
    struct Options {
        Architecture architecture = Architecture::best;
        AeadProvider* provider = nullptr;  // null: IPsec-MB; else it outlives the context
        uint64_t first_sequence = 0;       // tests and vectors only; 0 in use
        uint64_t seal_limit = 0;           // records; 0: the suite's
    };
    // Errors: invalid_argument (material, options), unavailable (architecture).
    [[nodiscard]] static Result<std::unique_ptr<SealContext>> create(const KeyMaterial& material,
                                                                     uint16_t epoch, bool restart,
                                                                     const Options& options);
    [[nodiscard]] static Result<std::unique_ptr<SealContext>> create(const KeyMaterial& material,
                                                                     uint16_t epoch, bool restart) {
        return create(material, epoch, restart, Options{});
    }
    SealContext(const SealContext&) = delete;
    SealContext& operator=(const SealContext&) = delete;

    [[nodiscard]] Suite suite() const { return keys_.suite; }
    [[nodiscard]] uint16_t epoch() const { return epoch_; }
    // R of the chunks that carry its records.
    [[nodiscard]] bool restart() const { return restart_; }

    // q: records sealed so far. Any thread.
    [[nodiscard]] uint64_t sealed() const {
        return next_sequence_.load(std::memory_order_relaxed) - first_sequence_;
    }
    // Octets of those records. Any thread.
    [[nodiscard]] uint64_t sealed_octets() const { return octets_.load(std::memory_order_relaxed); }
    // Records that may be sealed in all; kNoLimit when the suite has no reachable limit.
    [[nodiscard]] uint64_t seal_limit() const { return seal_limit_; }
    [[nodiscard]] bool used() const { return sealed() != 0; }
    // The number of the next record. Any thread.
    [[nodiscard]] uint64_t next_sequence() const {
        return next_sequence_.load(std::memory_order_relaxed);
    }

    // Bring into the cache what RecordEngine needs first, and what its AEAD needs for a record of
    // at most that length. It does so itself for the records it is about to look at; doing it
    // earlier helps when many associations take turns.
    [[gnu::always_inline]] inline void prefetch() const {
        __builtin_prefetch(&next_sequence_, 1);
        keys_.prefetch_number_key();
    }
    [[gnu::always_inline]] inline void prefetch_aead_key(uint32_t record_length) const {
        keys_.prefetch_aead_key(record_length);
    }

 private:
    friend class RecordEngine;
    SealContext() = default;

    // The state lies next to the first line of the keys: a packet needs both, and processors fetch
    // lines in pairs.
    std::atomic<uint64_t> next_sequence_{0};  // single writer: plain loads and stores
    std::atomic<uint64_t> octets_{0};         // the same writer
    uint64_t end_sequence_ = 0;               // first number that may not be used: limit or 2^48
    uint64_t first_sequence_ = 0;
    uint64_t seal_limit_ = 0;
    uint16_t epoch_ = 0;
    bool restart_ = false;
    alignas(64) KeySchedule keys_;
};

}  // namespace sdg::record
