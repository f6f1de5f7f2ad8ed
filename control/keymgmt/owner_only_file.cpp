#include "control/keymgmt/owner_only_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "foundation/descriptor.h"

namespace sdg::keymgmt {
namespace {

// systemd gives the service its credentials by an access control list; what the file mode calls
// the group's rights is then the list's mask. Nobody else can enter the folder.
bool is_credential(const std::filesystem::path& path) {
    const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
    // A trailing slash makes no other folder.
    return folder != nullptr && *folder == '/' &&
           path.parent_path() ==
               (std::filesystem::path(folder) / "").lexically_normal().parent_path();
}

}  // namespace

Result<SecretBytes> read_owner_only_file(const std::filesystem::path& path, size_t max_octets,
                                         GroupRead group) {
    // O_NONBLOCK: a FIFO put there must not block us before fstat() refuses it.
    const Descriptor file(
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0) {
        const int error = errno;
        if (error == ELOOP) {
            return fail(ErrorCode::permission_denied,
                        "{}: is a symbolic link; name the key file itself", path.string());
        }
        return fail(error == ENOENT   ? ErrorCode::not_found
                    : error == EACCES ? ErrorCode::permission_denied
                                      : ErrorCode::io,
                    "{}: cannot be opened: {}", path.string(), std::strerror(error));
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) {
        return fail(ErrorCode::io, "{}: {}", path.string(), std::strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return fail(ErrorCode::permission_denied, "{}: is not a regular file", path.string());
    }
    if (status.st_uid != ::geteuid() && status.st_uid != 0) {
        return fail(ErrorCode::permission_denied,
                    "{}: belongs to user {}, expected user {} or root (chown it)", path.string(),
                    status.st_uid, ::geteuid());
    }
    const bool group_reads = group == GroupRead::allowed || is_credential(path);
    const mode_t others = (S_IRWXG | S_IRWXO) & ~(group_reads ? mode_t{S_IRGRP} : mode_t{0});
    if ((status.st_mode & others) != 0) {
        return fail(ErrorCode::permission_denied,
                    "{}: mode {:04o} lets others use it, expected 0600 or 0400 (chmod 600)",
                    path.string(), status.st_mode & 07777);
    }
    if (static_cast<size_t>(status.st_size) > max_octets) {
        return fail(ErrorCode::resource_exhausted, "{}: {} octets, expected at most {}",
                    path.string(), status.st_size, max_octets);
    }
    SecretBytes content(static_cast<size_t>(status.st_size));
    size_t done = 0;
    while (done < content.size()) {
        const ssize_t n =
            ::read(file.get(), content.mutable_bytes().data() + done, content.size() - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return fail(ErrorCode::io, "{}: {}", path.string(),
                        n == 0 ? "became shorter while being read" : std::strerror(errno));
        }
        done += static_cast<size_t>(n);
    }
    return content;
}

}  // namespace sdg::keymgmt
