// The keys of DTLS chunks that method 1 exports from its DTLS 1.3 connection, for every epoch of
// it.
//
// The draft leaves the formula open. Ours: the exporter of the epoch (the one that follows extended
// key updates), with the label below and the context of method 192 (tls13/exporter.h), so that both
// parameters 0x8006 go in. Pure function of the connection; control thread.
//
// Source: draft-ietf-tsvwg-dtls-chunk-key-management; RFC 8446, section 7.5.
#pragma once

#include <string_view>

#include "control/keymgmt/dtls13/connection.h"
#include "control/keymgmt/tls13/exporter.h"
#include "dataplane/record/key_material.h"

namespace sdg::keymgmt::dtls13 {

inline constexpr std::string_view kChunkKeyLabel = "EXPORTER_DTLS_CHUNK_KM1";

// The three keys with which sender seals, of this or the previous epoch of the connection. The
// parameters are as on the wire without padding. not_found: there is nothing of that epoch.
[[nodiscard]] Result<record::KeyMaterial> export_chunk_keys(const Connection& connection,
                                                            uint64_t epoch, Role sender,
                                                            tls13::ExportRole role,
                                                            View client_parameter,
                                                            View server_parameter);

}  // namespace sdg::keymgmt::dtls13
