#include "endpoint/wakeup.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

namespace sdg::endpoint {

Result<Wakeup> Wakeup::create() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    const int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (event < 0 || signals < 0) {
        return fail(ErrorCode::io, "cannot make an event descriptor: {}", std::strerror(errno));
    }
    return Wakeup(event, signals);
}

Wakeup::Wakeup(Wakeup&& other) noexcept
    : event_(std::exchange(other.event_, -1)),
      signals_(std::exchange(other.signals_, -1)),
      stop_asked_(other.stop_asked_) {
}

Wakeup::~Wakeup() {
    if (event_ >= 0) {
        close(event_);
    }
    if (signals_ >= 0) {
        close(signals_);
    }
}

void Wakeup::nudge() const {
    const uint64_t one = 1;
    // Fails only when nudges have piled up to the counter's end; then one is pending anyway.
    [[maybe_unused]] const ssize_t written = write(event_, &one, sizeof(one));
}

void Wakeup::wait(std::chrono::milliseconds at_most) {
    std::array<pollfd, 2> fds{{{event_, POLLIN, 0}, {signals_, POLLIN, 0}}};
    if (poll(fds.data(), fds.size(), static_cast<int>(at_most.count())) <= 0) {
        return;
    }
    uint64_t nudges = 0;
    [[maybe_unused]] const ssize_t drained = read(event_, &nudges, sizeof(nudges));
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof(info)) == sizeof(info)) {
        stop_asked_ = true;
    }
}

}  // namespace sdg::endpoint
