// Network-order loads and stores on unaligned octets. The caller guarantees the octets exist.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace sdg::packet {

static_assert(std::endian::native == std::endian::little, "written for little-endian x86-64");

[[nodiscard]] inline uint16_t load_be16(const uint8_t* from) {
    uint16_t value;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap16(value);
}

[[nodiscard]] inline uint32_t load_be32(const uint8_t* from) {
    uint32_t value;
    std::memcpy(&value, from, sizeof value);
    return __builtin_bswap32(value);
}

inline void store_be16(uint8_t* to, uint16_t value) {
    value = __builtin_bswap16(value);
    std::memcpy(to, &value, sizeof value);
}

inline void store_be32(uint8_t* to, uint32_t value) {
    value = __builtin_bswap32(value);
    std::memcpy(to, &value, sizeof value);
}

// Length rounded up to the four-octet grid of SCTP chunks and parameters.
[[nodiscard]] constexpr size_t padded_to_4(size_t length) {
    return (length + 3) & ~size_t{3};
}

}  // namespace sdg::packet
