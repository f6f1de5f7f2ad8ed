#include "control/keymgmt/dtls13/hello.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

// SHA-256 of "HelloRetryRequest" (RFC 8446, section 4.1.3).
constexpr HelloRandom kHelloRetryRandom = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

constexpr size_t kMaxSessionId = 32;

Octets two_octets(uint16_t value) {
    Writer out;
    out.be16(value);
    return out.take();
}

Checked<void> parse_versions(View data) {
    Reader reader(data);
    Reader list(vector8(reader));
    if (!reader.ok() || reader.left() != 0 || list.left() < 2 || list.left() % 2 != 0) {
        return refuse(AlertDescription::decode_error, "supported_versions that do not fit");
    }
    while (list.left() > 0) {
        if (list.be16() == kDtls13) {
            return {};
        }
    }
    return refuse(AlertDescription::protocol_version, "the peer does not offer DTLS 1.3");
}

Checked<View> parse_cookie(View data) {
    Reader reader(data);
    const View cookie = vector16(reader);
    if (!reader.ok() || reader.left() != 0 || cookie.empty()) {
        return refuse(AlertDescription::decode_error, "a cookie that does not fit");
    }
    return cookie;
}

Checked<std::vector<KeyShareEntry>> parse_client_shares(View data,
                                                        std::span<const NamedGroup> groups) {
    Reader reader(data);
    Reader list(vector16(reader));
    if (!reader.ok() || reader.left() != 0) {
        return refuse(AlertDescription::decode_error, "key shares that do not fit");
    }
    std::vector<KeyShareEntry> out;
    while (list.left() > 0) {
        const auto entry = parse_key_share_entry(list);
        if (!entry) {
            return tl::unexpected(entry.error());
        }
        const auto same = [&](const KeyShareEntry& one) { return one.group == entry->group; };
        if (std::find(groups.begin(), groups.end(), entry->group) == groups.end() ||
            std::any_of(out.begin(), out.end(), same)) {
            return refuse(AlertDescription::illegal_parameter,
                          "a key share of a group twice, or of one that is not offered");
        }
        out.push_back(*entry);
    }
    return out;
}

Checked<void> parse_client_extensions(const Extensions& extensions, ClientHello& out) {
    const Extension* versions = find(extensions, ExtensionType::supported_versions);
    if (versions == nullptr) {
        return refuse(AlertDescription::protocol_version, "the peer does not offer DTLS 1.3");
    }
    if (auto parsed = parse_versions(versions->data); !parsed) {
        return parsed;
    }
    const Extension* groups = find(extensions, ExtensionType::supported_groups);
    const Extension* schemes = find(extensions, ExtensionType::signature_algorithms);
    const Extension* shares = find(extensions, ExtensionType::key_share);
    if (groups == nullptr || schemes == nullptr || shares == nullptr) {
        return refuse(AlertDescription::missing_extension,
                      "a ClientHello without supported_groups, signature_algorithms or key_share");
    }
    auto parsed_groups = parse_codes<NamedGroup>(groups->data);
    if (!parsed_groups) {
        return tl::unexpected(parsed_groups.error());
    }
    auto parsed_schemes = parse_codes<SignatureScheme>(schemes->data);
    if (!parsed_schemes) {
        return tl::unexpected(parsed_schemes.error());
    }
    auto parsed_shares = parse_client_shares(shares->data, *parsed_groups);
    if (!parsed_shares) {
        return tl::unexpected(parsed_shares.error());
    }
    out.groups = std::move(*parsed_groups);
    out.signature_schemes = std::move(*parsed_schemes);
    out.key_shares = std::move(*parsed_shares);
    if (const Extension* cookie = find(extensions, ExtensionType::cookie); cookie != nullptr) {
        const auto parsed = parse_cookie(cookie->data);
        if (!parsed) {
            return tl::unexpected(parsed.error());
        }
        out.cookie = *parsed;
    }
    if (const Extension* flags = find(extensions, ExtensionType::tls_flags); flags != nullptr) {
        const auto parsed = parse_flags(flags->data, kExtendedKeyUpdateFlag, true);
        if (!parsed) {
            return tl::unexpected(parsed.error());
        }
        out.extended_key_update = *parsed;
    }
    // RFC 8446, section 4.2.11: nothing comes behind pre_shared_key.
    if (find(extensions, ExtensionType::pre_shared_key) != nullptr &&
        extensions.back().type != ExtensionType::pre_shared_key) {
        return refuse(AlertDescription::illegal_parameter, "pre_shared_key is not the last");
    }
    return {};
}

