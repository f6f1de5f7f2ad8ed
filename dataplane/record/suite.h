// The cipher suites of DTLS chunks and what is fixed by them: lengths, hash, limits.
//
// Constant data, any thread. The limits are those of RFC 9147, section 4.5.3, per key.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace sdg::record {

// The values are those of the TLS cipher suite registry.
enum class Suite : uint16_t {
    aes_128_gcm_sha256 = 0x1301,
    aes_256_gcm_sha384 = 0x1302,
    chacha20_poly1305_sha256 = 0x1303,
    aes_128_ccm_sha256 = 0x1304,
};

inline constexpr uint32_t kIvLength = 12;
inline constexpr uint32_t kTagLength = 16;
inline constexpr uint32_t kMaxKeyLength = 32;
// Records are numbered 0 .. kMaxSequence under one key.
inline constexpr uint64_t kMaxSequence = (uint64_t{1} << 48) - 1;
// A limit that cannot be reached before the record numbers run out.
inline constexpr uint64_t kNoLimit = UINT64_MAX;

struct SuiteTraits {
    Suite suite;
    std::string_view name;        // of the registry, e.g. TLS_AES_128_GCM_SHA256
    uint32_t key_length;          // octets
    uint32_t sn_key_length;       // octets
    uint32_t iv_length;           // octets
    uint32_t tag_length;          // octets
    uint64_t seal_limit;          // q: records that may be sealed; kNoLimit for ChaCha20-Poly1305
    uint64_t open_failure_limit;  // v: records that may fail to open
    const char* hash;             // of HKDF, as OpenSSL names it
};

// Null for a value outside the enumeration.
[[nodiscard]] const SuiteTraits* traits(Suite suite);
[[nodiscard]] std::optional<Suite> suite_from_id(uint16_t id);
[[nodiscard]] std::optional<Suite> suite_from_name(std::string_view name);
// Every suite the record layer has, in the order of preference.
[[nodiscard]] std::span<const Suite> supported_suites();

}  // namespace sdg::record
