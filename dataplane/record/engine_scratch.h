// What a RecordEngine works with between the passes over a burst. Internal to dataplane/record.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/record/number_mask.h"
#include "dataplane/record/record.h"

namespace sdg::record {

struct RecordEngine::Scratch {
    ~Scratch();

    IpsecMb library;
    alignas(64) gcm_context_data gcm{};
    NumberMasks masks;
    // Written in one pass and read in a later one: a load right behind the smaller stores that make
    // up a nonce would wait for them.
    alignas(64) std::array<std::array<uint8_t, 16>, kMaxBurst> nonces{};
    alignas(64) std::array<std::array<uint8_t, kTagLength>, kMaxBurst> tags{};
    std::array<uint8_t, kMaxBurst> chosen{};  // indices of requests that go on to the next pass
    std::array<uint8_t, kMaxBurst> queued{};  // indices of requests in the job queue
};

}  // namespace sdg::record
