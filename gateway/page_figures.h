// The figures of the status page: one JSON object with what the admin commands of the same names
// answer, and the time they were made at.
//
//   {"version": 1, "time_s": seconds since the start, "status": {...}, "workers": [...],
//    "ports": [...], "backends": [...], "certificates": [...],
//    "busiest": {"associations": [...], "total": n, "interval_s": s}}
//
// Bounded: at most Busiest::kMost associations. Control thread.
#pragma once

#include <string>

#include "gateway/admin_operations.h"

namespace sdg::gateway {

[[nodiscard]] std::string page_figures(const Gateway& gateway, AdminOperations& operations);

}  // namespace sdg::gateway
