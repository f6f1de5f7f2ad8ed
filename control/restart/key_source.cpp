#include "control/restart/key_source.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "control/keymgmt/owner_only_file.h"
#include "control/restart/key_token.h"
#include "control/restart/sealing_key.h"

namespace sdg::restart {
namespace {

constexpr size_t kMaxFile = 4096;  // octets

int digit_value(uint8_t character) {
    if (character >= '0' && character <= '9') {
        return character - '0';
    }
    const int letter = character | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::span<const uint8_t> trimmed(std::span<const uint8_t> text) {
    const auto is_space = [](uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
    while (!text.empty() && is_space(text.front())) {
        text = text.subspan(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text = text.first(text.size() - 1);
    }
    return text;
}

Result<SecretBytes> parse_key(const std::string& name, SecretBytes content) {
    if (content.size() == kKeyEncryptionKeyLength) {
        return content;
    }
    const auto digits = trimmed(content.bytes());
    if (digits.size() != 2 * kKeyEncryptionKeyLength) {
        return fail(ErrorCode::invalid_argument,
                    "{}: {} octets, expected a key of {} octets or {} hexadecimal digits (openssl "
                    "rand -hex {})",
                    name, content.size(), kKeyEncryptionKeyLength, 2 * kKeyEncryptionKeyLength,
                    kKeyEncryptionKeyLength);
    }
    SecretBytes key(kKeyEncryptionKeyLength);
    for (size_t i = 0; i < key.size(); ++i) {
        const int high = digit_value(digits[2 * i]);
        const int low = digit_value(digits[2 * i + 1]);
        if (high < 0 || low < 0) {
            return fail(ErrorCode::invalid_argument, "{}: not a hexadecimal digit at position {}",
                        name, 2 * i + (high < 0 ? 0 : 1) + 1);
        }
        key.mutable_bytes()[i] = static_cast<uint8_t>(high << 4 | low);
    }
    return key;
}

Result<SecretBytes> load(const KeyFile& file) {
    std::error_code error;
    const auto target = std::filesystem::canonical(file.path, error);
    if (error) {
        return fail(error == std::errc::no_such_file_or_directory ? ErrorCode::not_found
                    : error == std::errc::permission_denied       ? ErrorCode::permission_denied
                                                                  : ErrorCode::io,
                    "key-encryption key {}: {}", file.path.string(), error.message());
    }
    auto content = keymgmt::read_owner_only_file(target, kMaxFile);
    return content ? parse_key(target.string(), std::move(*content)) : std::move(content);
}

Result<SecretBytes> load(const KeyCredential& credential) {
    if (credential.name.empty() || credential.name == "." || credential.name == ".." ||
        credential.name.find('/') != std::string::npos) {
        return fail(ErrorCode::invalid_argument, "\"{}\" is no name of a credential",
                    credential.name);
    }
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    if (folder == nullptr || *folder != '/') {
        return fail(ErrorCode::not_found,
                    "no credentials: systemd sets CREDENTIALS_DIRECTORY for a unit with "
                    "LoadCredential={}:PATH",
                    credential.name);
    }
    const auto path = std::filesystem::path(folder) / credential.name;
    auto content = keymgmt::read_owner_only_file(path, kMaxFile, keymgmt::GroupRead::allowed);
    return content ? parse_key(path.string(), std::move(*content)) : std::move(content);
}

Result<SecretBytes> load(const KeyToken& token) {
    return unwrap_with_token(token);
}

}  // namespace

Result<SecretBytes> load_key_encryption_key(const KeySource& source) {
    return std::visit([](const auto& one) { return load(one); }, source);
}

}  // namespace sdg::restart
