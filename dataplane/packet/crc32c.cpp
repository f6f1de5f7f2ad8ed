// Three independent crc32 instruction streams hide its latency of three cycles; carry-less
// multiplication joins them. The constants are powers of x modulo the polynomial, computed at
// compile time from the polynomial itself.
#include "dataplane/packet/crc32c.h"

#include <immintrin.h>

#include <array>
#include <cstring>

#include "dataplane/packet/sctp.h"

namespace sdg::packet {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

// x^bits modulo the polynomial, reflected: bit 31 is x^0.
constexpr uint32_t x_to_the(size_t bits) {
    uint32_t value = 0x80000000;
    for (size_t i = 0; i < bits; ++i) {
        value = (value >> 1) ^ ((value & 1) != 0 ? kPolynomial : 0);
    }
    return value;
}

// The product of two reflected 32-bit polynomials is off by one bit, and the crc32 instruction on
// 64 bits multiplies by x^32 more: 33 bits less in the constant make up for both.
constexpr uint64_t shift_constant(size_t octets) {
    return x_to_the(octets * 8 - 33);
}

inline uint64_t load64(const uint8_t* from) {
    uint64_t value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

// crc moved over `octets` zero octets, still to be reduced: xor it into the next 64-bit input word
// of a stream that starts with zero.
inline uint64_t shifted(uint64_t crc, uint64_t constant) {
    const __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<int64_t>(crc)),
                             _mm_cvtsi64_si128(static_cast<int64_t>(constant)), 0);
    return static_cast<uint64_t>(_mm_cvtsi128_si64(product));
}

// One round over three neighbouring lanes of Lane octets each.
template <size_t Lane>
inline uint64_t three_lanes(uint64_t crc, const uint8_t* at) {
    static_assert(Lane % 8 == 0);
    constexpr uint64_t kOver2 = shift_constant(2 * Lane);
    constexpr uint64_t kOver1 = shift_constant(Lane);
    uint64_t a = crc;
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i + 8 < Lane; i += 8) {
        a = _mm_crc32_u64(a, load64(at + i));
        b = _mm_crc32_u64(b, load64(at + Lane + i));
        c = _mm_crc32_u64(c, load64(at + 2 * Lane + i));
    }
    a = _mm_crc32_u64(a, load64(at + Lane - 8));
    b = _mm_crc32_u64(b, load64(at + 2 * Lane - 8));
    // Lane c's last word takes both others in before its own reduction.
    return _mm_crc32_u64(c, load64(at + 3 * Lane - 8) ^ shifted(a, kOver2) ^ shifted(b, kOver1));
}

// crc without the inversions.
uint32_t update(uint32_t start, const uint8_t* at, size_t left) {
    uint64_t crc = start;
    while (left >= 3 * 128) {
        crc = three_lanes<128>(crc, at);
        at += 3 * 128;
        left -= 3 * 128;
    }
    if (left >= 3 * 64) {
        crc = three_lanes<64>(crc, at);
        at += 3 * 64;
        left -= 3 * 64;
    }
    if (left >= 3 * 32) {
        crc = three_lanes<32>(crc, at);
        at += 3 * 32;
        left -= 3 * 32;
    }
    for (; left >= 8; at += 8, left -= 8) {
        crc = _mm_crc32_u64(crc, load64(at));
    }
    auto tail = static_cast<uint32_t>(crc);
    if ((left & 4) != 0) {
        uint32_t word;
        std::memcpy(&word, at, sizeof word);
        tail = _mm_crc32_u32(tail, word);
        at += 4;
    }
    for (left &= 3; left > 0; --left) {
        tail = _mm_crc32_u8(tail, *at++);
    }
    return tail;
}

uint32_t packet_crc(std::span<const uint8_t> packet) {
    uint64_t crc = _mm_crc32_u64(0xffffffff, load64(packet.data()));
    crc = _mm_crc32_u32(static_cast<uint32_t>(crc), 0);  // the field counts as zero
    return ~update(static_cast<uint32_t>(crc), packet.data() + kCommonHeader,
                   packet.size() - kCommonHeader);
}

}  // namespace

uint32_t crc32c(std::span<const uint8_t> octets) {
    return ~update(0xffffffff, octets.data(), octets.size());
}

uint32_t crc32c_extend(uint32_t crc, std::span<const uint8_t> octets) {
    return ~update(~crc, octets.data(), octets.size());
}

bool checksum_ok(std::span<const uint8_t> packet) {
    if (packet.size() < kCommonHeader) {
        return false;
    }
    uint32_t stored;
    std::memcpy(&stored, packet.data() + kChecksumOffset, sizeof stored);
    return stored == packet_crc(packet);
}

void set_checksum(std::span<uint8_t> packet) {
    const uint32_t crc = packet_crc(packet);
    std::memcpy(packet.data() + kChecksumOffset, &crc, sizeof crc);
}

}  // namespace sdg::packet
