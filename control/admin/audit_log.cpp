#include "control/admin/audit_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "foundation/descriptor.h"

namespace sdg::admin {
namespace {

tl::unexpected<Error> failure(const std::filesystem::path& path, int error) {
    return fail(error == EACCES || error == EPERM ? ErrorCode::permission_denied : ErrorCode::io,
                "audit log {} cannot be written: {}", path.string(), std::strerror(error));
}

// O_NONBLOCK: a FIFO without a reader must not stop the control loop; it is refused below.
int open_to_append(const std::filesystem::path& path) {
    return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                  0640);
}

bool is_regular(int descriptor) {
    struct stat status {};
    return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Result<void> AuditLog::check() const {
    const Descriptor file(open_to_append(path_));
    if (file.get() < 0) {
        return failure(path_, errno);
    }
    if (!is_regular(file.get())) {
        return failure(path_, EINVAL);
    }
    return {};
}

Result<void> AuditLog::write(const Peer& who, std::string_view command,
                             const nlohmann::json& arguments, std::string_view result,
                             const std::string& message) const {
    const nlohmann::ordered_json entry = {
        {"time", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))},
        {"uid", who.uid},
        {"gid", who.gid ? nlohmann::json(*who.gid) : nlohmann::json(nullptr)},
        {"pid", who.pid},
        {"command", command},
        {"arguments", arguments},
        {"result", result},
        {"message", message}};
    const std::string line =
        entry.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    const Descriptor file(open_to_append(path_));
    if (file.get() < 0) {
        return failure(path_, errno);
    }
    if (!is_regular(file.get())) {
        return failure(path_, EINVAL);
    }
    const ssize_t written = ::write(file.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size())) {
        return failure(path_, written < 0 ? errno : ENOSPC);
    }
    return {};
}

}  // namespace sdg::admin
