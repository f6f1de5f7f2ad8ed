// Who a certificate says the peer is, and who it may be.
//
// Reference identifiers are written "dns:NAME", "uri:URI" or "ip:ADDRESS" and compared with the
// subjectAltName of the peer's certificate by the rules of RFC 9525; the subject's common name is
// never looked at. Control thread.
#pragma once

#include <openssl/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "foundation/ip_address.h"
#include "foundation/result.h"

namespace sdg::keymgmt::tls13 {

// What a verified certificate says. Kept for the life of an association, which must not change it.
struct PeerIdentity {
    std::vector<std::string> names;  // subjectAltName as "dns:...", "uri:...", "ip:...", sorted
    std::string subject;             // RFC 4514 text, escaped
    int64_t not_after = 0;           // the chain's earliest end, seconds of Unix time

    // The same subject: equal names, or equal subjects when neither has names. Keys, serial numbers
    // and issuers may differ: certificates are renewed.
    [[nodiscard]] bool is_same_as(const PeerIdentity& other) const;
    // For the log: printable and of bounded length.
    [[nodiscard]] std::string to_string() const;
    // Equal for two identities exactly when they are the same, of bounded length: to be stored. A
    // hash, then what to_string() says.
    [[nodiscard]] std::string fingerprint() const;
};
[[nodiscard]] PeerIdentity identity_of(X509* certificate);

class PeerName {
 public:
    // invalid_argument says what was expected. No wildcards: those belong into certificates.
    [[nodiscard]] static Result<PeerName> parse(std::string_view text);
    [[nodiscard]] bool matches(X509* certificate) const;
    [[nodiscard]] std::string to_string() const;

 private:
    enum class Kind { dns, uri, ip };
    PeerName(Kind kind, std::string value) : kind_(kind), value_(std::move(value)) {}
    [[nodiscard]] bool matches_uri(X509* certificate) const;

    Kind kind_;
    std::string value_;
    IpAddress address_;
};

// The peers that a listener or a backend takes.
struct PeerNames {
    bool any = false;  // whoever the trusted authorities have certified
    std::vector<PeerName> names;

    // "any" alone, or a list of names.
    [[nodiscard]] static Result<PeerNames> parse(const std::vector<std::string>& texts);
    [[nodiscard]] bool match(X509* certificate) const;
    [[nodiscard]] std::string to_string() const;
};

}  // namespace sdg::keymgmt::tls13
