#include "tools/dtls13-peer/shim_options.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <utility>

#include "control/keymgmt/dtls13/key_exchange.h"

namespace sdg::tools {
namespace {

using namespace keymgmt::dtls13;

template <class T>
bool take_number(const std::string& text, T& out) {
    const char* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, out);
    return error == std::errc{} && stopped == end;
}

template <class T>
bool take_number(const std::string& text, std::optional<T>& out) {
    return take_number(text, out.emplace());
}

// Handlers say whether the engine has what is asked for.
using Switch = std::function<bool(ShimOptions&)>;
using Setting = std::function<bool(ShimOptions&, const std::string&)>;

Switch set(bool ShimOptions::*member) {
    return [member](ShimOptions& options) { return options.*member = true; };
}

template <class T>
Setting number(T ShimOptions::*member) {
    return [member](ShimOptions& options, const std::string& value) {
        return take_number(value, options.*member);
    };
}

Setting text(std::string ShimOptions::*member) {
    return [member](ShimOptions& options, const std::string& value) {
        options.*member = value;
        return true;
    };
}

bool add_group(ShimOptions& options, const std::string& value) {
    uint16_t group = 0;
    options.groups.push_back(take_number(value, group) ? static_cast<NamedGroup>(group)
                                                       : NamedGroup::none);
    return is_supported(options.groups.back());
}

bool add_scheme(ShimOptions& options, const std::string& value) {
    uint16_t scheme = 0;
    const auto known = supported_signature_schemes();
    options.signature_schemes.push_back(
        take_number(value, scheme) ? static_cast<SignatureScheme>(scheme) : SignatureScheme::none);
    return std::find(known.begin(), known.end(), options.signature_schemes.back()) != known.end();
}

bool is_our_version(ShimOptions&, const std::string& value) {
    uint16_t version = 0;
    return take_number(value, version) && version == kDtls13;
}

const std::map<std::string, Switch>& switches() {
    const Switch fits = [](ShimOptions&) { return true; };
    static const std::map<std::string, Switch> out{
        {"server", set(&ShimOptions::is_server)},
        {"dtls", fits},
        {"is-dtls", fits},
        {"ipv6", set(&ShimOptions::ipv6)},
        {"is-handshaker-supported", set(&ShimOptions::asks_if_supported)},
        {"require-any-client-certificate", set(&ShimOptions::mutual)},
        // We know nothing between asking and insisting.
        {"verify-peer", set(&ShimOptions::mutual)},
        {"new-x509-credential",
         [](ShimOptions& options) { return std::exchange(options.has_credential, true) == false; }},
        {"verify-fail", set(&ShimOptions::verify_fails)},
        {"shim-writes-first", set(&ShimOptions::writes_first)},
        {"shim-shuts-down", set(&ShimOptions::shuts_down)},
        {"check-close-notify", set(&ShimOptions::checks_close_notify)},
        // TLS 1.3 has no difference between no context and an empty one.
        {"use-export-context", fits},
        {"expect-hrr", [](ShimOptions& options) { return *(options.expected_hello_retry = true); }},
        {"expect-no-hrr",
         [](ShimOptions& options) { return !*(options.expected_hello_retry = false); }},
        // What we do anyway, or what makes no difference to us.
        {"async", fits},
        {"implicit-handshake", fits},
        {"use-old-client-cert-callback", fits},
        {"use-custom-verify-callback", set(&ShimOptions::has_own_check)},
        {"no-tls1", fits},
        {"no-tls11", fits},
        {"no-tls12", fits},
        {"no-ticket", fits},
        {"expect-session-miss", fits},
        {"expect-no-session", fits},
    };
    return out;
}

const std::map<std::string, Setting>& settings() {
    const Setting ignored = [](ShimOptions&, const std::string&) { return true; };
    static const std::map<std::string, Setting> out{
        {"port", number(&ShimOptions::port)},
        {"shim-id", number(&ShimOptions::id)},
        {"cert-file", text(&ShimOptions::certificate_file)},
        {"key-file", text(&ShimOptions::key_file)},
        {"trust-cert", ignored},  // whom to trust is no matter of the engine
        {"curves", add_group},
        {"signing-prefs", add_scheme},
        {"verify-prefs", add_scheme},
        {"mtu", number(&ShimOptions::mtu)},
        {"max-version", is_our_version},
        {"min-version", ignored},  // there is none above ours
        {"expect-version", is_our_version},
        {"export-keying-material", number(&ShimOptions::export_length)},
        {"export-label", text(&ShimOptions::export_label)},
        {"export-context", text(&ShimOptions::export_context)},
        {"expect-curve-id", number(&ShimOptions::expected_group)},
        {"expect-peer-signature-algorithm", number(&ShimOptions::expected_peer_scheme)},
        {"initial-timeout-duration-ms",
         [](ShimOptions& options, const std::string& value) {
             int64_t milliseconds = 0;
             const bool is_number = take_number(value, milliseconds);
             options.first_timeout = std::chrono::milliseconds(milliseconds);
             return is_number;
         }},
        // A single connection is one without resumption.
        {"resume-count", [](ShimOptions&, const std::string& value) { return value == "0"; }},
    };
    return out;
}

// Options for one of several connections, or of the two processes that the runner can split a shim
// into; ours is the first connection, in one process.
std::string without_prefix(const std::string& name) {
    for (const std::string prefix : {"on-shim-", "on-initial-"}) {
        if (name.starts_with(prefix)) {
            return without_prefix(name.substr(prefix.size()));
        }
    }
    return name;
}

bool is_for_others(const std::string& name) {
    return name.starts_with("on-resume-") || name.starts_with("on-retry-") ||
           name.starts_with("on-handshaker-");
}

}  // namespace

std::optional<ShimOptions> parse_shim_options(std::vector<std::string> arguments,
                                              std::string& complaint) {
    ShimOptions options;
    bool is_dtls = false;
    for (size_t i = 0; i < arguments.size(); ++i) {
        complaint = arguments[i];
        if (!arguments[i].starts_with('-')) {
            return std::nullopt;
        }
        const std::string name = without_prefix(arguments[i].substr(1));
        is_dtls = is_dtls || name == "dtls" || name == "is-dtls";
        if (const auto found = switches().find(name); found != switches().end()) {
            if (!found->second(options)) {
                return std::nullopt;
            }
            continue;
        }
        const auto found = settings().find(name);
        if (is_for_others(name) || found == settings().end() || ++i == arguments.size() ||
            !found->second(options, arguments[i])) {
            return std::nullopt;
        }
    }
    complaint = "anything but DTLS";
    return is_dtls || options.asks_if_supported ? std::optional(options) : std::nullopt;
}

}  // namespace sdg::tools
