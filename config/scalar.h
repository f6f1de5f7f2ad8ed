// Values of single words: each parser takes the whole text or refuses it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "config/configuration.h"
#include "foundation/ip_address.h"

namespace sdg::config {

[[nodiscard]] std::optional<int64_t> parse_integer(std::string_view text);  // decimal
[[nodiscard]] std::optional<double> parse_fraction(std::string_view text);  // finite, no exponent
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);     // true, false
[[nodiscard]] std::optional<IpAddress> parse_address(std::string_view text);
// Address, '/', length within the family's; whatever the address is.
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text);
// Six octets in hexadecimal with colons; unicast and not all zero.
[[nodiscard]] std::optional<MacAddress> parse_mac(std::string_view text);

[[nodiscard]] bool is_name(std::string_view text);
// "any", or "dns:", "uri:" or "ip:" with something behind it that can be one.
[[nodiscard]] bool is_peer_name(std::string_view text);
[[nodiscard]] bool is_device(std::string_view text);
[[nodiscard]] bool is_crypto_device(std::string_view text);
[[nodiscard]] bool is_one_line(std::string_view text);  // not empty, no control characters

// An address one host can have: not unspecified, loopback, multicast or reserved.
[[nodiscard]] bool is_unicast(const IpAddress& address);
[[nodiscard]] bool is_loopback(const IpAddress& address);    // 127.0.0.0/8, ::1
[[nodiscard]] bool is_link_local(const IpAddress& address);  // fe80::/10
// Unicast, and not the network's own or broadcast address of an IPv4 prefix.
[[nodiscard]] bool is_host_in(const Prefix& prefix);
// No bits set after the prefix.
[[nodiscard]] bool is_network(const Prefix& prefix);

}  // namespace sdg::config
