#include "control/capture/file_sink.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/capture/pcapng.h"

namespace sdg::capture {
namespace {

constexpr int kPipePatience = 50;  // milliseconds between looks at give_up

// Their files have side effects, and rules of their own about who writes.
bool is_kernel_interface(int descriptor) {
    struct statfs status {};
    if (::fstatfs(descriptor, &status) != 0) {
        return true;
    }
    const auto type = static_cast<uint32_t>(status.f_type);
    return type == PROC_SUPER_MAGIC || type == SYSFS_MAGIC || type == CGROUP2_SUPER_MAGIC ||
           type == DEBUGFS_MAGIC || type == TRACEFS_MAGIC || type == SECURITYFS_MAGIC;
}

}  // namespace

Result<FileSink> FileSink::adopt(Descriptor file) {
    struct stat status {};
    const int flags = ::fcntl(file.get(), F_GETFL);
    if (flags < 0 || ::fstat(file.get(), &status) != 0) {
        return fail(ErrorCode::invalid_argument, "the file cannot be looked at: {}",
                    std::strerror(errno));
    }
    if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) != 0) {
        return fail(ErrorCode::invalid_argument, "the file is not open for writing");
    }
    if (S_ISFIFO(status.st_mode)) {
        return FileSink(std::move(file), true);
    }
    if (!S_ISREG(status.st_mode) || is_kernel_interface(file.get())) {
        return fail(ErrorCode::invalid_argument, "expected a regular file or a pipe");
    }
    if (status.st_size != 0) {
        return fail(ErrorCode::invalid_argument, "the file is not empty");
    }
    return FileSink(std::move(file), false);
}

FileSink::Outcome FileSink::write(std::span<const uint8_t> blocks,
                                  const std::function<bool()>& give_up) {
    const Outcome outcome = pipe_ ? write_pipe(blocks, give_up) : write_file(blocks);
    if (outcome == Outcome::written) {
        written_ += blocks.size();
    }
    return outcome;
}

FileSink::Outcome FileSink::write_file(std::span<const uint8_t> blocks) {
    size_t done = 0;
    while (done < blocks.size()) {
        const ssize_t length = ::write(file_.get(), blocks.data() + done, blocks.size() - done);
        if (length > 0) {
            done += static_cast<size_t>(length);
            continue;
        }
        if (length < 0 && errno == EINTR) {
            continue;
        }
        error_ = length < 0 ? std::strerror(errno) : "nothing was taken";
        written_ += whole_blocks(blocks, done);
        if (::ftruncate(file_.get(), static_cast<off_t>(written_)) != 0) {
            error_ += "; the file ends within a block";
        }
        return Outcome::failed;
    }
    return Outcome::written;
}

void FileSink::append_last(std::span<const uint8_t> block) {
    if (!pipe_ && ::lseek(file_.get(), static_cast<off_t>(written_), SEEK_SET) >= 0) {
        const std::string reason = error_;
        if (write_file(block) == Outcome::written) {
            written_ += block.size();
        }
        error_ = reason;
    }
}

FileSink::Outcome FileSink::write_pipe(std::span<const uint8_t> blocks,
                                       const std::function<bool()>& give_up) {
    while (!blocks.empty()) {
        pollfd wanted{.fd = file_.get(), .events = POLLOUT, .revents = 0};
        const int ready = ::poll(&wanted, 1, kPipePatience);
        if ((wanted.revents & POLLERR) != 0) {
            return Outcome::reader_gone;
        }
        if (ready <= 0 || (wanted.revents & POLLOUT) == 0) {
            if (give_up()) {
                return Outcome::given_up;
            }
            continue;
        }
        // A pipe that says POLLOUT takes this much without waiting (pipe(7)).
        const ssize_t length =
            ::write(file_.get(), blocks.data(), std::min<size_t>(blocks.size(), PIPE_BUF));
        if (length < 0 && errno != EINTR && errno != EAGAIN) {
            error_ = std::strerror(errno);
            return errno == EPIPE ? Outcome::reader_gone : Outcome::failed;
        }
        blocks = blocks.subspan(static_cast<size_t>(std::max<ssize_t>(length, 0)));
    }
    return Outcome::written;
}

}  // namespace sdg::capture
