// The expanded keys of one context, as the cipher library wants them.
//
// Written once by expand_keys() in the thread that creates the context, before the context is
// published; constant afterwards; wiped by its destructor. Internal to dataplane/record, seen here
// only because contexts hold it in place.
#pragma once

#ifndef NO_COMPAT_IMB_API_053
#define NO_COMPAT_IMB_API_053  // keeps the library's short macro names (ECB, AVX, ...) out
#endif
#include <intel-ipsec-mb.h>

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/record/architecture.h"
#include "dataplane/record/key_material.h"
#include "foundation/result.h"

struct evp_cipher_ctx_st;

namespace sdg::record {

inline constexpr uint32_t kAesRoundKeys = 15 * 16;  // octets, AES-256

struct FreeEvpCipher {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
};

struct alignas(64) KeySchedule {
    KeySchedule() = default;
    KeySchedule(const KeySchedule&) = delete;
    KeySchedule& operator=(const KeySchedule&) = delete;
    ~KeySchedule();

    // First line: what every record needs.
    aes_gcm_enc_dec_t gcm = nullptr;  // of the direction and key length; null for other suites.
    // It comes from the architecture the key was expanded for: layouts differ between them.
    uint64_t iv_low = 0;   // the last 8 octets of the IV as a big-endian number
    uint32_t iv_high = 0;  // the first 4 octets, as they lie in memory
    Suite suite = Suite::aes_128_gcm_sha256;
    uint8_t header = 0;      // first octet of every record: 0x28 | (epoch & 3)
    uint8_t key_length = 0;  // octets
    // ChaCha20 record-number masks: the cipher library gives no way to choose the block counter.
    std::unique_ptr<evp_cipher_ctx_st, FreeEvpCipher> chacha_mask;

    alignas(64) std::array<uint8_t, kAesRoundKeys> sn_round_keys{};
    union Aead {
        Aead() {}
        gcm_key_data gcm_key;
        std::array<uint8_t, kAesRoundKeys> ccm_round_keys;
        std::array<uint8_t, kMaxKeyLength> chacha_key;
    };
    alignas(64) Aead aead;
};

enum class Direction : uint8_t { seal, open };

// Errors: invalid_argument (lengths, suite), unavailable (architecture not on this processor).
[[nodiscard]] Result<void> expand_keys(KeySchedule& schedule, const KeyMaterial& material,
                                       uint16_t epoch, Direction direction,
                                       Architecture architecture);

}  // namespace sdg::record
