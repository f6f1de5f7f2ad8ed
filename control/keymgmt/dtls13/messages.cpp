#include "control/keymgmt/dtls13/messages.h"

namespace sdg::keymgmt::dtls13 {
namespace {

tl::unexpected<Alert> does_not_fit(std::string_view what) {
    return refuse(AlertDescription::decode_error, "{} that does not fit", what);
}

}  // namespace

Checked<EncryptedExtensions> parse_encrypted_extensions(View body, bool offered) {
    Reader reader(body);
    const auto extensions = parse_extensions(reader);
    if (!extensions) {
        return tl::unexpected(extensions.error());
    }
    if (reader.left() != 0) {
        return does_not_fit("EncryptedExtensions");
    }
    const auto allowed =
        offered
            ? check_answer(*extensions, {ExtensionType::supported_groups, ExtensionType::tls_flags})
            : check_answer(*extensions, {ExtensionType::supported_groups});
    if (!allowed) {
        return tl::unexpected(allowed.error());
    }
    EncryptedExtensions out;
    if (const Extension* flags = find(*extensions, ExtensionType::tls_flags); flags != nullptr) {
        const auto parsed = parse_flags(flags->data, kExtendedKeyUpdateFlag, false);
        if (!parsed) {
            return tl::unexpected(parsed.error());
        }
        out.extended_key_update = *parsed;
    }
    return out;
}

Octets encrypted_extensions_body(const EncryptedExtensions& message) {
    Writer out;
    out.vector<2>([&](Writer& extensions) {
        if (message.extended_key_update) {
            write_extension(extensions, ExtensionType::tls_flags,
                            flags_with(kExtendedKeyUpdateFlag));
        }
    });
    return out.take();
}

Checked<CertificateRequest> parse_certificate_request(View body) {
    Reader reader(body);
    CertificateRequest out;
    out.context = vector8(reader);
    const auto extensions = parse_extensions(reader);
    if (!extensions) {
        return tl::unexpected(extensions.error());
    }
    if (reader.left() != 0) {
        return does_not_fit("a CertificateRequest");
    }
    for (const ExtensionType type :
         {ExtensionType::supported_groups, ExtensionType::pre_shared_key, ExtensionType::early_data,
          ExtensionType::supported_versions, ExtensionType::cookie,
          ExtensionType::psk_key_exchange_modes, ExtensionType::post_handshake_auth,
          ExtensionType::key_share}) {
        if (find(*extensions, type) != nullptr) {
            return refuse(AlertDescription::illegal_parameter,
                          "extension {} in a CertificateRequest", static_cast<unsigned>(type));
        }
    }
    const Extension* schemes = find(*extensions, ExtensionType::signature_algorithms);
    if (schemes == nullptr) {
        return refuse(AlertDescription::missing_extension,
                      "a CertificateRequest without signature_algorithms");
    }
    auto parsed = parse_codes<SignatureScheme>(schemes->data);
    if (!parsed) {
        return tl::unexpected(parsed.error());
    }
    out.signature_schemes = std::move(*parsed);
    return out;
}

Octets certificate_request_body(const CertificateRequest& message) {
    Writer out;
    out.vector<1>(message.context);
    out.vector<2>([&](Writer& extensions) {
        write_extension(extensions, ExtensionType::signature_algorithms,
                        codes<SignatureScheme>(message.signature_schemes));
    });
    return out.take();
}

Checked<CertificateMessage> parse_certificate(View body) {
    Reader reader(body);
    CertificateMessage out;
    out.context = vector8(reader);
    Reader list(vector24(reader));
    if (!reader.ok() || reader.left() != 0) {
        return does_not_fit("a Certificate");
    }
    while (list.left() > 0) {
        const View der = vector24(list);
        const auto extensions = parse_extensions(list);
        if (!extensions) {
            return tl::unexpected(extensions.error());
        }
        if (der.empty()) {
            return does_not_fit("a Certificate");
        }
        if (auto allowed = check_answer(*extensions, {}); !allowed) {
            return tl::unexpected(allowed.error());
        }
        const uint8_t* at = der.data();
        CertificatePointer certificate{d2i_X509(nullptr, &at, static_cast<long>(der.size()))};
        if (!certificate || at != der.data() + der.size() || out.chain.size() == kMaxChain) {
            ERR_clear_error();
            return refuse(AlertDescription::bad_certificate,
                          "a certificate that is not X.509, or a chain of more than {}", kMaxChain);
        }
        out.chain.push_back(std::move(certificate));
    }
    return out;
}

Octets certificate_body(View context, std::span<const Octets> chain) {
    Writer out;
    out.vector<1>(context);
    out.vector<3>([&](Writer& list) {
        for (const Octets& der : chain) {
            list.vector<3>(der).be16(0);
        }
    });
    return out.take();
}

Checked<CertificateVerify> parse_certificate_verify(View body) {
    Reader reader(body);
    CertificateVerify out;
    out.scheme = static_cast<SignatureScheme>(reader.be16());
    out.signature = vector16(reader);
    if (!reader.ok() || reader.left() != 0) {
        return does_not_fit("a CertificateVerify");
    }
    return out;
}

Octets certificate_verify_body(const CertificateVerify& message) {
    Writer out;
    out.be16(static_cast<uint16_t>(message.scheme)).vector<2>(message.signature);
    return out.take();
}

Checked<ExtendedKeyUpdate> parse_extended_key_update(View body) {
    Reader reader(body);
    ExtendedKeyUpdate out;
    out.type = static_cast<ExtendedKeyUpdateType>(reader.u8());
    if (!reader.ok()) {
        return does_not_fit("an ExtendedKeyUpdate");
    }
    switch (out.type) {
        case ExtendedKeyUpdateType::key_update_request:
        case ExtendedKeyUpdateType::key_update_response: {
            const auto share = parse_key_share_entry(reader);
            if (!share) {
                return tl::unexpected(share.error());
            }
            out.key_share = *share;
            break;
        }
        case ExtendedKeyUpdateType::new_key_update:
            break;
        default:
            return refuse(AlertDescription::unexpected_message, "an ExtendedKeyUpdate of type {}",
                          static_cast<unsigned>(out.type));
    }
    if (reader.left() != 0) {
        return does_not_fit("an ExtendedKeyUpdate");
    }
    return out;
}

Octets extended_key_update_body(const ExtendedKeyUpdate& message) {
    Writer out;
    out.u8(static_cast<uint8_t>(message.type));
    if (message.type != ExtendedKeyUpdateType::new_key_update) {
        write_key_share_entry(out, message.key_share.group, message.key_share.key_exchange);
    }
    return out.take();
}

}  // namespace sdg::keymgmt::dtls13
