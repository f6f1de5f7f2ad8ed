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

#include "dataplane/record/ipsec_mb.h"
#include "dataplane/record/key_material.h"
#include "foundation/result.h"

struct evp_cipher_ctx_st;

namespace sdg::record {

inline constexpr uint32_t kAesRoundKeys = 15 * 16;  // octets, enough for AES-256

struct FreeEvpCipher {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
};

struct KeySchedule {
    KeySchedule() = default;
    KeySchedule(const KeySchedule&) = delete;
    KeySchedule& operator=(const KeySchedule&) = delete;
    ~KeySchedule();

    void prefetch() const;

    // First line: what every record needs. gcm is the direct call of the architecture for which the
    // key was expanded (key layouts differ between them); null for the other suites.
    aes_gcm_enc_dec_t gcm = nullptr;
    uint64_t iv_low = 0;   // last 8 octets of the IV, host byte order
    uint32_t iv_high = 0;  // first 4 octets, as they lie in memory
    Suite suite = Suite::aes_128_gcm_sha256;
    uint8_t header = 0;      // first octet of every record: 0x28 | (epoch & 3)
    uint8_t key_length = 0;  // octets, of key and sn_key
    // Record-number masks of ChaCha20: IPsec-MB gives no way to choose the block counter.
    std::unique_ptr<evp_cipher_ctx_st, FreeEvpCipher> chacha_mask;

    alignas(64) std::array<uint8_t, kAesRoundKeys> sn_round_keys{};
    union alignas(64) Aead {
        Aead() : bytes{} {}
        std::array<uint8_t, sizeof(gcm_key_data)> bytes;
        gcm_key_data gcm_key;
        std::array<uint8_t, kAesRoundKeys> ccm_round_keys;
        std::array<uint8_t, kMaxKeyLength> chacha_key;
    } aead;
};
static_assert(offsetof(KeySchedule, sn_round_keys) == 64);
static_assert(offsetof(KeySchedule, aead) == 320);

enum class Direction : uint8_t { seal, open };

// Errors: invalid_argument (lengths, suite), unavailable (architecture not on this processor).
[[nodiscard]] Result<void> expand_keys(KeySchedule& schedule, const KeyMaterial& material,
                                       uint16_t epoch, Direction direction,
                                       Architecture architecture);

}  // namespace sdg::record
