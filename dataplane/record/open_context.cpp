#include "dataplane/record/open_context.h"

namespace sdg::record {

Result<std::unique_ptr<OpenContext>> OpenContext::create(const KeyMaterial& material,
                                                         uint16_t epoch, bool restart,
                                                         const Options& options) {
    if (!ReplayWindow::is_valid_size(options.replay_window)) {
        return fail(ErrorCode::invalid_argument,
                    "replay window must be a power of two from {} to {}, not {}",
                    ReplayWindow::kMinSize, ReplayWindow::kMaxSize, options.replay_window);
    }
    if (options.next_expected > kMaxSequence) {
        return fail(ErrorCode::invalid_argument, "record numbers have 48 bits");
    }
    std::unique_ptr<OpenContext> context{
        new OpenContext{options.replay_window, options.next_expected}};
    if (auto expanded = expand_keys(context->keys_, material, epoch, Direction::open,
                                    options.architecture, options.provider);
        !expanded) {
        return tl::unexpected{std::move(expanded).error()};
    }
    context->epoch_ = epoch;
    context->restart_ = restart;
    context->failure_limit_ = options.open_failure_limit != 0
                                  ? options.open_failure_limit
                                  : traits(material.suite)->open_failure_limit;
    return context;
}

}  // namespace sdg::record
