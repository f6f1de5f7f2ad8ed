// Opening: masks for all, numbers and nonces for all, then per record replay check, AEAD, commit.
#include <cstring>

#include "dataplane/record/aead_jobs.h"
#include "dataplane/record/engine_scratch.h"
#include "dataplane/record/record_number.h"

namespace sdg::record {
namespace {

void increment(std::atomic<uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Constant time: sixteen octets, always all of them.
bool tags_equal(const uint8_t* a, const uint8_t* b) {
    std::array<uint64_t, 2> left;
    std::array<uint64_t, 2> right;
    static_assert(sizeof left == kTagLength);
    std::memcpy(left.data(), a, kTagLength);
    std::memcpy(right.data(), b, kTagLength);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

bool is_well_formed(const OpenRequest& request, uint8_t header) {
    return request.record_length >= kMinRecord && request.record_length <= kMaxRecord &&
           request.record[0] == header;
}

uint32_t inner_length(const OpenRequest& request) {
    return request.record_length - kRecordHeader - kTagLength;
}

// The content ends before the last octet that is not zero, which is the content type.
void find_content(OpenRequest& request) {
    const uint8_t* content = request.record + kRecordHeader;
    uint32_t length = inner_length(request);
    while (length != 0 && content[length - 1] == 0) {
        --length;
    }
    if (length < 2 || length - 1 > kMaxContent ||
        content[length - 1] != kContentTypeApplicationData) {
        request.outcome = OpenOutcome::bad_content;
        return;
    }
    request.content_length = length - 1;
    request.outcome = OpenOutcome::opened;
}

}  // namespace

void RecordEngine::open_burst(std::span<OpenRequest> requests) {
    Scratch& scratch = *scratch_;
    uint32_t chosen = 0;
    uint32_t queued = 0;
    const OpenContext* previous = nullptr;
    scratch.masks.clear();
    for (uint32_t i = 0; i < requests.size(); ++i) {
        OpenRequest& request = requests[i];
        const OpenContext& context = *request.context;
        request.content_offset = kRecordHeader;
        request.content_length = 0;
        if (!is_well_formed(request, context.keys_.header)) [[unlikely]] {
            request.outcome = OpenOutcome::malformed;
            continue;
        }
        if (&context != previous) {
            context.prefetch();
            previous = &context;
        }
        scratch.masks.add(context.keys_, request.record + kRecordHeader);
        scratch.chosen[chosen++] = static_cast<uint8_t>(i);
    }
    scratch.masks.run(scratch.library.get());

    for (uint32_t n = 0; n < chosen; ++n) {
        const uint32_t i = scratch.chosen[n];
        OpenRequest& request = requests[i];
        const OpenContext& context = *request.context;
        uint16_t number = 0;
        std::memcpy(&number, request.record + 1, sizeof number);
        number ^= scratch.masks.mask(n);
        // The additional data has the number in clear.
        std::memcpy(request.record + 1, &number, sizeof number);
        request.sequence =
            reconstruct_record_number(__builtin_bswap16(number), context.window_.next_expected());
        context.keys_.write_nonce(request.sequence, scratch.nonces[i].data());
        __builtin_prefetch(context.window_.word_at(request.sequence));
    }

    const auto accept = [](OpenRequest& request, const uint8_t* tag) {
        OpenContext& context = *request.context;
        if (!tags_equal(tag, request.record + request.record_length - kTagLength)) [[unlikely]] {
            increment(context.failed_);
            request.outcome = OpenOutcome::forged;
            return;
        }
        context.window_.commit(request.sequence);
        increment(context.opened_);
        find_content(request);
    };

    bool jobs_fine = true;
    for (uint32_t n = 0; n < chosen; ++n) {
        const uint32_t i = scratch.chosen[n];
        OpenRequest& request = requests[i];
        OpenContext& context = *request.context;
        if (context.failed_.load(std::memory_order_relaxed) >= context.failure_limit_)
            [[unlikely]] {
            request.outcome = OpenOutcome::open_limit;
            continue;
        }
        if (!context.window_.check(request.sequence)) [[unlikely]] {
            request.outcome = OpenOutcome::replayed;
            continue;
        }
        const KeySchedule& keys = context.keys_;
        uint8_t* text = request.record + kRecordHeader;
        uint8_t* tag = scratch.tags[i].data();
        const uint32_t length = inner_length(request);
        if (keys.gcm != nullptr) [[likely]] {
            keys.gcm(&keys.aead.gcm_key, &scratch.gcm, text, text, length, scratch.nonces[i].data(),
                     request.record, kRecordHeader, tag, kTagLength);
            accept(request, tag);
        } else {
            const AeadJob job{&keys,          text,          length, scratch.nonces[i].data(),
                              request.record, kRecordHeader, tag};
            jobs_fine = submit_aead_job(scratch.library.get(), job, Direction::open) && jobs_fine;
            scratch.queued[queued++] = static_cast<uint8_t>(i);
        }
    }
    if (queued == 0) {
        return;
    }
    jobs_fine = finish_aead_jobs(scratch.library.get()) && jobs_fine;
    for (uint32_t n = 0; n < queued; ++n) {
        const uint32_t i = scratch.queued[n];
        OpenRequest& request = requests[i];
        // A copy of an earlier one of this burst shows only now; a failed batch opens nothing.
        if (!jobs_fine) {
            request.outcome = OpenOutcome::forged;
        } else if (!request.context->window_.check(request.sequence)) {
            request.outcome = OpenOutcome::replayed;
        } else {
            accept(request, scratch.tags[i].data());
        }
    }
}

}  // namespace sdg::record
