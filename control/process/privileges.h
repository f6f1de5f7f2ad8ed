// Giving up privileges: another user before the start, no capabilities after it.
//
// Control thread. Errors name the user, group or thread.
#pragma once

#include <optional>
#include <string>

#include "foundation/result.h"

namespace sdg::process {

struct Account {
    std::string user;
    std::optional<std::string> group;  // absent: the user's own
};

// Becomes the user, with the supplementary groups of the host's data base, and keeps what opening
// ports takes: CAP_NET_RAW, CAP_NET_ADMIN, CAP_IPC_LOCK. From here on everything is as if that user
// had started the program: files are read, made and checked as his. Needs root, and must come
// before the first thread. Nothing is done when the process is that user already.
[[nodiscard]] Result<void> become(const Account& account);

// Empties the capability sets of all threads, the bounding set too where that is possible.
// Capabilities belong to threads in Linux, and DPDK has made its threads by the time the ports are
// open: each is interrupted by a real-time signal and drops its own. A thread that does not answer
// within two seconds is an error, as is any thread that still has a capability afterwards.
[[nodiscard]] Result<void> drop_capabilities();

}  // namespace sdg::process
