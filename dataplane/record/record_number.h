// Rebuilding a full record number from the 16 bits on the wire (RFC 9147, section 4.2.2).
//
// Pure, any thread.
#pragma once

#include <cstdint>

#include "dataplane/record/suite.h"

namespace sdg::record {

// The number closest to next_expected (one more than the highest accepted) that ends in the 16 bits
// given and lies in 0 .. 2^48 - 1. On a tie, 32768 before or after, the later one.
[[nodiscard]] constexpr uint64_t reconstruct_record_number(uint16_t low, uint64_t next_expected) {
    // The distance modulo 2^16, read as -32768 .. 32767 before and after next_expected.
    const auto distance = static_cast<int16_t>(static_cast<uint16_t>(low - next_expected));
    constexpr uint64_t kPeriod = 0x10000;
    uint64_t sequence = next_expected + static_cast<uint64_t>(static_cast<int64_t>(distance));
    if (distance == INT16_MIN) {
        sequence += kPeriod;
    }
    if (sequence > kMaxSequence) {
        // Past either end: below zero shows as a huge value and belongs one period higher.
        sequence += (sequence >> 63) != 0 ? kPeriod : uint64_t{0} - kPeriod;
    }
    return sequence;
}

}  // namespace sdg::record
