// An invariant of a fuzz target: broken, the run ends.
#pragma once

#include <cstdlib>

namespace sdg::fuzz {

inline void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

}  // namespace sdg::fuzz
