// What a RecordEngine works with between the steps of a burst. Internal to dataplane/record.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/record/aead.h"
#include "dataplane/record/number_mask.h"
#include "dataplane/record/record.h"
#include "foundation/secret_bytes.h"

namespace sdg::record {

// How many records ahead of its AEAD a key is brought into the cache, when keys take turns.
inline constexpr size_t kPrefetchAhead = 4;

// Nonce of a record: IV xor the number, left-padded (RFC 8446, section 5.3).
inline void write_nonce(const KeySchedule& keys, uint64_t sequence, AeadJob& job) {
    const uint64_t low = __builtin_bswap64(keys.iv_low ^ sequence);
    std::memcpy(job.nonce.data(), &keys.iv_high, sizeof keys.iv_high);
    std::memcpy(job.nonce.data() + sizeof keys.iv_high, &low, sizeof low);
}

struct RecordEngine::Scratch {
    ~Scratch() {
        wipe(&gcm, sizeof gcm);
        wipe(jobs.data(), sizeof jobs);  // nonces tell the IV
        wipe(queued.data(), sizeof queued);
    }

    IpsecMb library;  // of the masks
    std::unique_ptr<AeadBatch> aead;
    alignas(64) gcm_context_data gcm{};
    NumberMasks masks;
    std::array<AeadJob, kMaxBurst> jobs;  // by request
    alignas(64) std::array<std::array<uint8_t, kTagLength>, kMaxBurst> tags{};
    // Jobs that are not for a direct call, next to each other, and whose they are.
    std::array<AeadJob, kMaxBurst> queued;
    std::array<uint8_t, kMaxBurst> queued_request;
};

template <class Request>
bool RecordEngine::masks_singly(std::span<Request> requests) {
    size_t changes = 0;
    for (size_t i = 1; i < requests.size(); ++i) {
        changes += requests[i].context != requests[i - 1].context ? 1 : 0;
    }
    return changes != 0 && requests[0].context->keys_.key_length == 16;
}

}  // namespace sdg::record
