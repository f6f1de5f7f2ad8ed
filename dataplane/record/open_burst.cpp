// Opening: the masks of all records in one pass, then a pipeline over them, then what goes through
// the AEAD's batch interface; only a verdict moves state.
//
// A record's number and nonce are worked out two steps before its AEAD reads them (see
// seal_burst.cpp for why). Records of the batch interface get their verdicts when all the others
// have theirs, in the order of the burst; one context's records all go one way.
#include <algorithm>
#include <cstring>

#include "dataplane/record/engine_scratch.h"
#include "dataplane/record/record_number.h"
#include "dataplane/record/tag.h"

namespace sdg::record {
namespace {

void increment(std::atomic<uint64_t>& counter, uint64_t by = 1) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

bool is_well_formed(const OpenRequest& request, uint8_t header) {
    return request.record_length - kMinRecord <= kMaxRecord - kMinRecord &&
           request.record[0] == header;
}

uint32_t inner_length(const OpenRequest& request) {
    return request.record_length - kRecordHeader - kTagLength;
}

// The content ends before the last octet that is not zero, which is the content type.
void find_content(OpenRequest& request) {
    const uint8_t* content = request.record + kRecordHeader;
    uint32_t length = inner_length(request);
    while (content[length - 1] == 0)
        [[unlikely]] {
            if (--length == 0) {
                break;
            }
        }
    if (length - 2 > kMaxContent - 1 || content[length - 1] != kContentTypeApplicationData)
        [[unlikely]] {
        request.content_length = 0;
        request.outcome = OpenOutcome::bad_content;
        return;
    }
    request.content_length = length - 1;
}

}  // namespace

// Takes the samples of all well-formed records; the others are malformed.
inline uint32_t RecordEngine::take_samples(std::span<OpenRequest> requests) {
    NumberMasks& masks = scratch_->masks;
    uint32_t count = 0;
    for (OpenRequest& request : requests) {
        const OpenContext& context = *request.context;
        // Every request has a context.  NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
        if (is_well_formed(request, context.keys_.header)) [[likely]] {
            request.outcome = OpenOutcome::opened;  // until something speaks against it
            masks.set(count++, context.keys_, request.record + kRecordHeader);
        } else {
            request.outcome = OpenOutcome::malformed;
        }
    }
    return count;
}

// Full number and nonce; the header is left as additional data, with the number in clear.
inline void RecordEngine::prepare(OpenRequest& request, uint32_t mask, AeadJob& job) {
    const OpenContext& context = *request.context;
    const uint16_t number = scratch_->masks.apply(mask);
    const uint64_t sequence =
        reconstruct_record_number(__builtin_bswap16(number), context.window_.next_expected());
    request.sequence = sequence;
    write_nonce(context.keys_, sequence, job);
    __builtin_prefetch(context.window_.word_at(sequence), 1);
}

// What the limit and the replay window say.
inline OpenOutcome RecordEngine::admit(const OpenRequest& request) {
    const OpenContext& context = *request.context;
    if (context.failed_.load(std::memory_order_relaxed) >= context.failure_limit_) [[unlikely]] {
        return OpenOutcome::open_limit;
    }
    if (!context.window_.check(request.sequence)) [[unlikely]] {
        return OpenOutcome::replayed;
    }
    return OpenOutcome::opened;
}

// Precondition: admit() has just said opened.
inline void RecordEngine::give_verdict(OpenRequest& request, bool authentic) {
    OpenContext& context = *request.context;
    if (!authentic) [[unlikely]] {
        request.outcome = OpenOutcome::forged;
        increment(context.failed_);
        return;
    }
    context.window_.commit(request.sequence);
    increment(context.opened_);
    increment(context.octets_, request.record_length);
    find_content(request);
}

void RecordEngine::open_burst(std::span<OpenRequest> requests) {
    for (; requests.size() > kMaxBurst; requests = requests.subspan(kMaxBurst)) {
        open_burst(requests.first(kMaxBurst));
    }
    constexpr size_t kAhead = 2;
    constexpr uint32_t kMaskAhead = 2;
    Scratch& scratch = *scratch_;
    const size_t count = requests.size();
    const OpenContext* previous = nullptr;
    const auto prefetch = [&](size_t i) {
        if (requests[i].context != previous) {
            previous = requests[i].context;
            previous->prefetch_aead_key(requests[i].record_length);
        }
    };
    for (size_t i = 0; i < std::min(count, kPrefetchAhead); ++i) {
        prefetch(i);
    }
    const bool singly = masks_singly(requests);
    const uint32_t samples = take_samples(requests);
    uint32_t masks_ready = 0;
    if (singly) {
        while (masks_ready < std::min(samples, kMaskAhead)) {
            scratch.masks.run_single(scratch.library.get(), masks_ready++);
        }
    } else {
        scratch.masks.run(scratch.library.get(), samples);
    }

    size_t queued = 0;
    const auto process = [&](OpenRequest& request, size_t i) {
        request.outcome = admit(request);
        if (request.outcome != OpenOutcome::opened) [[unlikely]] {
            return;
        }
        const KeySchedule& keys = request.context->keys_;
        AeadJob& job = scratch.jobs[i];
        uint8_t* text = request.record + kRecordHeader;
        const uint32_t length = inner_length(request);
        if (keys.gcm == nullptr) [[unlikely]] {
            job.keys = &keys;
            job.text = text;
            job.length = length;
            scratch.queued_request[queued] = static_cast<uint8_t>(i);
            scratch.queued[queued++] = job;
            return;
        }
        uint8_t* tag = scratch.tags[i].data();
        keys.gcm(&keys.aead.gcm_key, &scratch.gcm, text, text, length, job.nonce.data(),
                 request.record, kRecordHeader, tag, kTagLength);
        give_verdict(request, tags_equal(tag, text + length));
    };

    uint32_t masked = 0;
    for (size_t step = 0; step < count + kAhead; ++step) {
        if (step + kPrefetchAhead < count) {
            prefetch(step + kPrefetchAhead);
        }
        if (singly && masks_ready < samples) {
            scratch.masks.run_single(scratch.library.get(), masks_ready++);
        }
        if (step < count && requests[step].outcome == OpenOutcome::opened) [[likely]] {
            prepare(requests[step], masked++, scratch.jobs[step]);
        }
        if (step >= kAhead && requests[step - kAhead].outcome == OpenOutcome::opened) [[likely]] {
            process(requests[step - kAhead], step - kAhead);
        }
    }
    if (queued == 0) {
        return;
    }
    scratch.aead->open({scratch.queued.data(), queued});
    for (size_t i = 0; i < queued; ++i) {
        OpenRequest& request = requests[scratch.queued_request[i]];
        // Asked again: an earlier one of the burst may have been a copy, or the last failure.
        request.outcome = admit(request);
        if (request.outcome == OpenOutcome::opened) {
            give_verdict(request, scratch.queued[i].fine);
        }
    }
}

}  // namespace sdg::record
