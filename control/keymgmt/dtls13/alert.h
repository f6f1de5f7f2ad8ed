// Alerts (RFC 8446, section 6), and how a part of the engine says that the connection must end with
// one.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

namespace sdg::keymgmt::dtls13 {

enum class AlertDescription : uint8_t {
    close_notify = 0,
    unexpected_message = 10,
    bad_record_mac = 20,
    record_overflow = 22,
    handshake_failure = 40,
    bad_certificate = 42,
    unsupported_certificate = 43,
    certificate_revoked = 44,
    certificate_expired = 45,
    certificate_unknown = 46,
    illegal_parameter = 47,
    unknown_ca = 48,
    access_denied = 49,
    decode_error = 50,
    decrypt_error = 51,
    too_many_cids_requested = 52,
    protocol_version = 70,
    insufficient_security = 71,
    internal_error = 80,
    user_canceled = 90,
    missing_extension = 109,
    unsupported_extension = 110,
    unrecognized_name = 112,
    certificate_required = 116,
    no_application_protocol = 120,
};

// The registry's name; "unknown alert" for a value without one.
[[nodiscard]] std::string_view alert_name(AlertDescription description);

// Why the connection ends: what the peer is told, and one line for the log that names what is
// wrong, never a secret.
struct Alert {
    AlertDescription description = AlertDescription::internal_error;
    std::string reason;
};

template <class T>
using Checked = tl::expected<T, Alert>;

template <class... Args>
[[nodiscard]] tl::unexpected<Alert> refuse(AlertDescription description,
                                           fmt::format_string<Args...> format, Args&&... args) {
    return tl::unexpected<Alert>(
        Alert{description, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace sdg::keymgmt::dtls13
