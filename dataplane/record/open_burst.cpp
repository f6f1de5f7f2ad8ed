// Opening: the masks of all records, then a pipeline over them; only a verdict moves state.
//
// A record's number and nonce are worked out two steps before its AEAD reads them (see
// seal_burst.cpp for why). Records of the job queue get their verdicts, in the order of the burst,
// when the queue has been worked off.
#include <cstring>

#include "dataplane/record/aead_jobs.h"
#include "dataplane/record/engine_scratch.h"
#include "dataplane/record/record_number.h"

namespace sdg::record {
namespace {

// Constant time: sixteen octets, always all of them.
bool tags_equal(const uint8_t* a, const uint8_t* b) {
    std::array<uint64_t, 2> left;
    std::array<uint64_t, 2> right;
    static_assert(sizeof left == kTagLength);
    std::memcpy(left.data(), a, kTagLength);
    std::memcpy(right.data(), b, kTagLength);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

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

// Computes the masks of all well-formed records; the others are malformed.
inline void RecordEngine::compute_masks(std::span<OpenRequest> requests) {
    NumberMasks& masks = scratch_->masks;
    const OpenContext* previous = nullptr;
    uint32_t count = 0;
    for (OpenRequest& request : requests) {
        const OpenContext& context = *request.context;
        if (&context != previous) {
            previous = &context;
            context.prefetch(request.record_length);
        }
        // Every request has a context.  NOLINTNEXTLINE(clang-analyzer-core.NullDereference)
        if (is_well_formed(request, context.keys_.header)) [[likely]] {
            request.outcome = OpenOutcome::opened;  // until something speaks against it
            masks.set(count++, context.keys_, request.record + kRecordHeader);
        } else {
            request.outcome = OpenOutcome::malformed;
        }
    }
    masks.run(scratch_->library.get(), count);
}

// Full number and nonce; the header is left as additional data, with the number in clear.
inline void RecordEngine::prepare(OpenRequest& request, uint32_t mask, NonceSlot& nonce) {
    const OpenContext& context = *request.context;
    const uint16_t number = scratch_->masks.apply(mask, request.record + 1);
    const uint64_t sequence =
        reconstruct_record_number(__builtin_bswap16(number), context.window_.next_expected());
    request.sequence = sequence;
    write_nonce(context.keys_, sequence, nonce);
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
inline void RecordEngine::give_verdict(OpenRequest& request, const uint8_t* tag) {
    OpenContext& context = *request.context;
    const uint8_t* received = request.record + request.record_length - kTagLength;
    if (!tags_equal(tag, received)) [[unlikely]] {
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
    Scratch& scratch = *scratch_;
    IMB_MGR* library = scratch.library.get();
    compute_masks(requests);

    bool any_job = false;
    bool jobs_fine = true;
    const auto process = [&](OpenRequest& request, size_t i) {
        request.outcome = admit(request);
        if (request.outcome != OpenOutcome::opened) [[unlikely]] {
            return;
        }
        const KeySchedule& keys = request.context->keys_;
        uint8_t* text = request.record + kRecordHeader;
        const uint32_t length = inner_length(request);
        const uint8_t* nonce = scratch.nonces[i].octets;
        uint8_t* tag = scratch.tags[i].data();
        if (keys.gcm != nullptr) [[likely]] {
            keys.gcm(&keys.aead.gcm_key, &scratch.gcm, text, text, length, nonce, request.record,
                     kRecordHeader, tag, kTagLength);
            give_verdict(request, tag);
        } else {
            const AeadJob job{&keys, text, length, nonce, request.record, kRecordHeader, tag};
            jobs_fine = submit_aead_job(library, job, Direction::open) && jobs_fine;
            any_job = true;
        }
    };

    const size_t count = requests.size();
    uint32_t masked = 0;
    const auto start = [&](size_t i) {
        if (requests[i].outcome == OpenOutcome::opened) [[likely]] {
            prepare(requests[i], masked++, scratch.nonces[i]);
        }
    };
    for (size_t step = 0; step < count + kAhead; ++step) {
        if (step < count) [[likely]] {
            start(step);
        }
        if (step >= kAhead && requests[step - kAhead].outcome == OpenOutcome::opened) [[likely]] {
            process(requests[step - kAhead], step - kAhead);
        }
    }
    if (!any_job) {
        return;
    }
    jobs_fine = finish_aead_jobs(library) && jobs_fine;
    for (size_t i = 0; i < count; ++i) {
        OpenRequest& request = requests[i];
        if (request.outcome != OpenOutcome::opened || request.context->keys_.gcm != nullptr) {
            continue;
        }
        // Asked again: an earlier one of the burst may have been a copy, or the last failure.
        request.outcome = jobs_fine ? admit(request) : OpenOutcome::forged;
        if (request.outcome == OpenOutcome::opened) {
            give_verdict(request, scratch.tags[i].data());
        }
    }
}

}  // namespace sdg::record
