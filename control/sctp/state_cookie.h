// The State Cookie of the gateway: usrsctp's own, wrapped together with what the negotiation needs
// to remember, so that a responder keeps no state between INIT ACK and COOKIE ECHO (RFC
// 9260, 5.1.3).
//
// Content: both 0x8006 parameters (absent on plain legs), both verification tags, the virtual path
// that usrsctp's cookie is bound to, the time of creation, usrsctp's cookie; HMAC-SHA256 over all
// of it and the real four-tuple. Two keys: the current one, and the one before for as long as
// cookies made with it live. Keys exist in memory of this process only.
//
// Control thread only. Times are those of the injected clock.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "control/sctp/addressing.h"
#include "dataplane/packet/key_management_parameter.h"
#include "foundation/clock.h"
#include "foundation/random.h"
#include "foundation/secret_bytes.h"

namespace sdg::sctp {

struct CookieContent {
    uint32_t local_tag = 0;  // ours, the responder's; host byte order
    uint32_t peer_tag = 0;
    VirtualPath path;
    uint32_t restarts = 0;  // local tag of the association that the INIT would restart; 0: none
    std::optional<packet::KeyManagementParameter> local_parameter;
    std::optional<packet::KeyManagementParameter> peer_parameter;
    std::vector<uint8_t> inner;  // usrsctp's cookie
};

enum class CookieError : uint8_t {
    malformed,      // lengths do not fit, unknown form
    unknown_key,    // made with a key that is no longer held
    not_authentic,  // MAC wrong: changed, or made for another four-tuple
    expired,
};

struct CookieFault {
    CookieError error;
    // Of a cookie that is ours and whole but too old; 0 otherwise.
    uint32_t local_tag = 0;
    uint32_t peer_tag = 0;
    std::chrono::milliseconds past_lifetime{0};

    friend bool operator==(const CookieFault& fault, CookieError kind) {
        return fault.error == kind;
    }
};
[[nodiscard]] std::string_view description(CookieError error);

class StateCookie {
 public:
    // A key is used for rotation, then held for one lifetime more.
    StateCookie(std::chrono::milliseconds lifetime, std::chrono::seconds rotation, Random& random);

    [[nodiscard]] std::vector<uint8_t> wrap(const CookieContent& content, const FourTuple& tuple,
                                            TimePoint now);
    [[nodiscard]] tl::expected<CookieContent, CookieFault> unwrap(std::span<const uint8_t> cookie,
                                                                  const FourTuple& tuple,
                                                                  TimePoint now);

 private:
    struct Key {
        SecretBytes octets;
        uint8_t id = 0;
        TimePoint since{};
    };
    using Mac = std::array<uint8_t, 32>;

    void rotate(TimePoint now);
    [[nodiscard]] static Mac authenticate(const Key& key, std::span<const uint8_t> octets,
                                          const FourTuple& tuple);

    std::chrono::milliseconds lifetime_;
    std::chrono::seconds rotation_;
    Random& random_;
    std::optional<Key> current_;
    std::optional<Key> previous_;
};

}  // namespace sdg::sctp
