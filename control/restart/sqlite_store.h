// RestartStore in a SQLite file: the store of one host, for any number of processes on it.
//
// WAL with synchronous=FULL: a write that has returned survives the process and, on a disk that
// honours flushes, the power. A file system on the network is not for it. Old rows are overwritten
// with zeros in the file, their ciphertext may stay in the WAL until it is reused.
//
// The file is made complete beside its place and then linked there, so there is never half a store;
// a file that is empty or truncated is an error and not a new store.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>

#include "control/restart/store.h"
#include "foundation/random.h"

namespace sdg::restart {

struct SqliteSettings {
    // Its directory exists, belongs to the effective user or root, and nobody else may write there.
    std::filesystem::path path;
    // The longest wait for another process's write.
    std::chrono::milliseconds busy_timeout{2000};
};

// Makes the file (mode 0600) when there is none. Beside the errors of every call: not_found (no
// directory), permission_denied (rights of directory or file, or a row under a key the ring lacks),
// corrupt (damaged, or a file of another program), invalid_argument (made by a later version).
// random and wall_clock outlive the store. Not across fork().
[[nodiscard]] Result<std::unique_ptr<RestartStore>> open_sqlite_store(
    const SqliteSettings& settings, KeyRing ring, Random& random, const WallClock& wall_clock);

}  // namespace sdg::restart
