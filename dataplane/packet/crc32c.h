// SCTP's checksum: CRC32c (Castagnoli) over the packet with the checksum field taken as zero,
// stored least significant octet first (RFC 9260, 6.8 and Appendix A). Thread safe, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sdg::packet {

// The finished CRC32c (initial value and final inversion included): crc32c("123456789") is
// 0xe3069283.
[[nodiscard]] uint32_t crc32c(std::span<const uint8_t> octets);

// The same by crc32 instructions alone, which is what short packets and processors without 512-bit
// carry-less multiplication get; for tests and comparisons.
[[nodiscard]] uint32_t crc32c_narrow(std::span<const uint8_t> octets);
[[nodiscard]] bool has_wide_crc32c();

// Goes on from the finished value of the octets before.
[[nodiscard]] uint32_t crc32c_extend(uint32_t crc, std::span<const uint8_t> octets);

// packet: a whole SCTP packet. False also when it is shorter than the common header. The packet is
// not written to.
[[nodiscard]] bool checksum_ok(std::span<const uint8_t> packet);

// Writes the checksum field; packet must be at least a common header.
void set_checksum(std::span<uint8_t> packet);

}  // namespace sdg::packet
