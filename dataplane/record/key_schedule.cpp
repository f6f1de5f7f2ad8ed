#include "dataplane/record/key_schedule.h"

#include <sodium/core.h>

#include <algorithm>
#include <cstring>

namespace sdg::record {
namespace {

constexpr uint8_t kUnifiedHeader = 0x28;  // 001, C=0, S=1, L=0

void expand_sn_key(KeySchedule& schedule, const IMB_MGR* library, const uint8_t* sn_key) {
    alignas(16) std::array<uint8_t, kAesRoundKeys> decryption_keys{};  // made along, not used
    if (schedule.key_length == 16) {
        IMB_AES_KEYEXP_128(library, sn_key, schedule.sn_key.data(), decryption_keys.data());
    } else {
        IMB_AES_KEYEXP_256(library, sn_key, schedule.sn_key.data(), decryption_keys.data());
    }
    wipe(decryption_keys.data(), decryption_keys.size());
}

void expand_aead_key(KeySchedule& schedule, const IMB_MGR* library, const KeyMaterial& material,
                     Direction direction) {
    const uint8_t* key = material.key.bytes().data();
    const bool sealing = direction == Direction::seal;
    switch (material.suite) {
        case Suite::aes_128_gcm_sha256:
            schedule.gcm = sealing ? library->gcm128_enc : library->gcm128_dec;
            IMB_AES128_GCM_PRE(library, key, &schedule.aead.gcm_key);
            break;
        case Suite::aes_256_gcm_sha384:
            schedule.gcm = sealing ? library->gcm256_enc : library->gcm256_dec;
            IMB_AES256_GCM_PRE(library, key, &schedule.aead.gcm_key);
            break;
        case Suite::aes_128_ccm_sha256: {
            alignas(16) std::array<uint8_t, kAesRoundKeys> decryption_keys{};
            IMB_AES_KEYEXP_128(library, key, schedule.aead.ccm_round_keys.data(),
                               decryption_keys.data());
            wipe(decryption_keys.data(), decryption_keys.size());
            break;
        }
        case Suite::chacha20_poly1305_sha256:
            std::copy_n(key, kMaxKeyLength, schedule.aead.chacha_key.data());
            break;
    }
}

}  // namespace

KeySchedule::~KeySchedule() {
    wipe(sn_key.data(), sn_key.size());
    wipe(aead.bytes.data(), aead.bytes.size());
    wipe(&iv_low, sizeof iv_low);
    wipe(&iv_high, sizeof iv_high);
}

Result<void> expand_keys(KeySchedule& schedule, const KeyMaterial& material, uint16_t epoch,
                         Direction direction, Architecture architecture, AeadProvider* provider) {
    if (auto valid = material.validate(); !valid) {
        return valid;
    }
    const IMB_MGR* library = direct_functions(architecture);
    if (library == nullptr) {
        return fail(ErrorCode::unavailable, "this processor lacks what {} ciphers need",
                    name(architecture));
    }
    schedule.suite = material.suite;
    schedule.header = static_cast<uint8_t>(kUnifiedHeader | (epoch & 3));
    schedule.key_length = static_cast<uint8_t>(material.key.size());
    const uint8_t* iv = material.iv.bytes().data();
    uint64_t iv_low_be = 0;
    std::memcpy(&schedule.iv_high, iv, sizeof schedule.iv_high);
    std::memcpy(&iv_low_be, iv + sizeof schedule.iv_high, sizeof iv_low_be);
    schedule.iv_low = __builtin_bswap64(iv_low_be);

    if (material.suite == Suite::chacha20_poly1305_sha256) {
        if (sodium_init() < 0) {  // chooses its code for this processor, the first time
            return fail(ErrorCode::internal, "libsodium cannot be set up");
        }
        std::copy_n(material.sn_key.bytes().data(), kMaxKeyLength, schedule.sn_key.begin());
    } else {
        expand_sn_key(schedule, library, material.sn_key.bytes().data());
    }
    if (provider != nullptr) {
        auto session = provider->make_session(material, direction);
        if (!session) {
            return tl::unexpected{std::move(session).error()};
        }
        schedule.session = std::move(*session);
    }
    if (schedule.session == nullptr) {
        expand_aead_key(schedule, library, material, direction);
    }
    return {};
}

}  // namespace sdg::record
