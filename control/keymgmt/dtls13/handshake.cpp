#include "control/keymgmt/dtls13/handshake.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

std::string_view name_of(HandshakeType type) {
    switch (type) {
        case HandshakeType::client_hello:
            return "client_hello";
        case HandshakeType::server_hello:
            return "server_hello";
        case HandshakeType::new_session_ticket:
            return "new_session_ticket";
        case HandshakeType::end_of_early_data:
            return "end_of_early_data";
        case HandshakeType::encrypted_extensions:
            return "encrypted_extensions";
        case HandshakeType::certificate:
            return "certificate";
        case HandshakeType::certificate_request:
            return "certificate_request";
        case HandshakeType::certificate_verify:
            return "certificate_verify";
        case HandshakeType::client_certificate_request:
            return "client_certificate_request";
        case HandshakeType::finished:
            return "finished";
        case HandshakeType::key_update:
            return "key_update";
        case HandshakeType::extended_key_update:
            return "extended_key_update";
        case HandshakeType::message_hash:
            return "message_hash";
    }
    return "unknown";
}

std::string_view verify_context(Role signer) {
    return signer == Role::client ? kClientVerify : kServerVerify;
}

}  // namespace

std::string describe(HandshakeType type) {
    return fmt::format("{} ({})", name_of(type), static_cast<unsigned>(type));
}

Checked<void> expect(const Reassembly::Message& message, HandshakeType type, uint64_t epoch) {
    if (message.type != type) {
        return refuse(AlertDescription::unexpected_message, "{} where {} was expected",
                      describe(message.type), describe(type));
    }
    if (message.epoch != epoch) {
        return refuse(AlertDescription::unexpected_message, "{} in epoch {}", describe(type),
                      message.epoch);
    }
    return {};
}

SignatureScheme choose_scheme(const Configuration& configuration,
                              std::span<const SignatureScheme> peer_schemes) {
    for (const SignatureScheme scheme : configuration.signature_schemes) {
        if (fits(scheme, configuration.identity.key.get()) &&
            std::find(peer_schemes.begin(), peer_schemes.end(), scheme) != peer_schemes.end()) {
            return scheme;
        }
    }
    return SignatureScheme::none;
}

Checked<void> say(HandshakeContext& context, uint64_t epoch, HandshakeType type, Octets body) {
    if (auto added = context.transcript.add(type, body); !added) {
        return added;
    }
    return context.transport.add(epoch, type, std::move(body));
}

Checked<void> say_authentication(HandshakeContext& context,
                                 std::span<const SignatureScheme> peer_schemes) {
    const SignatureScheme scheme = choose_scheme(context.configuration, peer_schemes);
    if (scheme == SignatureScheme::none) {
        return refuse(AlertDescription::handshake_failure,
                      "the peer takes no signature algorithm that our certificate's key can do");
    }
    context.negotiated.own_scheme = scheme;
    const OwnIdentity& identity = context.configuration.identity;
    if (auto said = say(context, kHandshakeEpoch, HandshakeType::certificate,
                        certificate_body({}, identity.chain));
        !said) {
        return said;
    }
    const auto hash = context.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    const auto signature = sign(scheme, identity.key.get(),
                                signature_content(verify_context(context.role), hash->bytes()));
    if (!signature) {
        return tl::unexpected(signature.error());
    }
    return say(context, kHandshakeEpoch, HandshakeType::certificate_verify,
               certificate_verify_body({.scheme = scheme, .signature = *signature}));
}

Checked<void> say_finished(HandshakeContext& context) {
    const auto hash = context.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    const auto verify_data = context.schedule.verify_data(context.role, hash->bytes());
    if (!verify_data) {
        return tl::unexpected(verify_data.error());
    }
    const View bytes = verify_data->bytes();
    return say(context, kHandshakeEpoch, HandshakeType::finished,
               Octets(bytes.begin(), bytes.end()));
}

Checked<void> take_certificate(HandshakeContext& context, View body) {
    auto message = parse_certificate(body);
    if (!message) {
        return tl::unexpected(message.error());
    }
    if (!message->context.empty()) {
        return refuse(AlertDescription::illegal_parameter,
                      "a Certificate with a certificate_request_context");
    }
    if (message->chain.empty()) {
        return context.role == Role::server
                   ? refuse(AlertDescription::certificate_required,
                            "the peer has shown no certificate")
                   : refuse(AlertDescription::decode_error, "the peer has shown no certificate");
    }
    if (auto checked = context.check_peer(message->chain, other(context.role)); !checked) {
        return checked;
    }
    context.negotiated.peer_chain = std::move(message->chain);
    return context.transcript.add(HandshakeType::certificate, body);
}

Checked<void> take_certificate_verify(HandshakeContext& context, View body) {
    const auto message = parse_certificate_verify(body);
    if (!message) {
        return tl::unexpected(message.error());
    }
    const auto& offered = context.configuration.signature_schemes;
    if (std::find(offered.begin(), offered.end(), message->scheme) == offered.end()) {
        return refuse(AlertDescription::illegal_parameter,
                      "a signature by algorithm {:#06x}, which was not offered",
                      static_cast<unsigned>(message->scheme));
    }
    const auto hash = context.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    EVP_PKEY* key = X509_get0_pubkey(context.negotiated.peer_chain.front().get());
    if (key == nullptr) {
        ERR_clear_error();
        return refuse(AlertDescription::unsupported_certificate,
                      "the peer's certificate has no key that can be used");
    }
    if (auto verified =
            verify(message->scheme, key,
                   signature_content(verify_context(other(context.role)), hash->bytes()),
                   message->signature);
        !verified) {
        return verified;
    }
    context.negotiated.peer_scheme = message->scheme;
    return context.transcript.add(HandshakeType::certificate_verify, body);
}

Checked<void> take_finished(HandshakeContext& context, View body) {
    const auto hash = context.transcript.current();
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    const auto verify_data = context.schedule.verify_data(other(context.role), hash->bytes());
    if (!verify_data) {
        return tl::unexpected(verify_data.error());
    }
    if (body.size() != verify_data->length) {
        return refuse(AlertDescription::decode_error, "a Finished of {} octets", body.size());
    }
    if (!equal_constant_time(body, verify_data->bytes())) {
        return refuse(AlertDescription::decrypt_error, "the peer's Finished is wrong");
    }
    return context.transcript.add(HandshakeType::finished, body);
}

}  // namespace sdg::keymgmt::dtls13
