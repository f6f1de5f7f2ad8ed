// An invariant of a fuzz target: broken, the run ends and says where.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sdg::fuzz {

inline void require(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: does not hold\n", file, line);
        std::abort();
    }
}

}  // namespace sdg::fuzz
