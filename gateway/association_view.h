// One relayed association as the operator sees it. Control thread.
#pragma once

#include <nlohmann/json.hpp>

#include "control/relay/pair.h"
#include "dataplane/keys/chunk_protection.h"

namespace sdg::gateway {

// For lists: id, listener, backend, state, both peers, messages.
[[nodiscard]] nlohmann::json association_line(const relay::Pair& pair, TimePoint now);
// Everything: association_line() and both legs with their keys and paths.
[[nodiscard]] nlohmann::json association_view(const relay::Pair& pair,
                                              const keys::ChunkProtection& protection,
                                              TimePoint now);

}  // namespace sdg::gateway
