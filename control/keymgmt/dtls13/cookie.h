// The cookie of a HelloRetryRequest (RFC 8446, section 4.2.2; RFC 9147, section 5.1): all that a
// server needs to go on after it, so that it may keep nothing for a client that has not shown that
// its address is its own.
//
// Pure functions, any thread.
#pragma once

#include <chrono>
#include <optional>

#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/key_derivation.h"
#include "foundation/clock.h"

namespace sdg::keymgmt::dtls13 {

struct CookieContent {
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
    NamedGroup group = NamedGroup::none;  // none: the HelloRetryRequest asked for no other group
    Digest client_hello;                  // hash of the first ClientHello, by the suite's hash
    TimePoint made{};
};

// peer_address: whatever tells the peer's address from another, not sent.
[[nodiscard]] Checked<Octets> make_cookie(View key, View peer_address,
                                          const CookieContent& content);
// Nothing: not made under this key for this address, or older than lifetime.
[[nodiscard]] std::optional<CookieContent> open_cookie(View key, View peer_address, View cookie,
                                                       TimePoint now,
                                                       std::chrono::nanoseconds lifetime);

}  // namespace sdg::keymgmt::dtls13
