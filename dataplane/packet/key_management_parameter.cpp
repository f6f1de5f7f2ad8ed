#include "dataplane/packet/key_management_parameter.h"

#include <algorithm>
#include <cstring>
#include <optional>

namespace sdg::packet {

std::string_view description(KeyManagementError error) {
    switch (error) {
        case KeyManagementError::absent:
            return "no DTLS Key Management parameter";
        case KeyManagementError::wrong_type:
            return "not a DTLS Key Management parameter";
        case KeyManagementError::too_short:
            return "DTLS Key Management parameter too short to list a method";
        case KeyManagementError::length_mismatch:
            return "DTLS Key Management parameter's length contradicts its octets";
        case KeyManagementError::too_many_methods:
            return "DTLS Key Management parameter lists too many methods";
        case KeyManagementError::duplicated:
            return "more than one DTLS Key Management parameter";
        case KeyManagementError::no_methods:
            return "no key-management method to offer";
        case KeyManagementError::malformed_chunk:
            return "parameters of the chunk malformed";
    }
    return "unknown";
}

tl::expected<KeyManagementParameter, KeyManagementError> KeyManagementParameter::create(
    uint32_t tie_breaker, uint8_t flags, std::span<const uint8_t> methods) {
    if (methods.empty()) {
        return tl::unexpected(KeyManagementError::no_methods);
    }
    if (methods.size() > kMaxMethods) {
        return tl::unexpected(KeyManagementError::too_many_methods);
    }
    KeyManagementParameter parameter;
    parameter.length_ = static_cast<uint16_t>(kFixed + methods.size());
    uint8_t* at = parameter.octets_.data();
    store_be16(at, kParameterKeyManagement);
    store_be16(at + 2, parameter.length_);
    store_be32(at + 4, tie_breaker);
    at[8] = flags & (kKmFlagRestart | kKmFlagServer | kKmFlagClient);
    std::memcpy(at + kFixed, methods.data(), methods.size());
    return parameter;
}

tl::expected<KeyManagementParameter, KeyManagementError> KeyManagementParameter::parse(
    std::span<const uint8_t> wire) {
    if (wire.size() < kParameterHeader) {
        return tl::unexpected(KeyManagementError::too_short);
    }
    if (load_be16(wire.data()) != kParameterKeyManagement) {
        return tl::unexpected(KeyManagementError::wrong_type);
    }
    const uint16_t length = load_be16(wire.data() + 2);
    if (length <= kFixed) {
        return tl::unexpected(KeyManagementError::too_short);
    }
    if (wire.size() < length || wire.size() > padded_to_4(length)) {
        return tl::unexpected(KeyManagementError::length_mismatch);
    }
    if (length > kMaxLength) {
        return tl::unexpected(KeyManagementError::too_many_methods);
    }
    KeyManagementParameter parameter;
    parameter.length_ = length;
    std::memcpy(parameter.octets_.data(), wire.data(), length);
    return parameter;
}

tl::expected<KeyManagementParameter, KeyManagementError> KeyManagementParameter::find_in(
    ParameterCursor parameters) {
    std::optional<ParameterView> found;
    while (const auto parameter = parameters.next()) {
        if (parameter->type != kParameterKeyManagement) {
            continue;
        }
        if (found) {
            return tl::unexpected(KeyManagementError::duplicated);
        }
        found = parameter;
    }
    if (parameters.malformed()) {
        return tl::unexpected(KeyManagementError::malformed_chunk);
    }
    if (!found) {
        return tl::unexpected(KeyManagementError::absent);
    }
    return parse(found->wire);
}

bool KeyManagementParameter::lists(uint8_t method) const {
    const auto all = methods();
    return std::find(all.begin(), all.end(), method) != all.end();
}

bool operator==(const KeyManagementParameter& a, const KeyManagementParameter& b) {
    return std::ranges::equal(a.wire(), b.wire());
}

}  // namespace sdg::packet
