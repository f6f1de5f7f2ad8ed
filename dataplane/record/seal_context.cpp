#include "dataplane/record/seal_context.h"

#include <algorithm>

namespace sdg::record {

Result<std::unique_ptr<SealContext>> SealContext::create(const KeyMaterial& material,
                                                         uint16_t epoch, bool restart,
                                                         const Options& options) {
    if (options.first_sequence > kMaxSequence) {
        return fail(ErrorCode::invalid_argument, "record numbers have 48 bits");
    }
    std::unique_ptr<SealContext> context{new SealContext};
    if (auto expanded = expand_keys(context->keys_, material, epoch, Direction::seal,
                                    options.architecture, options.provider);
        !expanded) {
        return tl::unexpected{std::move(expanded).error()};
    }
    const uint64_t limit =
        options.seal_limit != 0 ? options.seal_limit : traits(material.suite)->seal_limit;
    const uint64_t numbers_left = kMaxSequence + 1 - options.first_sequence;
    context->epoch_ = epoch;
    context->restart_ = restart;
    context->seal_limit_ = limit;
    context->first_sequence_ = options.first_sequence;
    context->end_sequence_ = options.first_sequence + std::min(limit, numbers_left);
    context->next_sequence_.store(options.first_sequence, std::memory_order_relaxed);
    return context;
}

}  // namespace sdg::record
