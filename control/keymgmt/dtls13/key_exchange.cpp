#include "control/keymgmt/dtls13/key_exchange.h"

#include <openssl/ec.h>

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

struct GroupTraits {
    NamedGroup group;
    std::string_view name;
    const char* curve;  // null: X25519
    size_t value_length;
    size_t secret_length;
};
constexpr std::array kGroups{
    GroupTraits{NamedGroup::x25519, "x25519", nullptr, 32, 32},
    GroupTraits{NamedGroup::secp256r1, "secp256r1", "P-256", 65, 32},
    GroupTraits{NamedGroup::secp384r1, "secp384r1", "P-384", 97, 48},
};
constexpr uint8_t kUncompressed = 4;

const GroupTraits* traits_of(NamedGroup group) {
    const auto* const found = std::find_if(kGroups.begin(), kGroups.end(),
                                           [&](const auto& one) { return one.group == group; });
    return found == kGroups.end() ? nullptr : found;
}

PrivateKey peer_key(const EVP_PKEY* own, View value) {
    PrivateKey out{EVP_PKEY_new()};
    if (!out || EVP_PKEY_copy_parameters(out.get(), own) != 1 ||
        EVP_PKEY_set1_encoded_public_key(out.get(), value.data(), value.size()) != 1) {
        out.reset();
    }
    return out;
}

}  // namespace

bool is_supported(NamedGroup group) {
    return traits_of(group) != nullptr;
}

std::string_view group_name(NamedGroup group) {
    const GroupTraits* traits = traits_of(group);
    return traits == nullptr ? std::string_view{} : traits->name;
}

Checked<KeyShare> KeyShare::generate(NamedGroup group) {
    const GroupTraits* traits = traits_of(group);
    KeyShare out;
    out.group_ = group;
    if (traits != nullptr) {
        out.key_.reset(traits->curve == nullptr ? EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")
                                                : EVP_EC_gen(traits->curve));
    }
    unsigned char* value = nullptr;
    const size_t length =
        out.key_ ? EVP_PKEY_get1_encoded_public_key(out.key_.get(), &value) : size_t{0};
    if (length > 0) {
        out.public_value_.assign(value, value + length);
    }
    OPENSSL_free(value);
    if (traits == nullptr || length != traits->value_length) {
        return refuse(AlertDescription::internal_error, "OpenSSL makes no key share");
    }
    return out;
}

Checked<SecretBytes> KeyShare::derive(View peer_value) const {
    const GroupTraits& traits = *traits_of(group_);
    const auto bad = [&] {
        ERR_clear_error();
        return refuse(AlertDescription::illegal_parameter, "a key share that is none of {}",
                      traits.name);
    };
    if (peer_value.size() != traits.value_length ||
        (traits.curve != nullptr && peer_value[0] != kUncompressed)) {
        return bad();
    }
    PrivateKey peer;
    if (traits.curve == nullptr) {
        peer.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer_value.data(),
                                               peer_value.size()));
    } else {
        peer = peer_key(key_.get(), peer_value);
    }
    const KeyContext context{EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr)};
    SecretBytes out{traits.secret_length};
    size_t length = out.size();
    // The derivation refuses the all-zero outcome of X25519; set_peer checks the point.
    if (!peer || !context || EVP_PKEY_derive_init(context.get()) != 1 ||
        EVP_PKEY_derive_set_peer(context.get(), peer.get()) != 1 ||
        EVP_PKEY_derive(context.get(), out.mutable_bytes().data(), &length) != 1 ||
        length != out.size()) {
        return bad();
    }
    const std::array<uint8_t, 64> zeros{};
    if (equal_constant_time(out.bytes(), View(zeros).first(out.size()))) {
        return bad();
    }
    return out;
}

}  // namespace sdg::keymgmt::dtls13
