// AEADs that go through the cipher library's job queue: ChaCha20-Poly1305 and AES-CCM.
//
// They are faster there than by their direct calls (ChaCha20-Poly1305) or have none (CCM). One
// thread; the queue is empty before and after.
#pragma once

#include <cstdint>

#include "dataplane/record/key_schedule.h"

namespace sdg::record {

struct AeadJob {
    const KeySchedule* keys;
    uint8_t* text;         // in place
    uint32_t length;       // octets, without the tag
    const uint8_t* nonce;  // 12 octets
    const uint8_t* aad;    // aad_length octets
    uint32_t aad_length;
    uint8_t* tag;  // 16 octets: computed, never compared
};

// Both answer false when the library refused a job, which means that its parameters were wrong (a
// mistake of ours): all of the batch is then to be taken as failed.
[[nodiscard]] bool submit_aead_job(IMB_MGR* library, const AeadJob& job, Direction direction);
// Waits for every job submitted.
[[nodiscard]] bool finish_aead_jobs(IMB_MGR* library);

}  // namespace sdg::record
