// The file of a SqliteStore: where it may be, who may use it, how a new one comes about. Internal.
#pragma once

#include <filesystem>

#include "control/restart/sqlite_database.h"

namespace sdg::restart {

inline constexpr int64_t kApplicationId = 0x53445253;  // "SDRS"
inline constexpr int64_t kUserVersion = 1;

// Checks directory and file, makes a new one when there is none, opens it, checks that it is ours
// and not damaged, and sets the connection up.
[[nodiscard]] Result<Database> open_store_file(const std::filesystem::path& path,
                                               std::chrono::milliseconds busy_timeout);

}  // namespace sdg::restart
