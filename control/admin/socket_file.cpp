#include "control/admin/socket_file.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace sdg::admin {
namespace {

constexpr int kBacklog = 16;

int new_socket() {
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

tl::unexpected<Error> failure(const std::filesystem::path& path, const char* what) {
    const int error = errno;
    const ErrorCode code = error == ENOENT   ? ErrorCode::not_found
                           : error == EACCES ? ErrorCode::permission_denied
                                             : ErrorCode::io;
    return fail(code, "admin socket {} {}: {}", path.string(), what, std::strerror(error));
}

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    const std::string& text = path.native();
    if (text.empty() || text.size() >= sizeof out.sun_path) {
        return fail(ErrorCode::invalid_argument, "admin socket {}: expected 1 to {} octets", text,
                    sizeof out.sun_path - 1);
    }
    std::ranges::copy(text, out.sun_path);
    return out;
}

Result<gid_t> group_id(const std::string& name) {
    group entry{};
    group* found = nullptr;
    std::vector<char> buffer(64 * 1024);
    if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr) {
        return fail(ErrorCode::not_found, "admin.group: this host has no group {}", name);
    }
    return entry.gr_gid;
}

// Takes away what a gateway that was killed has left.
Result<void> remove_stale(const std::filesystem::path& path, const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return errno == ENOENT ? Result<void>() : failure(path, "cannot be looked at");
    }
    if (!S_ISSOCK(status.st_mode)) {
        return fail(ErrorCode::already_exists, "admin socket {}: there is a file that is no socket",
                    path.string());
    }
    const Descriptor probe(new_socket());
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    if (::connect(probe.get(), where, sizeof address) == 0 || errno != ECONNREFUSED) {
        return fail(ErrorCode::already_exists, "admin socket {}: another process uses it",
                    path.string());
    }
    if (::unlink(path.c_str()) != 0) {
        return failure(path, "cannot be replaced");
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<SocketFile>> SocketFile::listen(const std::filesystem::path& path,
                                                       const std::optional<std::string>& group) {
    const auto address = address_of(path);
    if (!address) {
        return tl::unexpected(address.error());
    }
    std::optional<gid_t> group_owner;
    if (group) {
        const auto found = group_id(*group);
        if (!found) {
            return tl::unexpected(found.error());
        }
        group_owner = *found;
    }
    if (auto removed = remove_stale(path, *address); !removed) {
        return tl::unexpected(removed.error());
    }
    std::unique_ptr<SocketFile> out(new SocketFile(new_socket(), path));
    // The file takes the socket's mode: at no time may others connect.
    if (out->descriptor() < 0 || ::fchmod(out->descriptor(), 0600) != 0 ||
        ::bind(out->descriptor(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) !=
            0) {
        return failure(path, "cannot be made");
    }
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        return failure(path, "cannot be looked at");
    }
    out->device_ = status.st_dev;
    out->inode_ = status.st_ino;
    if (group_owner && (::lchown(path.c_str(), static_cast<uid_t>(-1), *group_owner) != 0 ||
                        ::chmod(path.c_str(), 0660) != 0)) {
        return failure(path, "cannot be given to its group");
    }
    if (::listen(out->descriptor(), kBacklog) != 0) {
        return failure(path, "cannot be listened on");
    }
    return out;
}

SocketFile::~SocketFile() {
    struct stat status {};
    if (inode_ != 0 && ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ &&
        status.st_ino == inode_) {
        ::unlink(path_.c_str());
    }
}

}  // namespace sdg::admin
