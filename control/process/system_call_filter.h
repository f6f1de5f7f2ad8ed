// The system calls that a running gateway may make, as a seccomp filter over all its threads.
//
// An allow list. A call that is not on it fails with ENOSYS, as on a kernel that does not have it,
// and is counted: libraries fall back, the signalling links stay up, and the operator sees it. To
// kill the process instead would turn a library's harmless new call into an outage of every
// association. What an attacker needs to go on (other programs, other processes' memory, new
// namespaces, packet sockets, executable memory) is refused all the same; creating a process fails
// with EPERM.
//
// The filter cannot be taken off again. Calls are refused through SIGSYS, whose handler counts;
// the code must not block that signal. A call that is refused while it is blocked ends the process:
// the C library does so only around making threads and processes, whose calls are decided without
// the signal.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "foundation/result.h"

namespace sdg::process {

class SystemCallFilter {
 public:
    // For all threads there are and will be. Sets no_new_privs. Control thread, once in a process.
    [[nodiscard]] static Result<void> install();
    // Calls refused since then, those that fail with EPERM not counted. Any thread.
    [[nodiscard]] static uint64_t refused();
    // Name of a refused call that has not been told of before, so that each is logged once. Control
    // thread.
    [[nodiscard]] static std::optional<std::string> next_refused();
};

}  // namespace sdg::process
