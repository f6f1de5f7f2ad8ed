#include "gateway/line_output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace sdg::gateway {

void LineOutput::write(std::string_view line) {
    if (is_broken_) {
        if (!write_now("\n")) {
            ++lost_;
            return;
        }
        is_broken_ = false;
    }
    while (!line.empty()) {
        // A pipe that is ready takes so much at once.
        const auto piece = line.substr(0, PIPE_BUF);
        if (!write_now(piece)) {
            ++lost_;
            return;
        }
        line.remove_prefix(piece.size());
        is_broken_ = !line.empty();
    }
}

// All of it, or it is lost. The descriptor may be shared with other processes, so that it is not
// made non-blocking.
bool LineOutput::write_now(std::string_view piece) {
    while (!piece.empty()) {
        pollfd ready{.fd = descriptor_, .events = POLLOUT, .revents = 0};
        if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
            return false;
        }
        const ssize_t n = ::write(descriptor_, piece.data(), piece.size());
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        piece.remove_prefix(static_cast<size_t>(n));
        is_broken_ = is_broken_ || !piece.empty();
    }
    return true;
}

}  // namespace sdg::gateway
