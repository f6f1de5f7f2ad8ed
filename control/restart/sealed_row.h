// A row of a store: one restart context of one association, sealed with AES-256-GCM.
//
//   schema version (1) | generation (8) | lease epoch (8) | sealing key's id (8) | mark (16)
//   | nonce (12) | ciphertext of association_codec.h | tag (16)
//
// Integers in network byte order. The additional data are a label, the header above up to the
// nonce, the key role, the group and the association's tuple: a row opens in its own place only.
// Nonces are random; a key seals at most 2^32 rows before it must be rotated (NIST SP
// 800-38D, 8.3), which at ten new contexts a second is thirteen years.
//
// What this does not give: whoever may write to the store can put back a whole older store or an
// older row of the same place. Rights on the store are what prevents that.
//
// Pure but for the randomness; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "control/restart/association_codec.h"
#include "control/restart/sealing_key.h"
#include "foundation/random.h"

namespace sdg::restart {

inline constexpr uint8_t kSchemaVersion = 1;
inline constexpr size_t kRowHeaderLength = 41;   // octets, up to the nonce
inline constexpr size_t kMaxRowLength = 16'384;  // octets

struct RowPlace {
    std::string_view group;
    sctp::FourTuple tuple;
};

struct RowHeader {
    uint64_t generation = 0;   // grows with every context the store takes in
    uint64_t lease_epoch = 0;  // of the owner who put it
    SealingKeyId key_id{};
    ContextMark mark{};
};

// corrupt when shorter than an empty row, longer than kMaxRowLength, or of another schema version.
[[nodiscard]] Result<RowHeader> parse_row_header(std::span<const uint8_t> row);

// internal when OpenSSL refuses. header.key_id and .mark are set here.
[[nodiscard]] Result<std::vector<uint8_t>> seal_row(const SealingKey& key, const RowPlace& place,
                                                    RowHeader header,
                                                    const AssociationDescription& description,
                                                    const RestartContext& context, Random& random);

struct OpenedRow {
    RowHeader header;
    ContextRecord record;
};
// permission_denied when the ring lacks the row's key; corrupt when the row is not authentic in
// this place, or what it holds makes no sense.
[[nodiscard]] Result<OpenedRow> open_row(const KeyRing& ring, const RowPlace& place,
                                         std::span<const uint8_t> row);

// The same content under the ring's active key, with a new nonce. Errors as of the two above.
[[nodiscard]] Result<std::vector<uint8_t>> reseal_row(const KeyRing& ring, const RowPlace& place,
                                                      std::span<const uint8_t> row, Random& random);

}  // namespace sdg::restart
