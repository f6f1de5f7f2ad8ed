// StartLock: one gateway process of an owner and group on this host.
//
// An owner that starts again gets its group at once, whatever its lease says, and fences whoever
// had it. That is right after a crash and wrong while the other process lives: a second start by
// mistake would end it. So a process holds this lock before it touches the store, until it ends;
// the kernel takes it away with the process. Another host's processes are the lease's concern.
//
// A lock on a file beside an SQLite store; for Redis the name of an abstract Unix socket, of which
// each network namespace has its own.
#pragma once

#include <chrono>
#include <utility>

#include "config/configuration.h"
#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::gateway {

class StartLock {
 public:
    // already_exists, naming the process, when it still has the lock after `patience`: a process
    // that leaves its associations to the next one may need a moment to end. Where nothing can be
    // locked the log warns, and nothing is.
    [[nodiscard]] static Result<StartLock> take(
        const config::Restart& settings,
        std::chrono::milliseconds patience = std::chrono::seconds(3));

 private:
    explicit StartLock(Descriptor held) : held_(std::move(held)) {}

    Descriptor held_;
};

}  // namespace sdg::gateway
