// Where log lines go and how they look: standard error (text, JSON, or with a priority for systemd)
// or the journal with fields; never more than the budget of gateway/log_budget.h.
#pragma once

#include <cstdint>

#include "config/configuration.h"

namespace sdg::gateway {

// Call once, before any module logs.
void set_up_logging(const config::Log& settings);
// The levels of all modules.
void set_log_levels(const config::Log& settings);
// Writes what has been suppressed meanwhile. Control thread, now and then.
void tell_suppressed_lines();
// All of it; before the end.
void tell_last_suppressed_lines();
// Lines that were not written since the start: over the budget, and because whoever reads standard
// error does not (LineOutput). Any thread.
[[nodiscard]] uint64_t suppressed_log_lines();
[[nodiscard]] uint64_t lost_log_lines();

}  // namespace sdg::gateway
