// The receiving half of a DTLS key context: expanded keys, the replay window, and v.
//
// Life and ownership as of SealContext (seal_context.h): the control thread makes and destroys it,
// one worker opens with it, other keys are another context.
//
// Who writes, who reads:
//   keys, epoch, restart, limit     control thread before publication; anybody afterwards
//   replay window                   the owner worker only
//   opened, failed, replayed        the owner worker, through RecordEngine; anybody (counters)
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/record/architecture.h"
#include "dataplane/record/key_material.h"
#include "dataplane/record/key_schedule.h"
#include "dataplane/record/replay_window.h"
#include "foundation/key_memory.h"
#include "foundation/result.h"

namespace sdg::record {

class alignas(128) OpenContext final : public InKeyMemory<OpenContext> {
 public:
    struct Options {
        Architecture architecture = Architecture::best;
        AeadProvider* provider = nullptr;  // null: IPsec-MB; else it outlives the context
        uint32_t replay_window = ReplayWindow::kDefaultSize;  // records, power of two
        uint64_t next_expected = 0;                           // tests and vectors only; 0 in use
        uint64_t open_failure_limit = 0;                      // records; 0: the suite's
    };
    // Errors: invalid_argument (material, options), unavailable (architecture).
    [[nodiscard]] static Result<std::unique_ptr<OpenContext>> create(const KeyMaterial& material,
                                                                     uint16_t epoch, bool restart,
                                                                     const Options& options);
    [[nodiscard]] static Result<std::unique_ptr<OpenContext>> create(const KeyMaterial& material,
                                                                     uint16_t epoch, bool restart) {
        return create(material, epoch, restart, Options{});
    }
    OpenContext(const OpenContext&) = delete;
    OpenContext& operator=(const OpenContext&) = delete;

    [[nodiscard]] Suite suite() const { return keys_.suite; }
    [[nodiscard]] uint16_t epoch() const { return epoch_; }
    [[nodiscard]] bool restart() const { return restart_; }

    // Records that authenticated and were new. Any thread.
    [[nodiscard]] uint64_t opened() const { return opened_.load(std::memory_order_relaxed); }
    // Octets of those records. Any thread.
    [[nodiscard]] uint64_t opened_octets() const { return octets_.load(std::memory_order_relaxed); }
    // v: records that did not authenticate. Any thread.
    [[nodiscard]] uint64_t open_failed() const { return failed_.load(std::memory_order_relaxed); }
    [[nodiscard]] uint64_t open_failure_limit() const { return failure_limit_; }
    [[nodiscard]] bool used() const { return opened() != 0; }

    // Owner worker (or nobody else running): state of the window, for tests.
    [[nodiscard]] const ReplayWindow& replay_window() const { return window_; }

    // Bring into the cache what RecordEngine needs first, and what its AEAD needs for a record of
    // at most that length. It does so itself for the records it is about to look at; doing it
    // earlier helps when many associations take turns.
    [[gnu::always_inline]] inline void prefetch() const {
        __builtin_prefetch(&opened_, 1);
        keys_.prefetch_number_key();
    }
    [[gnu::always_inline]] inline void prefetch_aead_key(uint32_t record_length) const {
        keys_.prefetch_aead_key(record_length);
    }

 private:
    friend class RecordEngine;
    explicit OpenContext(uint32_t window_size, uint64_t next_expected)
        : window_(window_size, next_expected, usual_window_) {}

    // As in SealContext: state, then keys; the bits of the window come last.
    std::atomic<uint64_t> opened_{0};  // single writer: plain loads and stores
    std::atomic<uint64_t> octets_{0};  // single writer: plain loads and stores
    std::atomic<uint64_t> failed_{0};  // single writer: plain loads and stores
    uint64_t failure_limit_ = 0;
    uint16_t epoch_ = 0;
    bool restart_ = false;
    ReplayWindow window_;
    alignas(64) KeySchedule keys_;
    alignas(64) std::array<uint64_t, ReplayWindow::kDefaultSize / 64> usual_window_{};
};

}  // namespace sdg::record
