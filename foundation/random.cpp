#include "foundation/random.h"

#include <openssl/rand.h>

#include <cstring>

namespace sdg {

uint32_t Random::u32() {
    uint32_t value = 0;
    fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
    return value;
}

uint64_t Random::u64() {
    uint64_t value = 0;
    fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
    return value;
}

void SystemRandom::fill(std::span<uint8_t> out) {
    if (RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1) {
        std::abort();  // going on would mean predictable keys
    }
}

void SeededRandom::fill(std::span<uint8_t> out) {
    // SplitMix64: any seed gives a full-period stream.
    while (!out.empty()) {
        state_ += 0x9E3779B97F4A7C15ULL;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        z ^= z >> 31;
        const size_t n = out.size() < sizeof z ? out.size() : sizeof z;
        std::memcpy(out.data(), &z, n);
        out = out.subspan(n);
    }
}

}  // namespace sdg
