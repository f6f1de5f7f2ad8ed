#include "control/keymgmt/preshared/key_file.h"

#include <optional>
#include <string_view>

#include "control/keymgmt/owner_only_file.h"

namespace sdg::keymgmt {
namespace {

constexpr size_t kMaxFileOctets = 16 * 1024;

// No table lookup and no branch on the digit's value beyond validity.
int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r";
    const size_t first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

Result<SecretBytes> secret_from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) {
        return fail(ErrorCode::invalid_argument, "odd number of hex digits");
    }
    SecretBytes out(hex.size() / 2);
    for (size_t i = 0; i < out.size(); ++i) {
        const int high = hex_value(hex[2 * i]);
        const int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fail(ErrorCode::invalid_argument, "not a hex digit at position {}", 2 * i + 1);
        }
        out.mutable_bytes()[i] = static_cast<uint8_t>(high * 16 + low);
    }
    return out;
}

Result<SecretBytes> parse_preshared_key(std::span<const uint8_t> text, const std::string& name) {
    std::string_view rest(reinterpret_cast<const char*>(text.data()), text.size());
    std::optional<SecretBytes> key;
    for (size_t line_number = 1; !rest.empty(); ++line_number) {
        const size_t end = rest.find('\n');
        std::string_view line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        line = trimmed(line.substr(0, line.find('#')));
        if (line.empty()) {
            continue;
        }
        constexpr std::string_view kLabel = "psk:";
        if (!line.starts_with(kLabel)) {
            return fail(ErrorCode::invalid_argument, "{}:{}: expected \"psk: <hex>\" or a comment",
                        name, line_number);
        }
        if (key) {
            return fail(ErrorCode::invalid_argument, "{}:{}: a second key, expected exactly one",
                        name, line_number);
        }
        auto octets = secret_from_hex(trimmed(line.substr(kLabel.size())));
        if (!octets) {
            return fail(ErrorCode::invalid_argument, "{}:{}: {}", name, line_number,
                        octets.error().message);
        }
        if (octets->size() < kMinPresharedOctets || octets->size() > kMaxPresharedOctets) {
            return fail(ErrorCode::invalid_argument, "{}:{}: key of {} octets, expected {} to {}",
                        name, line_number, octets->size(), kMinPresharedOctets,
                        kMaxPresharedOctets);
        }
        key = std::move(*octets);
    }
    if (!key) {
        return fail(ErrorCode::invalid_argument, "{}: no line \"psk: <hex>\"", name);
    }
    return std::move(*key);
}

Result<SecretBytes> read_preshared_key_file(const std::filesystem::path& path) {
    auto text = read_owner_only_file(path, kMaxFileOctets);
    if (!text) {
        return tl::unexpected(text.error());
    }
    return parse_preshared_key(text->bytes(), path.string());
}

}  // namespace sdg::keymgmt
