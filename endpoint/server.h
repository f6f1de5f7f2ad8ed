// The answering side: any number of associations, every message answered (endpoint/answer_book.h).
//
// One thread. Answers wait in memory while the peer takes none; past a bound the server stops
// reading that association, so a peer that only sends is slowed down, not buffered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "endpoint/answer_book.h"
#include "endpoint/transport_address.h"
#include "endpoint/wakeup.h"
#include "foundation/result.h"

namespace sdg::endpoint {

struct ServerOptions {
    TransportAddress listen;
    uint16_t streams = 64;
    // Lab behaviour: each association is aborted, or shut down, after so many messages; 0: never.
    size_t abort_after = 0;
    size_t shutdown_after = 0;
    std::chrono::milliseconds drain{5000};  // at SIGTERM, for associations to shut down
    std::optional<std::filesystem::path> summary;
};

struct ServerReport {
    size_t associations = 0;
    size_t messages = 0;
    size_t octets = 0;  // of the messages received
    size_t answers = 0;
    size_t ended_by_shutdown = 0;
    size_t ended_by_abort = 0;  // the peer's ABORT
    size_t lost = 0;
    size_t aborted_here = 0;
};

// Runs until SIGTERM or SIGINT, or an error at the start.
[[nodiscard]] Result<ServerReport> run_server(const ServerOptions& options, const AnswerBook& book,
                                              Wakeup& wakeup);

}  // namespace sdg::endpoint
