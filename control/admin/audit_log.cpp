#include "control/admin/audit_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "foundation/descriptor.h"

namespace sdg::admin {
namespace {

// An entry is never longer: a request is bounded (Server), and a message cut.
constexpr size_t kMaxMessage = 2048;
constexpr off_t kRoom = 64 * 1024;

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

// Blocks behind the end that the next entry is written to; where the file system cannot do that, it
// must have as much free.
bool has_room(int descriptor) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) {
        return false;
    }
    if (::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, status.st_size, kRoom) == 0) {
        return true;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS) {
        return false;
    }
    struct statfs disk {};
    errno = ENOSPC;
    return ::fstatfs(descriptor, &disk) == 0 &&
           disk.f_bavail >= kRoom / std::max<uint64_t>(static_cast<uint64_t>(disk.f_bsize), 1) + 1;
}

Result<Descriptor> open_regular(const std::filesystem::path& path) {
    Descriptor file(open_to_append(path));
    if (file.get() < 0) {
        return failure(path, errno);
    }
    if (!is_regular(file.get())) {
        return failure(path, EINVAL);
    }
    return file;
}

}  // namespace

Result<void> AuditLog::reserve() const {
    const auto file = open_regular(path_);
    if (!file) {
        return tl::unexpected(file.error());
    }
    if (!has_room(file->get())) {
        return failure(path_, errno);
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
        {"message", message.substr(0, kMaxMessage)}};
    const std::string line =
        entry.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace) + '\n';
    const auto file = open_regular(path_);
    if (!file) {
        return tl::unexpected(file.error());
    }
    const ssize_t written = ::write(file->get(), line.data(), line.size());
    if (written == static_cast<ssize_t>(line.size())) {
        return {};
    }
    const int error = written < 0 ? errno : ENOSPC;
    struct stat status {};
    // Half a line would spoil the next one, too.
    if (written > 0 && (::fstat(file->get(), &status) != 0 ||
                        ::ftruncate(file->get(), status.st_size - written) != 0)) {
        return failure(path_, errno);
    }
    return failure(path_, error);
}

}  // namespace sdg::admin