// The extension block that ends a message.
Checked<Extensions> parse_last_extensions(Reader& reader, std::string_view message) {
    auto extensions = parse_extensions(reader);
    if (extensions && reader.left() != 0) {
        return refuse(AlertDescription::decode_error, "a {} with something behind it", message);
    }
    return extensions;
}

}  // namespace

Checked<ClientHello> parse_client_hello(View body) {
    Reader reader(body);
    ClientHello out;
    const uint16_t legacy_version = reader.be16();
    const View random = reader.bytes(kRandomLength);
    const View session_id = vector8(reader);
    const View legacy_cookie = vector8(reader);
    Reader suites(vector16(reader));
    const View compression = vector8(reader);
    if (!reader.ok() || session_id.size() > kMaxSessionId || suites.left() < 2 ||
        suites.left() % 2 != 0 || compression.empty()) {
        return refuse(AlertDescription::decode_error, "a ClientHello that does not fit");
    }
    if (legacy_version != kDtls12) {
        return refuse(AlertDescription::protocol_version, "a ClientHello of version {:#06x}",
                      legacy_version);
    }
    std::copy(random.begin(), random.end(), out.random.begin());
    while (suites.left() > 0) {
        out.suites.push_back(static_cast<record::Suite>(suites.be16()));
    }
    if (reader.left() == 0) {
        return refuse(AlertDescription::protocol_version, "the peer does not offer DTLS 1.3");
    }
    const auto extensions = parse_last_extensions(reader, "ClientHello");
    if (!extensions) {
        return tl::unexpected(extensions.error());
    }
    if (auto parsed = parse_client_extensions(*extensions, out); !parsed) {
        return tl::unexpected(parsed.error());
    }
    if (!legacy_cookie.empty() || compression.size() != 1 || compression[0] != 0) {
        return refuse(AlertDescription::illegal_parameter,
                      "a ClientHello with a legacy cookie or compression");
    }
    return out;
}

Octets client_hello_body(const ClientHello& hello) {
    Writer out;
    out.be16(kDtls12).bytes(hello.random).u8(0).u8(0);
    out.bytes(codes<record::Suite>(hello.suites));
    out.u8(1).u8(0);  // no compression
    out.vector<2>([&](Writer& extensions) {
        Writer versions;
        versions.vector<1>(two_octets(kDtls13));
        write_extension(extensions, ExtensionType::supported_versions, versions.take());
        write_extension(extensions, ExtensionType::supported_groups,
                        codes<NamedGroup>(hello.groups));
        write_extension(extensions, ExtensionType::signature_algorithms,
                        codes<SignatureScheme>(hello.signature_schemes));
        Writer shares;
        shares.vector<2>([&](Writer& list) {
            for (const KeyShareEntry& share : hello.key_shares) {
                write_key_share_entry(list, share.group, share.key_exchange);
            }
        });
        write_extension(extensions, ExtensionType::key_share, shares.take());
        if (hello.cookie) {
            Writer cookie;
            cookie.vector<2>(*hello.cookie);
            write_extension(extensions, ExtensionType::cookie, cookie.take());
        }
        if (hello.extended_key_update) {
            write_extension(extensions, ExtensionType::tls_flags,
                            flags_with(kExtendedKeyUpdateFlag));
        }
    });
    return out.take();
}

