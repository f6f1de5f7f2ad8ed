// Short packets: three independent crc32 instruction streams hide its latency of three cycles;
// carry-less multiplication joins them. From kWideFrom octets on, where the processor can: sixteen
// 128-bit lanes are folded by 512-bit carry-less multiplications. The constants are powers of x
// modulo the polynomial, computed at compile time from the polynomial itself.
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
uint32_t update_narrow(uint32_t start, const uint8_t* at, size_t left) {
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

// Below this many octets folding costs more than it saves (measured: perf/README.md).
constexpr size_t kWideFrom = 512;

// What multiplies a 64-bit half of a block that is moved `bits` ahead. Reflected: bit 63 is x^0; a
// carry-less product of reflected operands is off by one bit, for which the exponent makes up.
constexpr uint64_t fold_constant(size_t bits) {
    return uint64_t{x_to_the(bits - 1)} << 32;
}

#define SDG_WIDE __attribute__((target("avx512f,avx512vl,avx512bw,vpclmulqdq,pclmul,sse4.2")))

SDG_WIDE inline __m512i load512(const uint8_t* from) {
    return _mm512_loadu_si512(from);
}

// (GCC 12 takes the intrinsics that leave a part undefined for a use of it: hence maskz below.)
// Each 128-bit lane of from moved Bits ahead and added to `to`. The earlier half has the higher
// powers.
template <size_t Bits>
SDG_WIDE inline __m512i fold(__m512i from, __m512i to) {
    constexpr auto kLate = static_cast<int64_t>(fold_constant(Bits));
    constexpr auto kEarly = static_cast<int64_t>(fold_constant(Bits + 64));
    const __m512i constants = _mm512_set4_epi64(kLate, kEarly, kLate, kEarly);
    const __m512i early = _mm512_clmulepi64_epi128(from, constants, 0x00);
    const __m512i late = _mm512_clmulepi64_epi128(from, constants, 0x11);
    return _mm512_ternarylogic_epi64(early, late, to, 0x96);
}

// The crc of at least 256 octets; what is less than 64 of them at the end is left to the caller.
SDG_WIDE uint32_t fold_blocks(uint32_t start, const uint8_t*& at, size_t& left) {
    __m512i a = _mm512_xor_si512(load512(at), _mm512_maskz_set1_epi32(1, static_cast<int>(start)));
    __m512i b = load512(at + 64);
    __m512i c = load512(at + 128);
    __m512i d = load512(at + 192);
    for (at += 256, left -= 256; left >= 256; at += 256, left -= 256) {
        a = fold<2048>(a, load512(at));
        b = fold<2048>(b, load512(at + 64));
        c = fold<2048>(c, load512(at + 128));
        d = fold<2048>(d, load512(at + 192));
    }
    b = fold<512>(a, b);
    c = fold<512>(b, c);
    d = fold<512>(c, d);
    for (; left >= 64; at += 64, left -= 64) {
        d = fold<512>(d, load512(at));
    }
    // The four lanes, the last of which stays where it is.
    const __m512i early_constants = _mm512_set_epi64(
        0, 0, static_cast<int64_t>(fold_constant(128)), static_cast<int64_t>(fold_constant(192)),
        static_cast<int64_t>(fold_constant(256)), static_cast<int64_t>(fold_constant(320)),
        static_cast<int64_t>(fold_constant(384)), static_cast<int64_t>(fold_constant(448)));
    const __m512i moved = _mm512_xor_si512(_mm512_clmulepi64_epi128(d, early_constants, 0x00),
                                           _mm512_clmulepi64_epi128(d, early_constants, 0x11));
    const __m256i half = _mm256_xor_si256(_mm512_maskz_extracti64x4_epi64(0xff, moved, 0),
                                          _mm512_maskz_extracti64x4_epi64(0xff, moved, 1));
    const __m128i sum = _mm_xor_si128(
        _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)),
        _mm512_maskz_extracti32x4_epi32(0xf, d, 3));
    // The crc of 16 octets reduces them and moves them 32 bits ahead.
    const uint64_t crc = _mm_crc32_u64(0, static_cast<uint64_t>(_mm_cvtsi128_si64(sum)));
    return static_cast<uint32_t>(
        _mm_crc32_u64(crc, static_cast<uint64_t>(_mm_extract_epi64(sum, 1))));
}

#undef SDG_WIDE

// crc without the inversions.
uint32_t update(uint32_t start, const uint8_t* at, size_t left) {
    static const bool wide = has_wide_crc32c();
    if (left >= kWideFrom && wide) {
        start = fold_blocks(start, at, left);
    }
    return update_narrow(start, at, left);
}

uint32_t packet_crc(std::span<const uint8_t> packet) {
    uint64_t crc = _mm_crc32_u64(0xffffffff, load64(packet.data()));
    crc = _mm_crc32_u32(static_cast<uint32_t>(crc), 0);  // the field counts as zero
    return ~update(static_cast<uint32_t>(crc), packet.data() + kCommonHeader,
                   packet.size() - kCommonHeader);
}

}  // namespace

bool has_wide_crc32c() {
    return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
           __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("vpclmulqdq") != 0;
}

uint32_t crc32c_narrow(std::span<const uint8_t> octets) {
    return ~update_narrow(0xffffffff, octets.data(), octets.size());
}

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
