// Sealing: number and nonce for all, then the AEAD for all, then the masks for all (a mask needs
// the ciphertext).
#include <cstring>

#include "dataplane/record/aead_jobs.h"
#include "dataplane/record/engine_scratch.h"

namespace sdg::record {
namespace {

bool fits(const SealRequest& request) {
    return request.content_length - 1 < kMaxContent && request.dtls_padding <= kMaxDtlsPadding &&
           record_length(request.content_length, request.dtls_padding) <= request.room;
}

// Header with the number in clear, which is the additional data, and the end of the plaintext.
void write_plain_record(const SealRequest& request, uint8_t header, uint64_t sequence) {
    uint8_t* record = request.record;
    record[0] = header;
    record[1] = static_cast<uint8_t>(sequence >> 8);
    record[2] = static_cast<uint8_t>(sequence);
    uint8_t* end = record + kRecordHeader + request.content_length;
    *end = kContentTypeApplicationData;
    if (request.dtls_padding != 0) {
        std::memset(end + 1, 0, request.dtls_padding);
    }
}

uint32_t inner_length(const SealRequest& request) {
    return request.content_length + 1 + request.dtls_padding;
}

}  // namespace

void RecordEngine::seal_burst(std::span<SealRequest> requests) {
    Scratch& scratch = *scratch_;
    uint32_t chosen = 0;
    uint32_t queued = 0;
    const SealContext* previous = nullptr;
    for (uint32_t i = 0; i < requests.size(); ++i) {
        SealRequest& request = requests[i];
        SealContext& context = *request.context;
        if (!fits(request)) [[unlikely]] {
            request.outcome = SealOutcome::too_long;
            continue;
        }
        if (&context != previous) {
            context.prefetch();
            previous = &context;
        }
        const uint64_t sequence = context.next_sequence_.load(std::memory_order_relaxed);
        if (sequence >= context.end_sequence_) [[unlikely]] {
            request.outcome = SealOutcome::seal_limit;
            continue;
        }
        context.next_sequence_.store(sequence + 1, std::memory_order_relaxed);
        request.outcome = SealOutcome::sealed;
        request.record_length = record_length(request.content_length, request.dtls_padding);
        write_plain_record(request, context.keys_.header, sequence);
        context.keys_.write_nonce(sequence, scratch.nonces[i].data());
        scratch.chosen[chosen++] = static_cast<uint8_t>(i);
    }

    bool jobs_fine = true;
    for (uint32_t n = 0; n < chosen; ++n) {
        const uint32_t i = scratch.chosen[n];
        const SealRequest& request = requests[i];
        const KeySchedule& keys = request.context->keys_;
        uint8_t* text = request.record + kRecordHeader;
        const uint32_t length = inner_length(request);
        if (keys.gcm != nullptr) [[likely]] {
            keys.gcm(&keys.aead.gcm_key, &scratch.gcm, text, text, length, scratch.nonces[i].data(),
                     request.record, kRecordHeader, text + length, kTagLength);
        } else {
            const AeadJob job{&keys,          text,          length,       scratch.nonces[i].data(),
                              request.record, kRecordHeader, text + length};
            jobs_fine = submit_aead_job(scratch.library.get(), job, Direction::seal) && jobs_fine;
            scratch.queued[queued++] = static_cast<uint8_t>(i);
        }
    }
    if (queued != 0) {
        jobs_fine = finish_aead_jobs(scratch.library.get()) && jobs_fine;
        for (uint32_t n = 0; !jobs_fine && n < queued; ++n) {
            requests[scratch.queued[n]].outcome = SealOutcome::failed;
        }
    }

    scratch.masks.clear();
    for (uint32_t n = 0; n < chosen; ++n) {
        const SealRequest& request = requests[scratch.chosen[n]];
        scratch.masks.add(request.context->keys_, request.record + kRecordHeader);
    }
    scratch.masks.run(scratch.library.get());
    for (uint32_t n = 0; n < chosen; ++n) {
        uint8_t* number = requests[scratch.chosen[n]].record + 1;
        uint16_t value = 0;
        std::memcpy(&value, number, sizeof value);
        value ^= scratch.masks.mask(n);
        std::memcpy(number, &value, sizeof value);
    }
}

}  // namespace sdg::record
