// What key management hands to the record layer: the secrets of one direction, one epoch, one key
// role.
//
// Control thread. Move-only (clone() is explicit); the octets wipe themselves.
#pragma once

#include "dataplane/record/suite.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::record {

struct KeyMaterial {
    Suite suite = Suite::aes_128_gcm_sha256;
    SecretBytes key;
    SecretBytes iv;
    SecretBytes sn_key;  // encrypts record numbers (RFC 9147, section 4.2.3)

    // invalid_argument, naming the part, unless the suite is known and every length fits it.
    [[nodiscard]] Result<void> validate() const;
    [[nodiscard]] KeyMaterial clone() const;
};

}  // namespace sdg::record
