// Which of IPsec-MB's code paths is used.
//
// Chosen once at start (`best` unless a test forces one). Any thread. Every path gives the same
// octets; a forced path serves tests and comparisons.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sdg::record {

enum class Architecture : uint8_t { best, sse, avx, avx2, avx512 };

[[nodiscard]] std::string_view name(Architecture architecture);
// Those that this processor has, `best` left out.
[[nodiscard]] std::span<const Architecture> supported_architectures();

}  // namespace sdg::record
