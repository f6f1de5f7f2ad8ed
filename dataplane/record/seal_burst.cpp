// Sealing: a pipeline over the requests, then what goes through the AEAD's batch interface, then
// the masks of all records (a mask needs the ciphertext).
//
// AES-GCM's direct calls are made here and not behind AeadBatch: a request is made ready two steps
// before its call, in the shadow of the calls in between, which wait mostly for themselves. In
// passes of their own the same work costs 2 to 3 ns a record. The distance also keeps the calls'
// wide loads away from the smaller stores of header and nonce, for which they would wait.
#include <algorithm>
#include <cstring>

#include "dataplane/record/engine_scratch.h"

namespace sdg::record {
namespace {

// Octets of the record, or 0 when it cannot be made.
uint32_t length_if_fits(const SealRequest& request) {
    const uint32_t length = record_length(request.content_length, request.dtls_padding);
    const bool fits = request.content_length - 1 < kMaxContent &&
                      request.dtls_padding <= kMaxDtlsPadding && length <= request.room;
    return fits ? length : 0;
}

}  // namespace

// Gives the request its number and makes its job, or says why not.
inline void RecordEngine::prepare(SealRequest& request, AeadJob& job) {
    SealContext& context = *request.context;
    const uint32_t length = length_if_fits(request);
    const uint64_t sequence = context.next_sequence_.load(std::memory_order_relaxed);
    request.record_length = length;
    if (length == 0 || sequence >= context.end_sequence_) [[unlikely]] {
        request.outcome = length == 0 ? SealOutcome::too_long : SealOutcome::seal_limit;
        return;
    }
    context.next_sequence_.store(sequence + 1, std::memory_order_relaxed);
    context.octets_.store(context.octets_.load(std::memory_order_relaxed) + length,
                          std::memory_order_relaxed);
    request.outcome = SealOutcome::sealed;
    write_nonce(context.keys_, sequence, job);
    job.keys = &context.keys_;
    job.text = request.record + kRecordHeader;
    job.length = length - kRecordHeader - kTagLength;

    // The header with the number in clear is the additional data.
    uint8_t* content_type = job.text + request.content_length;
    const uint16_t number = __builtin_bswap16(static_cast<uint16_t>(sequence));
    request.record[0] = context.keys_.header;
    std::memcpy(request.record + 1, &number, sizeof number);
    *content_type = kContentTypeApplicationData;
    if (request.dtls_padding != 0) [[unlikely]] {
        std::memset(content_type + 1, 0, request.dtls_padding);
    }
}

void RecordEngine::seal_burst(std::span<SealRequest> requests) {
    for (; requests.size() > kMaxBurst; requests = requests.subspan(kMaxBurst)) {
        seal_burst(requests.first(kMaxBurst));
    }
    constexpr size_t kAhead = 2;
    constexpr uint32_t kMaskBehind = 2;
    Scratch& scratch = *scratch_;
    NumberMasks& masks = scratch.masks;
    const size_t count = requests.size();
    size_t queued = 0;
    uint32_t sampled = 0;

    const bool singly = masks_singly(requests);
    const SealContext* previous = nullptr;
    const auto prefetch = [&](size_t i) {
        if (requests[i].context != previous) {
            previous = requests[i].context;
            previous->prefetch();
            previous->prefetch_aead_key(requests[i].content_length);
        }
    };
    for (size_t i = 0; i < std::min(count, kPrefetchAhead); ++i) {
        prefetch(i);
    }
    const auto start = [&](size_t i) {
        if (i + kPrefetchAhead < count) [[likely]] {
            prefetch(i + kPrefetchAhead);
        }
        prepare(requests[i], scratch.jobs[i]);
    };
    uint32_t masked = 0;
    const auto mask_single = [&] {
        masks.run_single(scratch.library.get(), masked);
        masks.apply(masked++);
    };
    const auto protect = [&](size_t i) {
        if (requests[i].outcome != SealOutcome::sealed) [[unlikely]] {
            return;
        }
        const AeadJob& job = scratch.jobs[i];
        const KeySchedule& keys = *job.keys;
        if (keys.gcm == nullptr) [[unlikely]] {
            scratch.queued_request[queued] = static_cast<uint8_t>(i);
            scratch.queued[queued++] = job;
            return;
        }
        keys.gcm(&keys.aead.gcm_key, &scratch.gcm, job.text, job.text, job.length, job.nonce.data(),
                 job.text - kRecordHeader, kRecordHeader, job.text + job.length, kTagLength);
        masks.set(sampled++, keys, job.text);
        if (singly && sampled > kMaskBehind) {
            mask_single();
        }
    };
    for (size_t step = 0; step < count + kAhead; ++step) {
        if (step < count) [[likely]] {
            start(step);
        }
        if (step >= kAhead) [[likely]] {
            protect(step - kAhead);
        }
    }

    if (queued > 0) {
        scratch.aead->seal({scratch.queued.data(), queued});
        for (size_t i = 0; i < queued; ++i) {
            const AeadJob& job = scratch.queued[i];
            if (job.fine) [[likely]] {
                masks.set(sampled++, *job.keys, job.text);
            } else {
                requests[scratch.queued_request[i]].outcome = SealOutcome::failed;
            }
        }
    }
    if (singly) {
        while (masked < sampled) {
            mask_single();
        }
        return;
    }
    masks.run(scratch.library.get(), sampled);
    for (uint32_t i = 0; i < sampled; ++i) {
        masks.apply(i);
    }
}

}  // namespace sdg::record
