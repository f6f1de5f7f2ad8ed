// The numbers of the TLS and DTLS registries that the engine uses, and the ones of drafts that are
// not assigned yet: all in this file, so that an assignment is one change.
//
// Values are those on the wire. Constant data, any thread.
#pragma once

#include <cstdint>

namespace sdg::keymgmt::dtls13 {

// RFC 8446, section 5.1; RFC 9147, section 7.
enum class ContentType : uint8_t {
    invalid = 0,
    change_cipher_spec = 20,
    alert = 21,
    handshake = 22,
    application_data = 23,
    ack = 26,
};

// RFC 8446, section 4; RFC 9261, section 4.
enum class HandshakeType : uint8_t {
    client_hello = 1,
    server_hello = 2,
    new_session_ticket = 4,
    end_of_early_data = 5,
    encrypted_extensions = 8,
    certificate = 11,
    certificate_request = 13,
    certificate_verify = 15,
    client_certificate_request = 17,
    finished = 20,
    key_update = 24,
    extended_key_update = 32,  // to be assigned, draft-ietf-tls-extended-key-update
    message_hash = 254,
};

enum class ExtensionType : uint16_t {
    server_name = 0,
    supported_groups = 10,
    signature_algorithms = 13,
    pre_shared_key = 41,
    early_data = 42,
    supported_versions = 43,
    cookie = 44,
    psk_key_exchange_modes = 45,
    certificate_authorities = 47,
    oid_filters = 48,
    post_handshake_auth = 49,
    signature_algorithms_cert = 50,
    key_share = 51,
    tls_flags = 62,
};

enum class NamedGroup : uint16_t {
    none = 0,
    secp256r1 = 0x0017,
    secp384r1 = 0x0018,
    x25519 = 0x001d,
};

enum class SignatureScheme : uint16_t {
    none = 0,
    ecdsa_secp256r1_sha256 = 0x0403,
    ecdsa_secp384r1_sha384 = 0x0503,
    rsa_pss_rsae_sha256 = 0x0804,
    rsa_pss_rsae_sha384 = 0x0805,
    rsa_pss_rsae_sha512 = 0x0806,
    ed25519 = 0x0807,
};

// Subtypes of extended_key_update.
enum class ExtendedKeyUpdateType : uint8_t {
    key_update_request = 0,
    key_update_response = 1,
    new_key_update = 2,
};

// The flag of the TLS flags extension that offers extended key update; to be assigned.
inline constexpr unsigned kExtendedKeyUpdateFlag = 12;

inline constexpr uint16_t kDtls10 = 0xfeff;  // may be on the record of a first ClientHello
inline constexpr uint16_t kDtls12 = 0xfefd;  // the legacy_version of everything
inline constexpr uint16_t kDtls13 = 0xfefc;  // in supported_versions only

// RFC 9147, section 6.1.
inline constexpr uint64_t kClearEpoch = 0;
inline constexpr uint64_t kHandshakeEpoch = 2;
inline constexpr uint64_t kFirstApplicationEpoch = 3;

enum class Role { client, server };
[[nodiscard]] constexpr Role other(Role role) {
    return role == Role::client ? Role::server : Role::client;
}

}  // namespace sdg::keymgmt::dtls13
