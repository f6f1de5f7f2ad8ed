#include "control/restart/sealing_key.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "control/restart/association_codec.h"
#include "foundation/hkdf.h"

namespace sdg::restart {
namespace {

Result<SecretBytes> expand(const SecretBytes& key, std::string_view info, size_t length) {
    return hkdf::expand("SHA256", key.bytes(),
                        {reinterpret_cast<const uint8_t*>(info.data()), info.size()}, length);
}

}  // namespace

std::string to_string(const SealingKeyId& id) {
    return fmt::format("{:02x}", fmt::join(id, ""));
}

Result<SealingKey> SealingKey::derive(const SecretBytes& key_encryption_key) {
    if (key_encryption_key.size() != kKeyEncryptionKeyLength) {
        return fail(ErrorCode::invalid_argument, "a key-encryption key of {} octets, expected {}",
                    key_encryption_key.size(), kKeyEncryptionKeyLength);
    }
    if (key_encryption_key == SecretBytes(kKeyEncryptionKeyLength)) {
        return fail(ErrorCode::invalid_argument, "a key-encryption key of zeros only");
    }
    auto id = expand(key_encryption_key, "sdg restart store v1 id", 8);
    auto seal = expand(key_encryption_key, "sdg restart store v1 seal", 32);
    auto mark = expand(key_encryption_key, "sdg restart store v1 mark", 32);
    for (const auto* derived : {&id, &seal, &mark}) {
        if (!*derived) {
            return tl::unexpected(derived->error());
        }
    }
    SealingKey out;
    std::copy(id->bytes().begin(), id->bytes().end(), out.id_.begin());
    out.sealing_key_ = std::move(*seal);
    out.mark_key_ = std::move(*mark);
    return out;
}

SealingKey SealingKey::clone() const {
    SealingKey out;
    out.id_ = id_;
    out.sealing_key_ = sealing_key_.clone();
    out.mark_key_ = mark_key_.clone();
    return out;
}

ContextMark SealingKey::mark(const RestartContext& context) const {
    const SecretBytes keys = encode(AssociationDescription{}, context);
    std::array<uint8_t, 32> digest{};
    if (HMAC(EVP_sha256(), mark_key_.bytes().data(), static_cast<int>(mark_key_.size()),
             keys.bytes().data(), keys.size(), digest.data(), nullptr) == nullptr) {
        std::abort();  // only when memory is exhausted; equal marks would mean equal keys
    }
    ContextMark out{};
    std::copy_n(digest.begin(), out.size(), out.begin());
    return out;
}

Result<KeyRing> KeyRing::make(const SecretBytes& active, const std::vector<SecretBytes>& further) {
    KeyRing ring;
    auto first = SealingKey::derive(active);
    if (!first) {
        return tl::unexpected(first.error());
    }
    ring.keys_.push_back(std::move(*first));
    for (const SecretBytes& one : further) {
        auto key = SealingKey::derive(one);
        if (!key) {
            return tl::unexpected(key.error());
        }
        if (ring.find(key->id()) == nullptr) {
            ring.keys_.push_back(std::move(*key));
        }
    }
    return ring;
}

KeyRing KeyRing::clone() const {
    KeyRing out;
    for (const SealingKey& key : keys_) {
        out.keys_.push_back(key.clone());
    }
    return out;
}

const SealingKey* KeyRing::find(const SealingKeyId& id) const {
    const auto found =
        std::find_if(keys_.begin(), keys_.end(), [&id](const auto& key) { return key.id() == id; });
    return found == keys_.end() ? nullptr : &*found;
}

std::string KeyRing::ids() const {
    std::string out;
    for (const SealingKey& key : keys_) {
        out += (out.empty() ? "" : ", ") + to_string(key.id());
    }
    return out;
}

}  // namespace sdg::restart
