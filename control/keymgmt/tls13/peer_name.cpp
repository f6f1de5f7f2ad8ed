#include "control/keymgmt/tls13/peer_name.h"

#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>

#include "control/keymgmt/tls13/openssl_types.h"

namespace sdg::keymgmt::tls13 {
namespace {

constexpr size_t kMaxNames = 32;
constexpr size_t kMaxText = 256;

struct FreeNames {
    void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return lower(a) == lower(b);
}

std::string_view text_of(const ASN1_STRING* string) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
            static_cast<size_t>(ASN1_STRING_length(string))};
}

template <class Visit>  // bool(const GENERAL_NAME&): true ends the walk
bool any_name(X509* certificate, Visit visit) {
    const std::unique_ptr<GENERAL_NAMES, FreeNames> names{static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr))};
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (visit(*sk_GENERAL_NAME_value(names.get(), i))) {
            return true;
        }
    }
    return false;
}

// What a peer wrote must not garble a log.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, kMaxText));
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c > 0x7e; }, '?');
    return out;
}

struct SchemeAndHost {
    std::string_view scheme;
    std::string_view host;
    bool bare = false;  // nothing but the two
};

// "scheme:host" and "scheme://host" with what may follow; nullopt without a scheme or a host name.
std::optional<SchemeAndHost> scheme_and_host(std::string_view uri) {
    const size_t colon = uri.find(':');
    if (colon == std::string_view::npos || colon == 0) {
        return std::nullopt;
    }
    SchemeAndHost out{.scheme = uri.substr(0, colon), .host = {}};
    std::string_view rest = uri.substr(colon + 1);
    if (rest.starts_with("//")) {
        rest.remove_prefix(2);
    }
    const size_t end = rest.find_first_of("/?#;:");
    std::string_view authority = rest.substr(0, end);
    out.bare = end == std::string_view::npos;
    if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
        authority.remove_prefix(at + 1);
        out.bare = false;
    }
    if (authority.find('.') == std::string_view::npos) {
        return std::nullopt;
    }
    out.host = authority;
    return out;
}

}  // namespace

bool PeerIdentity::is_same_as(const PeerIdentity& other) const {
    return names == other.names && (!names.empty() || subject == other.subject);
}

std::string PeerIdentity::to_string() const {
    const std::string text = names.empty() ? subject : fmt::format("{}", fmt::join(names, ", "));
    return text.size() > kMaxText ? text.substr(0, kMaxText) + "..." : text;
}

std::string PeerIdentity::fingerprint() const {
    std::string all;
    for (const std::string& name : names) {
        all += fmt::format("{}:{}", name.size(), name);
    }
    if (names.empty()) {
        all = "subject:" + subject;
    }
    std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_Digest(all.data(), all.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        std::abort();  // only when memory is exhausted
    }
    return fmt::format("{:02x} {}", fmt::join(std::span(digest).first(length), ""), to_string());
}

PeerIdentity identity_of(X509* certificate) {
    PeerIdentity out;
    static_cast<void>(any_name(certificate, [&](const GENERAL_NAME& name) {
        switch (name.type) {
            case GEN_DNS:
                out.names.push_back("dns:" + lower(printable(text_of(name.d.dNSName))));
                break;
            case GEN_URI:
                out.names.push_back("uri:" + printable(text_of(name.d.uniformResourceIdentifier)));
                break;
            case GEN_IPADD: {
                const auto octets = text_of(name.d.iPAddress);
                std::string hex;
                for (const char c : octets.substr(0, 16)) {
                    hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
                }
                if (octets.size() == 4) {
                    hex = fmt::format("{}.{}.{}.{}", static_cast<uint8_t>(octets[0]),
                                      static_cast<uint8_t>(octets[1]),
                                      static_cast<uint8_t>(octets[2]),
                                      static_cast<uint8_t>(octets[3]));
                }
                out.names.push_back("ip:" + hex);
                break;
            }
            default:
                break;
        }
        return out.names.size() >= kMaxNames;
    }));
    std::sort(out.names.begin(), out.names.end());
    const BioPointer text{BIO_new(BIO_s_mem())};
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long length = BIO_get_mem_data(text.get(), &data);
    out.subject = printable({data, length > 0 ? static_cast<size_t>(length) : 0});
    return out;
}

