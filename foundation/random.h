// Where random octets come from, injected so that tests can be seeded.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>

namespace sdg {

class Random {
 public:
    virtual ~Random() = default;
    // Fills all of out. Never fails: an operating system that has no randomness ends the program.
    virtual void fill(std::span<uint8_t> out) = 0;

    uint32_t u32();
    uint64_t u64();
};

// Cryptographically strong, from OpenSSL's private DRBG.
class SystemRandom final : public Random {
 public:
    void fill(std::span<uint8_t> out) override;
};

// Deterministic, for tests and simulators only: never for keys.
class SeededRandom final : public Random {
 public:
    explicit SeededRandom(uint64_t seed) : state_(seed) {}
    void fill(std::span<uint8_t> out) override;

 private:
    uint64_t state_;
};

}  // namespace sdg
