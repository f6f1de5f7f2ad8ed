#include "tools/ctl/printable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace sdg::ctl {
namespace {

struct CodePoint {
    uint32_t value = 0;
    size_t length = 1;  // octets
    bool valid = false;
};

// The first code point of a text that is not empty.
CodePoint first_of(std::string_view text) {
    const auto octet = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
    const uint8_t lead = octet(0);
    if (lead < 0x80) {
        return {lead, 1, true};
    }
    const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) {
        return {};
    }
    uint32_t value = lead & (0x7fU >> length);
    for (size_t i = 1; i < length; ++i) {
        if ((octet(i) & 0xc0U) != 0x80) {
            return {};
        }
        value = value << 6U | (octet(i) & 0x3fU);
    }
    constexpr std::array<uint32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = value >= 0xd800 && value <= 0xdfff;
    if (value < least[length] || value > 0x10ffff || surrogate) {
        return {};
    }
    return {value, length, true};
}

using Range = std::pair<uint32_t, uint32_t>;

// Controls; combining marks of all scripts that have a block of their own for them; zero width and
// direction; what is no character; private use.
constexpr std::array<Range, 18> kRefused{{{0, 0x1f},
                                          {0x7f, 0x9f},
                                          {0xad, 0xad},
                                          {0x300, 0x36f},
                                          {0x483, 0x489},
                                          {0x591, 0x5c7},
                                          {0x610, 0x61c},
                                          {0x64b, 0x65f},
                                          {0x1ab0, 0x1aff},
                                          {0x1dc0, 0x1dff},
                                          {0x200b, 0x200f},
                                          {0x2028, 0x202e},
                                          {0x2060, 0x206f},
                                          {0x20d0, 0x20ff},
                                          {0xe000, 0xf8ff},
                                          {0xfe00, 0xfe0f},
                                          {0xfeff, 0xfeff},
                                          {0xfff0, 0xffff}}};
constexpr std::array<Range, 10> kWide{{{0x1100, 0x115f},
                                       {0x2e80, 0x303e},
                                       {0x3041, 0xa4cf},
                                       {0xac00, 0xd7a3},
                                       {0xf900, 0xfaff},
                                       {0xfe30, 0xfe6f},
                                       {0xff00, 0xff60},
                                       {0xffe0, 0xffe6},
                                       {0x1f300, 0x1faff},
                                       {0x20000, 0x3fffd}}};

template <class Ranges>
bool is_in(const Ranges& ranges, uint32_t value) {
    return std::ranges::any_of(
        ranges, [&](const Range& range) { return value >= range.first && value <= range.second; });
}

}  // namespace

std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const CodePoint point = first_of(text);
        if (point.valid && !is_in(kRefused, point.value) && point.value < 0xe0000) {
            out += text.substr(0, point.length);
        } else {
            out += '?';
        }
        text.remove_prefix(point.length);
    }
    return out;
}

size_t columns_of(std::string_view text) {
    size_t columns = 0;
    while (!text.empty()) {
        const CodePoint point = first_of(text);
        columns += is_in(kWide, point.value) ? 2 : 1;
        text.remove_prefix(point.length);
    }
    return columns;
}

std::string fitted(std::string_view text, size_t columns, bool right) {
    size_t taken = 0;
    size_t octets = 0;
    while (octets < text.size()) {
        const CodePoint point = first_of(text.substr(octets));
        const size_t width = is_in(kWide, point.value) ? 2 : 1;
        if (taken + width > columns) {
            break;
        }
        taken += width;
        octets += point.length;
    }
    const std::string kept(text.substr(0, octets));
    const std::string space(columns - taken, ' ');
    return right ? space + kept : kept + space;
}

}  // namespace sdg::ctl