Result<PeerName> PeerName::parse(std::string_view text) {
    const size_t colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    const std::string value(colon == std::string_view::npos ? "" : text.substr(colon + 1));
    if (value.empty() || value.size() > 1024) {
        return fail(ErrorCode::invalid_argument,
                    "peer name \"{}\": expected dns:NAME, uri:URI or ip:ADDRESS", printable(text));
    }
    if (kind == "dns") {
        const bool plain = std::all_of(value.begin(), value.end(), [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
        });
        if (!plain || value.front() == '.' || value.find("..") != std::string::npos) {
            return fail(ErrorCode::invalid_argument,
                        "peer name \"{}\": expected a host name without wildcards",
                        printable(text));
        }
        return PeerName(Kind::dns, lower(value));
    }
    if (kind == "uri") {
        if (value.find(':') == std::string::npos) {
            return fail(ErrorCode::invalid_argument,
                        "peer name \"{}\": expected a URI with a scheme", printable(text));
        }
        return PeerName(Kind::uri, value);
    }
    if (kind == "ip") {
        const auto address = IpAddress::parse(value);
        if (!address) {
            return fail(ErrorCode::invalid_argument,
                        "peer name \"{}\": expected an IPv4 or IPv6 address", printable(text));
        }
        PeerName out(Kind::ip, value);
        out.address_ = *address;
        return out;
    }
    return fail(ErrorCode::invalid_argument,
                "peer name \"{}\": expected dns:NAME, uri:URI or ip:ADDRESS", printable(text));
}

bool PeerName::matches_uri(X509* certificate) const {
    // A URN or any other whole URI is compared as it is; one of only scheme and host names the
    // service on that host, whatever follows (RFC 9525, section 6.5).
    const auto wanted = scheme_and_host(value_);
    return any_name(certificate, [&](const GENERAL_NAME& name) {
        if (name.type != GEN_URI) {
            return false;
        }
        const std::string_view presented = text_of(name.d.uniformResourceIdentifier);
        if (presented == value_) {
            return true;
        }
        const auto got = scheme_and_host(presented);
        return wanted && wanted->bare && got && equal_ignoring_case(wanted->scheme, got->scheme) &&
               equal_ignoring_case(wanted->host, got->host);
    });
}

bool PeerName::matches(X509* certificate) const {
    switch (kind_) {
        case Kind::dns:
            return X509_check_host(
                       certificate, value_.data(), value_.size(),
                       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                       nullptr) == 1;
        case Kind::ip: {
            const size_t length = address_.family == IpAddress::Family::v4 ? 4 : 16;
            return X509_check_ip(certificate, address_.octets.data(), length, 0) == 1;
        }
        case Kind::uri:
            return matches_uri(certificate);
    }
    return false;
}

std::string PeerName::to_string() const {
    switch (kind_) {
        case Kind::dns:
            return "dns:" + value_;
        case Kind::uri:
            return "uri:" + value_;
        case Kind::ip:
            return "ip:" + value_;
    }
    return {};
}

Result<PeerNames> PeerNames::parse(const std::vector<std::string>& texts) {
    PeerNames out;
    for (const std::string& text : texts) {
        if (text == "any") {
            if (texts.size() != 1) {
                return fail(ErrorCode::invalid_argument,
                            "peer names: \"any\" stands alone or not at all");
            }
            out.any = true;
            return out;
        }
        auto name = PeerName::parse(text);
        if (!name) {
            return tl::unexpected(name.error());
        }
        out.names.push_back(std::move(*name));
    }
    if (out.names.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "peer names: expected at least one name, or \"any\"");
    }
    return out;
}

bool PeerNames::match(X509* certificate) const {
    return any || std::any_of(names.begin(), names.end(), [certificate](const PeerName& name) {
               return name.matches(certificate);
           });
}

std::string PeerNames::to_string() const {
    if (any) {
        return "any";
    }
    std::string out;
    for (const PeerName& name : names) {
        out += (out.empty() ? "" : ", ") + name.to_string();
    }
    return out;
}

}  // namespace sdg::keymgmt::tls13
