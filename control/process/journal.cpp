#include "control/process/journal.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace sdg::process {

std::optional<Journal> Journal::of_standard_error() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0 ||
        fmt::format("{}:{}", status.st_dev, status.st_ino) != stream) {
        return std::nullopt;
    }
    return Journal();
}

Journal::Journal(std::string_view socket)
    : socket_(socket), descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
}

Journal::~Journal() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

Journal::Journal(Journal&& other) noexcept
    : socket_(std::move(other.socket_)), descriptor_(std::exchange(other.descriptor_, -1)) {
}

bool Journal::send(std::string_view entry) const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (descriptor_ < 0 || socket_.size() >= sizeof address.sun_path) {
        return false;
    }
    std::ranges::copy(socket_, address.sun_path);
    // To the name each time: the journal may be started anew.
    return ::sendto(descriptor_, entry.data(), entry.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) == static_cast<ssize_t>(entry.size());
}

}  // namespace sdg::process
