// An association and one of its restart contexts as octets: what is sealed into a row.
//
//   format (1) = 1 | key role (1) = 1 | epoch (2) | suite (2)
//   | send key, iv, sn_key | receive key, iv, sn_key             lengths by suite
//   | flags (1): 0x01 initiator, 0x02 key-management server | method (1)
//   | tuple (38) | count (1), addresses (17 each): further local, then further peer
//   | length (2), octets: policy, local identity, peer identity, client's parameter, server's
//     parameter, attachment
//
// Integers in network byte order; an address is its family (4 or 6) and 16 octets. One encoding per
// value: what decodes encodes to the same octets. Pure, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "control/restart/association.h"
#include "foundation/secret_bytes.h"

namespace sdg::restart {

// Names an association in a store: local address, peer address, local port, peer port.
inline constexpr size_t kTupleLength = 38;
using EncodedTuple = std::array<uint8_t, kTupleLength>;
[[nodiscard]] EncodedTuple encode(const sctp::FourTuple& tuple);
// Nothing unless both addresses have a family and no octet beyond it.
[[nodiscard]] std::optional<sctp::FourTuple> decode_tuple(std::span<const uint8_t> octets);

struct ContextRecord {
    AssociationDescription description;
    RestartContext context;
};
// Both parts must be valid.
[[nodiscard]] SecretBytes encode(const AssociationDescription& description,
                                 const RestartContext& context);
// corrupt, naming the part. Never reads past the end.
[[nodiscard]] Result<ContextRecord> decode_record(std::span<const uint8_t> octets);

}  // namespace sdg::restart
