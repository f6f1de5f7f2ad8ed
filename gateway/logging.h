// Where log lines go and how they look: standard error, text or one JSON object per line.
#pragma once

#include "config/configuration.h"

namespace sdg::gateway {

// Call once, before any module logs.
void set_up_logging(const config::Log& settings);

}  // namespace sdg::gateway
