#include "control/keymgmt/dtls13/exported_authenticator.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr std::string_view kSignatureContext = "Exported Authenticator";

struct TlsMessage {
    View octets;  // with the header
    View body;
};

HandshakeType request_type(Role requester) {
    return requester == Role::server ? HandshakeType::certificate_request
                                     : HandshakeType::client_certificate_request;
}

Checked<TlsMessage> take_message(Reader& reader, View octets, HandshakeType type) {
    const size_t start = reader.offset();
    const auto found = static_cast<HandshakeType>(reader.u8());
    TlsMessage out;
    out.body = vector24(reader);
    if (!reader.ok()) {
        return refuse(AlertDescription::decode_error, "an authenticator that does not fit");
    }
    if (found != type) {
        return refuse(AlertDescription::unexpected_message, "{} where {} was expected",
                      describe(found), describe(type));
    }
    out.octets = octets.subspan(start, reader.offset() - start);
    return out;
}

Octets joined(std::initializer_list<View> parts) {
    Writer out;
    for (const View part : parts) {
        out.bytes(part);
    }
    return out.take();
}

Checked<Digest> transcript_hash(const AuthenticatorKeys& keys, View request, View messages) {
    return digest(keys.hash, joined({keys.handshake_context.bytes(), request, messages}));
}

Checked<Digest> finished_mac(const AuthenticatorKeys& keys, View request, View messages) {
    const auto hash = transcript_hash(keys, request, messages);
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    return hmac(keys.hash, keys.finished_key.bytes(), hash->bytes());
}

Checked<void> check_finished(const AuthenticatorKeys& keys, View request, View messages,
                             View verify_data) {
    const auto mac = finished_mac(keys, request, messages);
    if (!mac) {
        return tl::unexpected(mac.error());
    }
    if (!equal_constant_time(mac->bytes(), verify_data)) {
        return refuse(AlertDescription::decrypt_error,
                      "an authenticator that does not come from the other end of this connection "
                      "and epoch");
    }
    return {};
}

// Appends the Finished to the messages before it.
Checked<Octets> finished_after(const AuthenticatorKeys& keys, View request, View hashed,
                               Octets sent) {
    const auto mac = finished_mac(keys, request, hashed);
    if (!mac) {
        return tl::unexpected(mac.error());
    }
    const Octets message = tls_message(HandshakeType::finished, mac->bytes());
    sent.insert(sent.end(), message.begin(), message.end());
    return sent;
}

// Of our own request: only its context.
Octets empty_certificate(View request) {
    Reader reader(request);
    reader.skip(4);
    return tls_message(HandshakeType::certificate, certificate_body(vector8(reader), {}));
}

}  // namespace

Checked<AuthenticatorKeys> authenticator_keys(const Connection& connection, uint64_t epoch,
                                              Role sender) {
    AuthenticatorKeys out;
    out.hash = Hash::of(connection.negotiated().suite);
    const bool is_client = sender == Role::client;
    auto context =
        connection.export_of_epoch(epoch,
                                   is_client ? "EXPORTER-client authenticator handshake context"
                                             : "EXPORTER-server authenticator handshake context",
                                   {}, out.hash.length);
    auto key = connection.export_of_epoch(epoch,
                                          is_client ? "EXPORTER-client authenticator finished key"
                                                    : "EXPORTER-server authenticator finished key",
                                          {}, out.hash.length);
    if (!context || !key) {
        return refuse(AlertDescription::internal_error, "no authenticator keys of epoch {}", epoch);
    }
    out.handshake_context = std::move(*context);
    out.finished_key = std::move(*key);
    return out;
}

Octets authenticator_request(Role requester, View context,
                             std::span<const SignatureScheme> schemes) {
    return tls_message(
        request_type(requester),
        certificate_request_body(
            {.context = context, .signature_schemes = {schemes.begin(), schemes.end()}}));
}

Checked<CertificateRequest> parse_authenticator_request(Role requester, View octets) {
    Reader reader(octets);
    const auto message = take_message(reader, octets, request_type(requester));
    if (!message) {
        return tl::unexpected(message.error());
    }
    if (reader.left() != 0) {
        return refuse(AlertDescription::decode_error, "an authenticator request that does not fit");
    }
    return parse_certificate_request(message->body);
}