Checked<ServerHello> parse_server_hello(View body) {
    Reader reader(body);
    ServerHello out;
    const uint16_t legacy_version = reader.be16();
    const View random = reader.bytes(kRandomLength);
    const View session_id = vector8(reader);
    const uint16_t suite = reader.be16();
    const uint8_t compression = reader.u8();
    if (!reader.ok()) {
        return refuse(AlertDescription::decode_error, "a ServerHello that does not fit");
    }
    if (reader.left() == 0 || legacy_version != kDtls12) {
        return refuse(AlertDescription::protocol_version, "the peer does not speak DTLS 1.3");
    }
    const auto extensions = parse_last_extensions(reader, "ServerHello");
    if (!extensions) {
        return tl::unexpected(extensions.error());
    }
    const Extension* version = find(*extensions, ExtensionType::supported_versions);
    if (version == nullptr) {
        return refuse(AlertDescription::protocol_version, "the peer does not speak DTLS 1.3");
    }
    std::copy(random.begin(), random.end(), out.random.begin());
    out.is_hello_retry = out.random == kHelloRetryRandom;
    const auto allowed =
        out.is_hello_retry
            ? check_answer(*extensions, {ExtensionType::supported_versions,
                                         ExtensionType::key_share, ExtensionType::cookie})
            : check_answer(*extensions,
                           {ExtensionType::supported_versions, ExtensionType::key_share});
    if (!allowed) {
        return tl::unexpected(allowed.error());
    }
    const auto known_suite = record::suite_from_id(suite);
    if (!std::ranges::equal(version->data, two_octets(kDtls13)) || !session_id.empty() ||
        compression != 0 || !known_suite) {
        return refuse(AlertDescription::illegal_parameter,
                      "a ServerHello with a version, session, suite or compression nobody offered");
    }
    out.suite = *known_suite;
    const Extension* share = find(*extensions, ExtensionType::key_share);
    if (share == nullptr && !out.is_hello_retry) {
        return refuse(AlertDescription::missing_extension, "a ServerHello without key_share");
    }
    if (share != nullptr) {
        Reader data(share->data);
        if (out.is_hello_retry) {
            out.key_share.group = static_cast<NamedGroup>(data.be16());
        } else {
            const auto entry = parse_key_share_entry(data);
            if (!entry) {
                return tl::unexpected(entry.error());
            }
            out.key_share = *entry;
        }
        if (!data.ok() || data.left() != 0) {
            return refuse(AlertDescription::decode_error, "a key share that does not fit");
        }
        if (out.key_share.group == NamedGroup::none) {
            // Would read as an absent key_share.
            return refuse(AlertDescription::illegal_parameter, "a key share of group 0");
        }
    }
    if (const Extension* cookie = find(*extensions, ExtensionType::cookie); cookie != nullptr) {
        const auto parsed = parse_cookie(cookie->data);
        if (!parsed) {
            return tl::unexpected(parsed.error());
        }
        out.cookie = *parsed;
    }
    return out;
}

Octets server_hello_body(const ServerHello& hello) {
    Writer out;
    out.be16(kDtls12)
        .bytes(hello.is_hello_retry ? kHelloRetryRandom : hello.random)
        .u8(0)
        .be16(static_cast<uint16_t>(hello.suite))
        .u8(0);
    out.vector<2>([&](Writer& extensions) {
        write_extension(extensions, ExtensionType::supported_versions, two_octets(kDtls13));
        Writer share;
        if (hello.is_hello_retry) {
            share.be16(static_cast<uint16_t>(hello.key_share.group));
        } else {
            write_key_share_entry(share, hello.key_share.group, hello.key_share.key_exchange);
        }
        if (hello.key_share.group != NamedGroup::none) {
            write_extension(extensions, ExtensionType::key_share, share.take());
        }
        if (hello.cookie) {
            Writer cookie;
            cookie.vector<2>(*hello.cookie);
            write_extension(extensions, ExtensionType::cookie, cookie.take());
        }
    });
    return out.take();
}

}  // namespace sdg::keymgmt::dtls13
