// Comparison of authentication tags. Internal to dataplane/record; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/record/suite.h"

namespace sdg::record {

// Constant time: sixteen octets, always all of them.
inline bool tags_equal(const uint8_t* a, const uint8_t* b) {
    std::array<uint64_t, 2> left;
    std::array<uint64_t, 2> right;
    static_assert(sizeof left == kTagLength);
    std::memcpy(left.data(), a, kTagLength);
    std::memcpy(right.data(), b, kTagLength);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1])) == 0;
}

}  // namespace sdg::record