Checked<Octets> make_authenticator(const AuthenticatorKeys& keys,
                                   const Configuration& configuration, View request) {
    Reader reader(request);
    reader.skip(4);
    const auto parsed = parse_certificate_request(request.subspan(reader.offset()));
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    const SignatureScheme scheme = choose_scheme(configuration, parsed->signature_schemes);
    if (scheme == SignatureScheme::none) {
        return refuse(AlertDescription::handshake_failure,
                      "the request takes no signature algorithm that our key can do");
    }
    Octets messages = tls_message(HandshakeType::certificate,
                                  certificate_body(parsed->context, configuration.identity.chain));
    const auto hash = transcript_hash(keys, request, messages);
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    const auto signature = sign(scheme, configuration.identity.key.get(),
                                signature_content(kSignatureContext, hash->bytes()));
    if (!signature) {
        return tl::unexpected(signature.error());
    }
    const Octets verify =
        tls_message(HandshakeType::certificate_verify,
                    certificate_verify_body({.scheme = scheme, .signature = *signature}));
    messages.insert(messages.end(), verify.begin(), verify.end());
    return finished_after(keys, request, messages, messages);
}

Checked<Octets> make_empty_authenticator(const AuthenticatorKeys& keys, View request) {
    return finished_after(keys, request, empty_certificate(request), {});
}

Checked<void> check_authenticator(const AuthenticatorKeys& keys, const Configuration& configuration,
                                  const PeerCheck& check_peer, Role sender, View request,
                                  View authenticator) {
    Reader reader(authenticator);
    const auto certificate = take_message(reader, authenticator, HandshakeType::certificate);
    if (!certificate) {
        return tl::unexpected(certificate.error());
    }
    const auto verify = take_message(reader, authenticator, HandshakeType::certificate_verify);
    if (!verify) {
        return tl::unexpected(verify.error());
    }
    const size_t signed_length = reader.offset();
    const auto finished = take_message(reader, authenticator, HandshakeType::finished);
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    if (reader.left() != 0) {
        return refuse(AlertDescription::decode_error, "an authenticator that does not fit");
    }
    if (auto checked =
            check_finished(keys, request, authenticator.first(signed_length), finished->body);
        !checked) {
        return checked;
    }
    const auto chain = parse_certificate(certificate->body);
    if (!chain) {
        return tl::unexpected(chain.error());
    }
    Reader of_request(request);
    of_request.skip(4);
    if (!std::ranges::equal(chain->context, vector8(of_request)) || chain->chain.empty()) {
        return refuse(AlertDescription::illegal_parameter,
                      "an authenticator of another request, or without a certificate");
    }
    if (auto checked = check_peer(chain->chain, sender); !checked) {
        return checked;
    }
    const auto signature = parse_certificate_verify(verify->body);
    if (!signature) {
        return tl::unexpected(signature.error());
    }
    const auto& offered = configuration.signature_schemes;
    EVP_PKEY* key = X509_get0_pubkey(chain->chain.front().get());
    if (key == nullptr ||
        std::find(offered.begin(), offered.end(), signature->scheme) == offered.end()) {
        ERR_clear_error();
        return refuse(AlertDescription::illegal_parameter,
                      "an authenticator signed by an algorithm that was not asked for");
    }
    const auto hash = transcript_hash(keys, request, certificate->octets);
    if (!hash) {
        return tl::unexpected(hash.error());
    }
    return dtls13::verify(signature->scheme, key,
                          signature_content(kSignatureContext, hash->bytes()),
                          signature->signature);
}

Checked<void> check_empty_authenticator(const AuthenticatorKeys& keys, View request,
                                        View authenticator) {
    Reader reader(authenticator);
    const auto finished = take_message(reader, authenticator, HandshakeType::finished);
    if (!finished) {
        return tl::unexpected(finished.error());
    }
    if (reader.left() != 0) {
        return refuse(AlertDescription::decode_error, "an authenticator that does not fit");
    }
    return check_finished(keys, request, empty_certificate(request), finished->body);
}

}  // namespace sdg::keymgmt::dtls13
