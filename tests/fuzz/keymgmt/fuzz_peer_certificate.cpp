// Any octets as a peer's certificate (DER), and as the text of an expected name: who it says it is
// stays printable and bounded, and a certificate is the same peer as itself.
#include <openssl/err.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "control/keymgmt/tls13/openssl_types.h"
#include "control/keymgmt/tls13/peer_name.h"
#include "tests/fuzz/packet/require.h"

namespace {

using namespace sdg;
using namespace sdg::keymgmt::tls13;
using fuzz::require;

constexpr size_t kMostText = 20'000;

struct FreeCertificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto name = PeerName::parse(text);
    require(name || is_printable(name.error().message));
    require(!name || PeerName::parse(name->to_string())->to_string() == name->to_string());
    for (const size_t count : {0, 1, 2}) {
        const auto names = PeerNames::parse(std::vector<std::string>(count, std::string(text)));
        require(names.has_value() == (count != 0 && (name || (count == 1 && text == "any"))));
        require(!names || names->any || names->names.size() == count);
        require(!names || !names->to_string().empty());
    }

    const uint8_t* at = data;
    const std::unique_ptr<X509, FreeCertificate> certificate(
        d2i_X509(nullptr, &at, static_cast<long>(size)));
    ERR_clear_error();
    if (!certificate) {
        return 0;
    }
    const PeerIdentity who = identity_of(certificate.get());
    require(is_printable(who.to_string()) && who.to_string().size() < kMostText);
    require(who.fingerprint().size() < kMostText && who.is_same_as(identity_of(certificate.get())));
    for (const std::string& one : who.names) {
        require(is_printable(one));
    }
    static const PeerNames expected =
        *PeerNames::parse({"dns:a.example", "ip:10.0.0.1", "ip:fd00::1", "uri:sip:a.example",
                           "uri:https://B.example", "uri:urn:nf:1"});
    bool any = false;
    for (const PeerName& one : expected.names) {
        any = one.matches(certificate.get()) || any;
    }
    require(expected.match(certificate.get()) == any);
    require(PeerNames::parse({"any"})->match(certificate.get()));
    ERR_clear_error();
    return 0;
}
