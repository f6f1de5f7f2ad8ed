// The expanded keys of one context, as the cipher library wants them.
//
// Written once by expand_keys() in the thread that creates the context, before the context is
// published; constant afterwards; wiped by its destructor. Internal to dataplane/record, seen
// outside only because contexts hold it in place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/record/aead.h"
#include "dataplane/record/ipsec_mb.h"
#include "dataplane/record/key_material.h"
#include "foundation/result.h"

namespace sdg::record {

inline constexpr uint32_t kAesRoundKeys = 15 * 16;  // octets, enough for AES-256

inline constexpr uint32_t kGcmPowers = 48 * 16;  // octets

struct KeySchedule {
    KeySchedule() = default;
    KeySchedule(const KeySchedule&) = delete;
    KeySchedule& operator=(const KeySchedule&) = delete;
    ~KeySchedule();

    // Bring into the cache: the first line and the record-number key; and what the AEAD of a record
    // of the length needs, that is everything but the powers of GCM's hash key beyond its blocks.
    // (That they lie at the end is so for the fastest code path only; the others have few of them,
    // and a wrong hint costs nothing but its line.)
    // always_inline: GCC takes a function of nothing but prefetches for one without effect, and
    // drops calls of it.
    [[gnu::always_inline]] inline void prefetch_number_key() const {
        const auto* start = reinterpret_cast<const uint8_t*>(this);
        __builtin_prefetch(start);
        for (size_t line = 64; line < 64 + kAesRoundKeys - 64; line += 64) {
            __builtin_prefetch(start + line);
        }
    }
    [[gnu::always_inline]] inline void prefetch_aead_key(uint32_t length) const {
        const auto* key = reinterpret_cast<const uint8_t*>(&aead);
        for (size_t line = 0; line < kAesRoundKeys - 64; line += 64) {
            __builtin_prefetch(key + line);
        }
        const uint32_t powers = length < kGcmPowers ? length : kGcmPowers;
        for (size_t line = (sizeof aead - powers) & ~size_t{63}; line < sizeof aead; line += 64) {
            __builtin_prefetch(key + line);
        }
    }

    // First line: what every record needs. gcm is the direct call of the architecture for which the
    // key was expanded (key layouts differ between them); null for the other suites.
    aes_gcm_enc_dec_t gcm = nullptr;
    uint64_t iv_low = 0;   // last 8 octets of the IV, host byte order
    uint32_t iv_high = 0;  // first 4 octets, as they lie in memory
    Suite suite = Suite::aes_128_gcm_sha256;
    uint8_t header = 0;      // first octet of every record: 0x28 | (epoch & 3)
    uint8_t key_length = 0;  // octets, of key and sn_key
    // The key as another provider of the AEAD holds it; aead is then not filled in.
    std::unique_ptr<AeadSession> session;

    // Round keys of AES; the key itself of ChaCha20.
    alignas(64) std::array<uint8_t, kAesRoundKeys> sn_key{};
    union alignas(64) Aead {
        Aead() : bytes{} {}
        std::array<uint8_t, sizeof(gcm_key_data)> bytes;
        gcm_key_data gcm_key;
        std::array<uint8_t, kAesRoundKeys> ccm_round_keys;
        std::array<uint8_t, kMaxKeyLength> chacha_key;
    } aead;
};
static_assert(offsetof(KeySchedule, sn_key) == 64);
static_assert(offsetof(KeySchedule, aead) == 320);

// provider: may be null, for IPsec-MB. Errors: invalid_argument (lengths, suite), unavailable
// (architecture not on this processor), resource_exhausted (provider).
[[nodiscard]] Result<void> expand_keys(KeySchedule& schedule, const KeyMaterial& material,
                                       uint16_t epoch, Direction direction,
                                       Architecture architecture, AeadProvider* provider);

}  // namespace sdg::record
