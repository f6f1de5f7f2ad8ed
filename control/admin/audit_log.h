// The audit log: one JSON object a line for every command that changes something, also for those
// that were refused, and for those that came as a signal (the argument "signal", no gid).
//
//   {"time": "2025-01-31T12:00:00Z", "uid": 0, "gid": 0, "pid": 4711, "command": "close",
//    "arguments": {"association": 12}, "result": "ok", "message": ""}
//
// The file is opened for every line (append, mode 0640 when it is made), so that it may be rotated
// at any time. Control thread.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "foundation/result.h"

namespace sdg::admin {

// Who is at the other end of the socket, as the kernel says it (SO_PEERCRED), or has sent a signal.
struct Peer {
    uid_t uid = 0;
    std::optional<gid_t> gid = 0;  // unset: of a signal
    pid_t pid = 0;
};

class AuditLog {
 public:
    explicit AuditLog(std::filesystem::path path) : path_(std::move(path)) {}

    // Before a change: the file can be written, and the disk keeps room for its entry. io,
    // permission_denied: names the file.
    [[nodiscard]] Result<void> reserve() const;
    // result: "ok" or an error code's name. A long message is cut. An entry is written whole or not
    // at all.
    [[nodiscard]] Result<void> write(const Peer& who, std::string_view command,
                                     const nlohmann::json& arguments, std::string_view result,
                                     const std::string& message) const;

 private:
    std::filesystem::path path_;
};

}  // namespace sdg::admin
