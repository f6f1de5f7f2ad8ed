// What is kept about an association so that it can be restarted under protection
// (draft-ietf-tsvwg-sctp-dtls-chunk, section on SCTP restart).
//
// Plain values; key material in SecretBytes. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/sctp/addressing.h"
#include "dataplane/keys/negotiation.h"
#include "dataplane/record/key_material.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

namespace sdg::restart {

inline constexpr size_t kMaxFurtherAddresses = 15;  // beside the first one, each side
inline constexpr size_t kMaxPolicyName = 255;       // octets
inline constexpr size_t kMaxIdentity = 1024;        // octets
inline constexpr size_t kMaxParameter = 1024;       // octets
inline constexpr size_t kMaxAttachment = 4096;      // octets

struct AssociationDescription {
    // First addresses and ports; names the association in the store: tags change with a restart,
    // these do not.
    sctp::FourTuple tuple;
    std::vector<IpAddress> further_local;
    std::vector<IpAddress> further_peer;
    bool initiator = false;  // of the SCTP association
    keys::KmRole km_role = keys::KmRole::client;
    uint8_t method = 0;          // key management
    std::string policy;          // id of the protection policy in the configuration
    std::string local_identity;  // as key management authenticated them; the peer's must not
    std::string peer_identity;   //   change over the life of the association
    std::vector<uint8_t> client_parameter;  // 0x8006 as on the wire without padding
    std::vector<uint8_t> server_parameter;
    std::vector<uint8_t> attachment;  // the caller's own (e.g. of the plain leg), not interpreted

    // invalid_argument, naming the part.
    [[nodiscard]] Result<void> validate() const;
    friend bool operator==(const AssociationDescription&, const AssociationDescription&) = default;
};

// The keys of key role "restart" of one epoch, both directions, never used so far.
struct RestartContext {
    uint16_t epoch = 0;
    record::KeyMaterial send;
    record::KeyMaterial receive;

    // invalid_argument, naming the part; both directions have the same suite.
    [[nodiscard]] Result<void> validate() const;
    [[nodiscard]] RestartContext clone() const;
};

// "10.0.0.1:38412 - 10.0.0.2:38412", for messages.
[[nodiscard]] std::string to_string(const sctp::FourTuple& tuple);

}  // namespace sdg::restart
