// The command line of BoringSSL's test runner for a shim (ssl/test/PORTING.md there), as far as the
// engine has what it asks for: DTLS 1.3, one connection, no tickets.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control/keymgmt/dtls13/configuration.h"

namespace sdg::tools {

// The shim's exit code for everything that it does not know or the engine does not have.
inline constexpr int kUnimplemented = 89;

struct ShimOptions {
    uint16_t port = 0;  // of the runner, on the loopback
    uint64_t id = 0;    // sent first
    bool ipv6 = false;
    bool is_server = false;
    bool asks_if_supported = false;  // -is-handshaker-supported: says no and ends

    std::string certificate_file;  // PEM, leaf first; empty: one made up for the connection
    std::string key_file;
    bool has_credential = false;  // they are given as a credential; we take one
    std::vector<keymgmt::dtls13::NamedGroup> groups;
    std::vector<keymgmt::dtls13::SignatureScheme> signature_schemes;
    bool mutual = false;
    bool verify_fails = false;
    bool has_own_check = false;  // which of BoringSSL's alerts a certificate is refused with
    std::optional<size_t> mtu;
    // What BoringSSL starts with, and the runner expects.
    std::chrono::milliseconds first_timeout{400};

    bool writes_first = false;  // "hello"
    bool shuts_down = false;
    bool checks_close_notify = false;
    size_t export_length = 0;
    std::string export_label;
    std::string export_context;

    std::optional<uint16_t> expected_group;
    std::optional<uint16_t> expected_peer_scheme;
    std::optional<bool> expected_hello_retry;
};

// Nothing: something is not implemented; complaint names it.
[[nodiscard]] std::optional<ShimOptions> parse_shim_options(std::vector<std::string> arguments,
                                                            std::string& complaint);

}  // namespace sdg::tools
