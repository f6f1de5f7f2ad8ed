// The 12 keys that key-management method 192 exports from a TLS 1.3 handshake
// (draft-porfiri-tsvwg-sctp-dtls-handshake, section on key derivation; RFC 8446, section 7.5).
//
// Pure functions, any thread. A live handshake exports through its TLS library with kExportLabel
// and export_context(); derive_export() computes the same from the exporter secret itself, for test
// vectors and checks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/record/suite.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt::tls13 {

inline constexpr std::string_view kExportLabel = "EXPORTER_TLS_FOR_DTLS_IN_SCTP";

// The values are the octets of the export context.
enum class ExportDirection : uint8_t { client_write = 0, server_write = 1 };
enum class ExportRole : uint8_t { primary = 0, restart = 1 };
enum class ExportKind : uint8_t { key = 0, sn_key = 1, iv = 2 };

struct Export {
    ExportDirection direction = ExportDirection::client_write;
    ExportRole role = ExportRole::primary;
    ExportKind kind = ExportKind::key;
    // 0x8006 parameters as on the wire: header included, padding excluded.
    std::span<const uint8_t> client_parameter;
    std::span<const uint8_t> server_parameter;
};

// direction | role | kind | client's parameter | server's parameter.
[[nodiscard]] std::vector<uint8_t> export_context(const Export& what);

// Octets to export: by suite and kind.
[[nodiscard]] uint32_t export_length(const record::SuiteTraits& suite, ExportKind kind);

// TLS-Exporter of RFC 8446 with the hash of the suite. Errors: invalid_argument when the secret is
// not one hash long.
[[nodiscard]] Result<SecretBytes> derive_export(const record::SuiteTraits& suite,
                                                std::span<const uint8_t> exporter_secret,
                                                const Export& what);

}  // namespace sdg::keymgmt::tls13
