// Method 0's key derivation. The draft leaves it open; this is ours, described for implementers in
// docs/method-0.md.
//
//   secret   = HKDF-Extract(salt = "SCTP DTLS chunk method 0", IKM = pre-shared key)
//   material = HKDF-Expand(secret, info, length of the part)
//   info     = label "sctp-dtls-chunk psk v1" | suite (2) | epoch (2) | direction (1) | role (1)
//              | part (1) | client tag (4) | server tag (4)
//              | length (2) | client's 0x8006 | length (2) | server's 0x8006
//
// with the suite's hash, integers in network byte order, the label without terminator, parameters
// as on the wire without padding. direction: 0 = written by the client role, 1 = by the server
// role; role: 0 primary, 1 restart; part: 0 key, 1 sn_key, 2 IV. Both tags and both tie breakers
// are fresh per association, so no two associations share a key.
//
// Pure; control thread. HKDF is OpenSSL's (EVP_KDF).
#pragma once

#include <cstdint>

#include "control/keymgmt/method.h"
#include "dataplane/record/key_material.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt {

// internal when OpenSSL refuses.
[[nodiscard]] Result<record::KeyMaterial> derive_preshared(const SecretBytes& preshared_key,
                                                           record::Suite suite,
                                                           const SessionContext& context,
                                                           keys::KmRole writer, keys::KeyRole role,
                                                           uint16_t epoch);

}  // namespace sdg::keymgmt
