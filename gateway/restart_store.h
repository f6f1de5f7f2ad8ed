// The restart store of a configuration: opened, with its keys loaded and its group acquired.
#pragma once

#include <filesystem>
#include <memory>

#include "config/configuration.h"
#include "control/restart/keeper.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/result.h"
#include "foundation/wall_clock.h"

namespace sdg::gateway {

// Blocks: start-up and operator's commands. The error names what to look at. random and the clocks
// outlive what is returned. Not across fork().
[[nodiscard]] Result<std::unique_ptr<restart::RestartStore>> open_restart_store(
    const config::Restart& settings, const Clock& clock, const WallClock& wall_clock,
    Random& random);

// already_exists: another owner has the group, see config::Restart::standby.
[[nodiscard]] Result<std::unique_ptr<restart::Keeper>> open_keeper(const config::Restart& settings,
                                                                   size_t associations,
                                                                   const Clock& clock,
                                                                   const WallClock& wall_clock,
                                                                   Random& random);

// Makes the key of restart.key's token: a new file restart.key.wrapped_file, whose name is
// returned.
[[nodiscard]] Result<std::filesystem::path> make_restart_key(const config::Restart& settings,
                                                             Random& random);

// Seals every row of the store under the active key. Returns how many.
[[nodiscard]] Result<size_t> rotate_restart_keys(const config::Restart& settings,
                                                 const Clock& clock, const WallClock& wall_clock,
                                                 Random& random);

}  // namespace sdg::gateway
