// Ephemeral key shares of the three groups (RFC 8446, sections 4.2.8 and 7.4), by libcrypto.
//
// Private keys come from OpenSSL's generator, never from an injected source of randomness, and are
// used once. Control thread.
#pragma once

#include <string_view>

#include "control/keymgmt/dtls13/alert.h"
#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/codec.h"
#include "control/keymgmt/dtls13/openssl_types.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt::dtls13 {

[[nodiscard]] bool is_supported(NamedGroup group);
// The registry's name; empty for a group we do not have.
[[nodiscard]] std::string_view group_name(NamedGroup group);

class KeyShare {
 public:
    [[nodiscard]] static Checked<KeyShare> generate(NamedGroup group);

    [[nodiscard]] NamedGroup group() const { return group_; }
    // key_exchange of our KeyShareEntry.
    [[nodiscard]] const Octets& public_value() const { return public_value_; }
    // The shared secret. illegal_parameter: not a point of the group, or one of small order.
    [[nodiscard]] Checked<SecretBytes> derive(View peer_value) const;

 private:
    NamedGroup group_ = NamedGroup::none;
    PrivateKey key_;
    Octets public_value_;
};

}  // namespace sdg::keymgmt::dtls13
