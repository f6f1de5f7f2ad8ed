// The one result type of everything off the packet path: a value, or an error a person can act on.
//
// The data plane's burst functions do not use it: they report an outcome enum per packet and count
// (see dataplane/packet/drop_reason.h).
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sdg {

enum class ErrorCode {
    invalid_argument,    // the caller or the configuration asked for something that makes no sense
    not_found,           // no such file, device, association, key
    already_exists,      // address in use, key already installed, duplicate
    permission_denied,   // missing privilege, file rights too open
    resource_exhausted,  // table, ring, memory or limit is full
    unavailable,         // not now: peer unreachable, link down
    refused,             // the peer or a policy said no
    protocol,            // the peer broke the protocol
    timed_out,
    fenced,    // what we owned has another owner by now
    corrupt,   // stored data is damaged, not authentic or not ours
    io,        // the operating system failed us
    internal,  // our own fault
};

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  // one line, no trailing stop, never a secret
};

template <class T>
using Result = tl::expected<T, Error>;

// fail(ErrorCode::not_found, "no route to {}", address) in a function returning Result<...>.
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(ErrorCode code, fmt::format_string<Args...> format,
                                         Args&&... args) {
    return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace sdg
