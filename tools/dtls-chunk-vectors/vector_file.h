// A file of test vectors for DTLS chunks, as read from JSON: tests/fixtures/dtls_chunk.json shows
// the form. Octets are hex strings, everything else is a number, a boolean or a word.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "control/keymgmt/tls13/exporter.h"
#include "dataplane/record/key_material.h"
#include "dataplane/record/suite.h"
#include "foundation/result.h"

namespace sdg::vectors {

using Octets = std::vector<uint8_t>;

struct RecordVector {
    record::KeyMaterial material;
    uint16_t epoch = 0;
    uint64_t sequence = 0;
    bool restart = false;
    uint32_t dtls_padding = 0;
    Octets content;
    Octets chunk;
};

struct ExportVector {
    const record::SuiteTraits* suite = nullptr;
    Octets exporter_secret;
    Octets client_parameter;
    Octets server_parameter;
    keymgmt::tls13::ExportDirection direction{};
    keymgmt::tls13::ExportRole role{};
    keymgmt::tls13::ExportKind kind{};
    Octets out;
};

struct Offer {
    uint32_t tie_breaker = 0;
    uint8_t flags = 0;
    Octets methods;
};

struct ExpectedAgreement {
    std::string role;  // "client" or "server": the local side's
    uint8_t method = 0;
};

struct NegotiationVector {
    Offer local;
    Offer peer;
    std::variant<ExpectedAgreement, uint16_t> result;  // or the error cause
};

struct VectorFile {
    std::vector<RecordVector> records;
    std::vector<ExportVector> exports;
    std::vector<NegotiationVector> negotiations;
};

// Errors: io, not_found (the file), invalid_argument (not of this form): the message names the
// place, e.g. "records[3].key".
[[nodiscard]] Result<VectorFile> read_vector_file(const std::filesystem::path& path);

}  // namespace sdg::vectors
