#include "dataplane/record/suite.h"

#include <array>

namespace sdg::record {
namespace {

// floor(2^24.5) and floor(2^23.5).
constexpr uint64_t kGcmSealLimit = 23'726'566;
constexpr uint64_t kCcmOpenFailureLimit = 11'863'283;

constexpr std::array kTraits{
    SuiteTraits{Suite::aes_128_gcm_sha256, "TLS_AES_128_GCM_SHA256", 16, 16, kIvLength, kTagLength,
                kGcmSealLimit, uint64_t{1} << 36, "SHA2-256"},
    SuiteTraits{Suite::aes_256_gcm_sha384, "TLS_AES_256_GCM_SHA384", 32, 32, kIvLength, kTagLength,
                kGcmSealLimit, uint64_t{1} << 36, "SHA2-384"},
    SuiteTraits{Suite::chacha20_poly1305_sha256, "TLS_CHACHA20_POLY1305_SHA256", 32, 32, kIvLength,
                kTagLength, kNoLimit, uint64_t{1} << 36, "SHA2-256"},
    SuiteTraits{Suite::aes_128_ccm_sha256, "TLS_AES_128_CCM_SHA256", 16, 16, kIvLength, kTagLength,
                uint64_t{1} << 23, kCcmOpenFailureLimit, "SHA2-256"},
};

constexpr std::array kSupported{Suite::aes_128_gcm_sha256, Suite::aes_256_gcm_sha384,
                                Suite::chacha20_poly1305_sha256, Suite::aes_128_ccm_sha256};

}  // namespace

const SuiteTraits* traits(Suite suite) {
    for (const SuiteTraits& entry : kTraits) {
        if (entry.suite == suite) {
            return &entry;
        }
    }
    return nullptr;
}

std::optional<Suite> suite_from_id(uint16_t id) {
    const auto suite = static_cast<Suite>(id);
    return traits(suite) != nullptr ? std::optional{suite} : std::nullopt;
}

std::optional<Suite> suite_from_name(std::string_view name) {
    for (const SuiteTraits& entry : kTraits) {
        if (entry.name == name) {
            return entry.suite;
        }
    }
    return std::nullopt;
}

std::span<const Suite> supported_suites() {
    return kSupported;
}

}  // namespace sdg::record
