#include "config/scalar.h"

#include <algorithm>
#include <charconv>

namespace sdg::config {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_hex(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// True when every bit from bit `from` to the end of the address has the value.
bool bits_are(const IpAddress& address, unsigned from, bool value) {
    for (size_t bit = from; bit < address.size() * 8; ++bit) {
        if (((address.octets[bit / 8] >> (7 - bit % 8)) & 1) != static_cast<int>(value)) {
            return false;
        }
    }
    return true;
}

// "dddd:bb:dd.f" or "bb:dd.f".
bool is_pci_address(std::string_view text) {
    constexpr std::string_view with_domain = "hhhh:hh:hh.h";
    std::string_view form = with_domain;
    if (text.size() == form.size() - 5) {
        form.remove_prefix(5);
    }
    return text.size() == form.size() &&
           std::equal(text.begin(), text.end(), form.begin(),
                      [](char c, char f) { return f == 'h' ? is_hex(c) : c == f; });
}

bool is_device(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    if (!is_one_line(text) || text.size() > 255) {
        return false;
    }
    const std::string_view device = text.substr(0, text.find(','));
    if (is_pci_address(device)) {
        return true;
    }
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) {
                           return device.starts_with(prefix) && device.size() > prefix.size();
                       }) &&
           device.size() < 64 &&
           std::all_of(device.begin(), device.end(), [](char c) { return is_word(c) || c == '_'; });
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
    int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, problem] = std::from_chars(text.data(), end, value);
    // "010" is eight to some readers of YAML and ten to others.
    const bool ambiguous = text.size() > 1 && text.front() == '0';
    if (text.empty() || ambiguous || problem != std::errc{} || stopped != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<double> parse_fraction(std::string_view text) {
    if (text.empty() || !is_digit(text.front())) {  // also keeps "inf" and "nan" out
        return std::nullopt;
    }
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stopped, problem] =
        std::from_chars(text.data(), end, value, std::chars_format::fixed);
    if (problem != std::errc{} || stopped != end) {
        return std::nullopt;
    }
    return value;
}

std::optional<bool> parse_boolean(std::string_view text) {
    if (text == "true" || text == "false") {
        return text == "true";
    }
    return std::nullopt;
}

std::optional<IpAddress> parse_address(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) {
        return std::nullopt;
    }
    return IpAddress::parse(text);
}

std::optional<Prefix> parse_prefix(std::string_view text) {
    const size_t slash = text.find('/');
    if (slash == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view digits = text.substr(slash + 1);
    const auto address = parse_address(text.substr(0, slash));
    const auto length = parse_integer(digits);
    if (!address || !length || digits.size() > 3 || *length < 0 ||
        *length > static_cast<int64_t>(address->size() * 8)) {
        return std::nullopt;
    }
    return Prefix{*address, static_cast<uint8_t>(*length)};
}

std::optional<MacAddress> parse_mac(std::string_view text) {
    constexpr std::string_view form = "hh:hh:hh:hh:hh:hh";
    if (text.size() != form.size() ||
        !std::equal(text.begin(), text.end(), form.begin(),
                    [](char c, char f) { return f == 'h' ? is_hex(c) : c == f; })) {
        return std::nullopt;
    }
    MacAddress out{};
    for (size_t i = 0; i < out.size(); ++i) {
        std::from_chars(text.data() + i * 3, text.data() + i * 3 + 2, out[i], 16);
    }
    const bool group = (out[0] & 1) != 0;
    if (group || out == MacAddress{}) {
        return std::nullopt;
    }
    return out;
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 32 && is_word(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return is_word(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_peer_name(std::string_view text) {
    if (text == "any") {
        return true;
    }
    if (!is_one_line(text) || text.size() > 1024 || text.find(' ') != std::string_view::npos) {
        return false;
    }
    const std::string_view value = text.substr(std::min(text.find(':') + 1, text.size()));
    if (text.starts_with("ip:")) {
        return parse_address(value).has_value();
    }
    if (text.starts_with("uri:")) {
        return value.find(':') != std::string_view::npos;
    }
    return text.starts_with("dns:") && !value.empty() && value.front() != '.' &&
           value.find("..") == std::string_view::npos &&
           std::all_of(value.begin(), value.end(),
                       [](char c) { return is_word(c) || c == '_' || c == '-' || c == '.'; });
}

bool is_device(std::string_view text) {
    return is_device(text, {"net_", "eth_", "virtio_user"});
}

bool is_crypto_device(std::string_view text) {
    return is_device(text, {"crypto_"});
}

bool is_one_line(std::string_view text) {
    return !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
        const auto octet = static_cast<unsigned char>(c);
        return octet < 0x20 || octet == 0x7f;
    });
}

bool is_loopback(const IpAddress& address) {
    return address.in_prefix(*IpAddress::parse("127.0.0.0"), 8) ||
           address.in_prefix(*IpAddress::parse("::1"), 128);
}

bool is_unicast(const IpAddress& address) {
    const auto& octet = address.octets;
    if (address.family == IpAddress::Family::v4) {
        return octet[0] != 0 && octet[0] != 127 && octet[0] < 224;
    }
    if (address.family == IpAddress::Family::v6) {
        const bool multicast = octet[0] == 0xff;
        // ::, ::1 and IPv4-mapped and -compatible addresses: nothing of ::/8 is a host on a wire.
        return !multicast && octet[0] != 0;
    }
    return false;
}

bool is_link_local(const IpAddress& address) {
    return address.family == IpAddress::Family::v6 && address.octets[0] == 0xfe &&
           (address.octets[1] & 0xc0) == 0x80;
}

bool is_host_in(const Prefix& prefix) {
    if (!is_unicast(prefix.address) || prefix.length == 0) {
        return false;
    }
    if (prefix.address.family == IpAddress::Family::v4 && prefix.length < 31) {
        return !bits_are(prefix.address, prefix.length, false) &&
               !bits_are(prefix.address, prefix.length, true);
    }
    return true;
}

bool is_network(const Prefix& prefix) {
    return bits_are(prefix.address, prefix.length, false);
}

}  // namespace sdg::config
