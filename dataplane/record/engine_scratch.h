// What a RecordEngine works with between the passes over a burst. Internal to dataplane/record.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/record/number_mask.h"
#include "dataplane/record/record.h"

namespace sdg::record {

// Aligned so that a nonce is one load.
struct alignas(16) NonceSlot {
    uint8_t octets[16];
};

// Nonce of a record: IV xor the number, left-padded (RFC 8446, section 5.3).
inline void write_nonce(const KeySchedule& keys, uint64_t sequence, NonceSlot& nonce) {
    const uint64_t low = __builtin_bswap64(keys.iv_low ^ sequence);
    std::memcpy(nonce.octets, &keys.iv_high, sizeof keys.iv_high);
    std::memcpy(nonce.octets + sizeof keys.iv_high, &low, sizeof low);
}

struct RecordEngine::Scratch {
    ~Scratch();

    IpsecMb library;
    alignas(64) gcm_context_data gcm{};
    NumberMasks masks;
    // Written in one pass and read in a later one: a load right behind the smaller stores that make
    // up a nonce would wait for them.
    alignas(64) std::array<NonceSlot, kMaxBurst> nonces{};
    alignas(64) std::array<std::array<uint8_t, kTagLength>, kMaxBurst> tags{};
};

}  // namespace sdg::record
