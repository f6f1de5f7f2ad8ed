// An IPv4 or IPv6 address as a value: comparable, hashable, printable.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sdg {

struct IpAddress {
    enum class Family : uint8_t { none = 0, v4 = 4, v6 = 6 };

    // Network byte order; IPv4 uses the first four octets, the rest is zero.
    std::array<uint8_t, 16> octets{};
    Family family = Family::none;

    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] static IpAddress v4(const uint8_t* four_octets) {
        IpAddress out;
        std::memcpy(out.octets.data(), four_octets, 4);
        out.family = Family::v4;
        return out;
    }
    [[nodiscard]] static IpAddress v6(const uint8_t* sixteen_octets) {
        IpAddress out;
        std::memcpy(out.octets.data(), sixteen_octets, 16);
        out.family = Family::v6;
        return out;
    }
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] size_t size() const {
        return family == Family::v4 ? 4 : family == Family::v6 ? 16 : 0;
    }
    [[nodiscard]] bool is_set() const { return family != Family::none; }
    // True when the first prefix_length bits are equal and the family is the same.
    [[nodiscard]] bool in_prefix(const IpAddress& prefix, unsigned prefix_length) const;

    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

}  // namespace sdg

template <>
struct std::hash<sdg::IpAddress> {
    size_t operator()(const sdg::IpAddress& address) const noexcept {
        return std::hash<std::string_view>{}(
            {reinterpret_cast<const char*>(address.octets.data()), address.octets.size()});
    }
};
