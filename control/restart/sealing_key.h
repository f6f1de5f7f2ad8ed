// Keys that seal the rows of a store, derived from key-encryption keys; several at a time so that
// keys can be rotated.
//
// From a key-encryption key of 32 octets K, with HKDF-Expand (RFC 5869, SHA-256, PRK = K):
//   id          = "sdg restart store v1 id", 8 octets. Names the key in every row, so a row is
//   never
//                 tried under the wrong key and a wrong key is told from a damaged row.
//   sealing key = "sdg restart store v1 seal", 32 octets (AES-256-GCM)
//   mark key    = "sdg restart store v1 mark", 32 octets (HMAC-SHA-256), see ContextMark
// K itself is not kept. Immutable once made, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "control/restart/association.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::restart {

inline constexpr size_t kKeyEncryptionKeyLength = 32;  // octets

using SealingKeyId = std::array<uint8_t, 8>;
[[nodiscard]] std::string to_string(const SealingKeyId& id);  // 16 hexadecimal digits

// Tells whether two stored contexts have the same keys, without opening them: a put that is
// repeated after an unclear outcome must not make one context look like two.
using ContextMark = std::array<uint8_t, 16>;

class SealingKey {
 public:
    // invalid_argument unless the key has 32 octets and is not all zero.
    [[nodiscard]] static Result<SealingKey> derive(const SecretBytes& key_encryption_key);
    [[nodiscard]] SealingKey clone() const;

    [[nodiscard]] const SealingKeyId& id() const { return id_; }
    [[nodiscard]] const SecretBytes& sealing_key() const { return sealing_key_; }
    [[nodiscard]] ContextMark mark(const RestartContext& context) const;

 private:
    SealingKey() = default;
    SealingKeyId id_{};
    SecretBytes sealing_key_;
    SecretBytes mark_key_;
};

class KeyRing {
 public:
    // active seals; it and the further ones (former keys, or the next one before a rotation) open.
    // Errors as of SealingKey::derive().
    [[nodiscard]] static Result<KeyRing> make(const SecretBytes& active,
                                              const std::vector<SecretBytes>& further = {});
    [[nodiscard]] KeyRing clone() const;

    [[nodiscard]] const SealingKey& active() const { return keys_.front(); }
    [[nodiscard]] const SealingKey* find(const SealingKeyId& id) const;
    [[nodiscard]] std::string ids() const;  // for messages, the active one first

 private:
    std::vector<SealingKey> keys_;  // never empty
};

}  // namespace sdg::restart
