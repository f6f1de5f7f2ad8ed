// Octets written as hexadecimal text in tests.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace sdg::test {

// Blanks are skipped; anything else that is not a pair of hexadecimal digits throws.
inline std::vector<uint8_t> from_hex(std::string_view text) {
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        if (c >= 'a' && c <= 'f') {
            return c - 'a' + 10;
        }
        if (c >= 'A' && c <= 'F') {
            return c - 'A' + 10;
        }
        throw std::invalid_argument("not hexadecimal");
    };
    std::vector<uint8_t> octets;
    int high = -1;
    for (const char c : text) {
        if (c == ' ' || c == '\n') {
            continue;
        }
        if (high < 0) {
            high = digit(c);
        } else {
            octets.push_back(static_cast<uint8_t>(high << 4 | digit(c)));
            high = -1;
        }
    }
    if (high >= 0) {
        throw std::invalid_argument("odd number of hexadecimal digits");
    }
    return octets;
}

}  // namespace sdg::test
