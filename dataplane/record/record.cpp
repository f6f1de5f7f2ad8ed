#include "dataplane/record/record.h"

#include "dataplane/record/engine_scratch.h"

namespace sdg::record {

std::string_view name(SealOutcome outcome) {
    switch (outcome) {
        case SealOutcome::sealed:
            return "sealed";
        case SealOutcome::too_long:
            return "too_long";
        case SealOutcome::seal_limit:
            return "seal_limit";
        case SealOutcome::failed:
            return "failed";
    }
    return "unknown";
}

std::string_view name(OpenOutcome outcome) {
    switch (outcome) {
        case OpenOutcome::opened:
            return "opened";
        case OpenOutcome::malformed:
            return "malformed";
        case OpenOutcome::open_limit:
            return "open_limit";
        case OpenOutcome::replayed:
            return "replayed";
        case OpenOutcome::forged:
            return "forged";
        case OpenOutcome::bad_content:
            return "bad_content";
    }
    return "unknown";
}

RecordEngine::RecordEngine() : scratch_(std::make_unique<Scratch>()) {
}

RecordEngine::~RecordEngine() = default;

Result<std::unique_ptr<RecordEngine>> RecordEngine::create(Architecture architecture,
                                                           std::unique_ptr<AeadBatch> aead) {
    auto library = make_ipsec_mb(architecture);
    if (!library) {
        return tl::unexpected{std::move(library).error()};
    }
    if (aead == nullptr) {
        auto made = make_ipsec_mb_aead(architecture);
        if (!made) {
            return tl::unexpected{std::move(made).error()};
        }
        aead = std::move(*made);
    }
    std::unique_ptr<RecordEngine> engine{new RecordEngine};
    engine->scratch_->library = std::move(*library);
    engine->scratch_->aead = std::move(aead);
    return engine;
}

}  // namespace sdg::record
