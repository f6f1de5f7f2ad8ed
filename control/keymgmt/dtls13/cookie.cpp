#include "control/keymgmt/dtls13/cookie.h"

#include <algorithm>

namespace sdg::keymgmt::dtls13 {
namespace {

constexpr Hash kMac{"SHA256", 32};

Checked<Digest> mac_of(View key, View peer_address, View content) {
    Writer input;
    input.vector<2>(peer_address).bytes(content);
    return hmac(kMac, key, input.take());
}

}  // namespace

Checked<Octets> make_cookie(View key, View peer_address, const CookieContent& content) {
    Writer out;
    out.be16(static_cast<uint16_t>(content.suite))
        .be16(static_cast<uint16_t>(content.group))
        .be64(static_cast<uint64_t>(content.made.count()))
        .vector<1>(content.client_hello.bytes());
    Octets octets = out.take();
    const auto mac = mac_of(key, peer_address, octets);
    if (!mac) {
        return tl::unexpected(mac.error());
    }
    octets.insert(octets.end(), mac->bytes().begin(), mac->bytes().end());
    return octets;
}

std::optional<CookieContent> open_cookie(View key, View peer_address, View cookie, TimePoint now,
                                         std::chrono::nanoseconds lifetime) {
    if (cookie.size() <= kMac.length) {
        return std::nullopt;
    }
    const View content = cookie.first(cookie.size() - kMac.length);
    const auto mac = mac_of(key, peer_address, content);
    if (!mac || !equal_constant_time(mac->bytes(), cookie.last(kMac.length))) {
        return std::nullopt;
    }
    Reader reader(content);
    CookieContent out;
    const auto suite = record::suite_from_id(reader.be16());
    out.group = static_cast<NamedGroup>(reader.be16());
    out.made = TimePoint(static_cast<TimePoint::rep>(be64(reader)));
    const View hash = vector8(reader);
    if (!reader.ok() || reader.left() != 0 || !suite || hash.size() != Hash::of(*suite).length ||
        out.made > now || now - out.made > lifetime) {
        return std::nullopt;
    }
    out.suite = *suite;
    std::copy(hash.begin(), hash.end(), out.client_hello.octets.begin());
    out.client_hello.length = hash.size();
    return out;
}

}  // namespace sdg::keymgmt::dtls13
