#include "control/keymgmt/tls13/exporter.h"

#include <openssl/evp.h>

#include <array>

#include "foundation/hkdf.h"

namespace sdg::keymgmt::tls13 {
namespace {

struct Digest {
    std::array<uint8_t, EVP_MAX_MD_SIZE> octets{};
    size_t length = 0;
    [[nodiscard]] std::span<const uint8_t> bytes() const { return {octets.data(), length}; }
};

Result<Digest> hash(const char* name, std::span<const uint8_t> data) {
    Digest digest;
    if (EVP_Q_digest(nullptr, name, nullptr, data.data(), data.size(), digest.octets.data(),
                     &digest.length) != 1) {
        return fail(ErrorCode::internal, "cannot compute {}", name);
    }
    return digest;
}

Result<SecretBytes> expand_label(const char* hash_name, std::span<const uint8_t> secret,
                                 std::string_view label, std::span<const uint8_t> context,
                                 size_t length) {
    return hkdf::expand_label(hash_name, "tls13 ", secret, label, context, length);
}

}  // namespace

std::vector<uint8_t> export_context(const Export& what) {
    std::vector<uint8_t> context{static_cast<uint8_t>(what.direction),
                                 static_cast<uint8_t>(what.role), static_cast<uint8_t>(what.kind)};
    context.insert(context.end(), what.client_parameter.begin(), what.client_parameter.end());
    context.insert(context.end(), what.server_parameter.begin(), what.server_parameter.end());
    return context;
}

uint32_t export_length(const record::SuiteTraits& suite, ExportKind kind) {
    switch (kind) {
        case ExportKind::key:
            return suite.key_length;
        case ExportKind::sn_key:
            return suite.sn_key_length;
        case ExportKind::iv:
            return suite.iv_length;
    }
    return 0;
}

Result<SecretBytes> derive_export(const record::SuiteTraits& suite,
                                  std::span<const uint8_t> exporter_secret, const Export& what) {
    // TLS-Exporter(label, context, length) =
    //     HKDF-Expand-Label(Derive-Secret(Secret, label, ""), "exporter", Hash(context), length)
    const auto empty_hash = hash(suite.hash, {});
    const auto context_hash = hash(suite.hash, export_context(what));
    if (!empty_hash || !context_hash) {
        return fail(ErrorCode::internal, "cannot compute {}", suite.hash);
    }
    if (exporter_secret.size() != empty_hash->length) {
        return fail(ErrorCode::invalid_argument,
                    "exporter secret of {} must have {} octets, not {}", suite.name,
                    empty_hash->length, exporter_secret.size());
    }
    auto derived = expand_label(suite.hash, exporter_secret, kExportLabel, empty_hash->bytes(),
                                empty_hash->length);
    if (!derived) {
        return derived;
    }
    return expand_label(suite.hash, derived->bytes(), "exporter", context_hash->bytes(),
                        export_length(suite, what.kind));
}

}  // namespace sdg::keymgmt::tls13
