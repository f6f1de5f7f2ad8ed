// ClientHello, ServerHello and HelloRetryRequest (RFC 8446, section 4.1; RFC 9147, section 5.3).
//
// Views in parsed messages refer to the body given. Pure, any thread.
#pragma once

#include "control/keymgmt/dtls13/extensions.h"
#include "dataplane/record/suite.h"

namespace sdg::keymgmt::dtls13 {

inline constexpr size_t kRandomLength = 32;
using HelloRandom = std::array<uint8_t, kRandomLength>;

struct ClientHello {
    HelloRandom random{};
    std::vector<record::Suite> suites;  // the peer's order; may contain values we do not know
    std::vector<NamedGroup> groups;
    std::vector<SignatureScheme> signature_schemes;
    std::vector<KeyShareEntry> key_shares;
    std::optional<View> cookie;
    bool extended_key_update = false;
};
// The alerts are those of RFC 8446 for each fault, among them protocol_version when DTLS 1.3 is
// not offered and missing_extension.
[[nodiscard]] Checked<ClientHello> parse_client_hello(View body);
[[nodiscard]] Octets client_hello_body(const ClientHello& hello);

struct ServerHello {
    HelloRandom random{};
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
    bool is_hello_retry = false;
    // ServerHello: the server's share. HelloRetryRequest: the group asked for, if one was.
    KeyShareEntry key_share;
    std::optional<View> cookie;  // HelloRetryRequest only
};
[[nodiscard]] Checked<ServerHello> parse_server_hello(View body);
[[nodiscard]] Octets server_hello_body(const ServerHello& hello);

}  // namespace sdg::keymgmt::dtls13
