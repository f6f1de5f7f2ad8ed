// How sctp-gateway-ctl ends; also in its man page.
#pragma once

#include <fmt/format.h>

#include <cstdio>

#include "foundation/result.h"

namespace sdg::ctl {

inline constexpr int kRefused = 1;
inline constexpr int kWrongUse = 2;
inline constexpr int kUnreachable = 3;

// Says what is wrong; returns the exit code for it.
inline int complain(const Error& error) {
    fmt::print(stderr, "sctp-gateway-ctl: {}\n", error.message);
    return error.code == ErrorCode::refused ? kRefused : kUnreachable;
}

}  // namespace sdg::ctl
