// Sealing: a pipeline over the requests, then the masks of all of them (a mask needs the
// ciphertext).
//
// A request's header and nonce are written two steps before its AEAD reads them, and its sample is
// taken one step after: an AEAD call waits mostly for itself, so that the work on its neighbours
// costs little beside it, while a load right behind the smaller stores it depends on would wait.
#include <array>
#include <cstring>

#include "dataplane/record/aead_jobs.h"
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

// Gives the request its number and makes it ready for the AEAD, or says why not.
inline void RecordEngine::prepare(SealRequest& request, NonceSlot& nonce) {
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
    write_nonce(context.keys_, sequence, nonce);

    // The header with the number in clear is the additional data.
    uint8_t* record = request.record;
    uint8_t* content_type = record + kRecordHeader + request.content_length;
    const uint32_t padding = request.dtls_padding;
    const uint16_t number = __builtin_bswap16(static_cast<uint16_t>(sequence));
    record[0] = context.keys_.header;
    std::memcpy(record + 1, &number, sizeof number);
    *content_type = kContentTypeApplicationData;
    if (padding != 0) [[unlikely]] {
        std::memset(content_type + 1, 0, padding);
    }
}

void RecordEngine::seal_burst(std::span<SealRequest> requests) {
    for (; requests.size() > kMaxBurst; requests = requests.subspan(kMaxBurst)) {
        seal_burst(requests.first(kMaxBurst));
    }
    constexpr size_t kAhead = 2;
    Scratch& scratch = *scratch_;
    IMB_MGR* library = scratch.library.get();
    NumberMasks& masks = scratch.masks;
    const size_t count = requests.size();
    bool any_job = false;
    bool jobs_fine = true;

    const SealContext* previous = nullptr;
    const auto start = [&](size_t i) {
        if (requests[i].context != previous) {
            previous = requests[i].context;
            previous->prefetch(requests[i].content_length);
        }
        prepare(requests[i], scratch.nonces[i]);
    };
    uint32_t sampled = 0;
    const auto protect = [&](size_t i) {
        const SealRequest& request = requests[i];
        if (request.outcome != SealOutcome::sealed) [[unlikely]] {
            return;
        }
        const KeySchedule& keys = request.context->keys_;
        uint8_t* text = request.record + kRecordHeader;
        const uint32_t length = request.record_length - kRecordHeader - kTagLength;
        const uint8_t* nonce = scratch.nonces[i].octets;
        if (keys.gcm != nullptr) [[likely]] {
            keys.gcm(&keys.aead.gcm_key, &scratch.gcm, text, text, length, nonce, request.record,
                     kRecordHeader, text + length, kTagLength);
            masks.set(sampled++, keys, text);
        } else {
            const AeadJob job{&keys,          text,          length,       nonce,
                              request.record, kRecordHeader, text + length};
            jobs_fine = submit_aead_job(library, job, Direction::seal) && jobs_fine;
            any_job = true;
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
    if (any_job) {  // before the masks: they need the queue empty
        jobs_fine = finish_aead_jobs(library) && jobs_fine;
    }
    masks.run(library, sampled);
    sampled = 0;
    for (const SealRequest& request : requests) {
        if (request.outcome == SealOutcome::sealed && request.context->keys_.gcm != nullptr)
            [[likely]] {
            masks.apply(sampled++, request.record + 1);
        }
    }
    if (any_job) {
        mask_job_records(requests, jobs_fine);
    }
}

// The numbers of the records from the job queue, whose ciphertext comes last.
void RecordEngine::mask_job_records(std::span<SealRequest> requests, bool jobs_fine) {
    std::array<uint8_t*, kMaxBurst> records;
    uint32_t count = 0;
    for (SealRequest& request : requests) {
        if (request.outcome != SealOutcome::sealed || request.context->keys_.gcm != nullptr) {
            continue;
        }
        if (!jobs_fine) [[unlikely]] {
            request.outcome = SealOutcome::failed;
            continue;
        }
        records[count] = request.record;
        scratch_->masks.set(count++, request.context->keys_, request.record + kRecordHeader);
    }
    scratch_->masks.run(scratch_->library.get(), count);
    for (uint32_t i = 0; i < count; ++i) {
        scratch_->masks.apply(i, records[i] + 1);
    }
}

}  // namespace sdg::record
