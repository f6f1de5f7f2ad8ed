// Runs vectors against the record layer, the key export and the negotiation.
#pragma once

#include <optional>
#include <string>

#include "dataplane/record/architecture.h"
#include "tools/dtls-chunk-vectors/vector_file.h"

namespace sdg::vectors {

// What went wrong, or nothing.
using Failure = std::optional<std::string>;

// Sealing must give exactly the chunk, opening exactly the content and the number, and the chunk
// with a bit turned over must not open.
[[nodiscard]] Failure check(const RecordVector& vector, record::Architecture architecture);
[[nodiscard]] Failure check(const ExportVector& vector);
[[nodiscard]] Failure check(const NegotiationVector& vector);

}  // namespace sdg::vectors
