#include "control/process/service_notifier.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <utility>

namespace sdg::process {
namespace {

int connect_to(std::string_view name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const bool is_valid = (name.starts_with('/') || name.starts_with('@')) && name.size() > 1 &&
                          name.size() < sizeof address.sun_path;
    if (!is_valid) {
        return -1;
    }
    std::ranges::copy(name, address.sun_path);
    if (name.front() == '@') {
        address.sun_path[0] = '\0';  // Linux's abstract names: a zero octet first, none at the end
    }
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor >= 0 &&
        ::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        ::close(descriptor);
        return -1;
    }
    return descriptor;
}

template <class Number>
std::optional<Number> number_of(const char* text) {
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::string_view digits(text);
    Number value{};
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) {
        return std::nullopt;
    }
    return value;
}

}  // namespace

ServiceNotifier ServiceNotifier::from_environment() {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    std::optional<std::chrono::microseconds> watchdog;
    const auto microseconds = number_of<uint64_t>(std::getenv("WATCHDOG_USEC"));
    const auto pid = number_of<pid_t>(std::getenv("WATCHDOG_PID"));
    if (microseconds && *microseconds > 0 && (!pid || *pid == ::getpid())) {
        watchdog = std::chrono::microseconds(*microseconds);
    }
    ServiceNotifier out(socket == nullptr ? "" : socket, watchdog);
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
        ::unsetenv(name);
    }
    return out;
}

ServiceNotifier::ServiceNotifier(std::string_view socket,
                                 std::optional<std::chrono::microseconds> watchdog)
    : descriptor_(connect_to(socket)), watchdog_(watchdog) {
}

ServiceNotifier::~ServiceNotifier() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

ServiceNotifier::ServiceNotifier(ServiceNotifier&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      watchdog_(other.watchdog_),
      last_sign_(other.last_sign_) {
}

void ServiceNotifier::ready(std::string_view status) {
    send(fmt::format("READY=1\nSTATUS={}", status));
}

void ServiceNotifier::reloading(TimePoint now) {
    // systemd compares it with the time of its request: the monotonic clock, as ours is.
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                     std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

void ServiceNotifier::stopping() {
    send("STOPPING=1");
}

void ServiceNotifier::status(std::string_view text) {
    send(fmt::format("STATUS={}", text));
}

void ServiceNotifier::alive(TimePoint now) {
    if (!watchdog_ || (last_sign_ && now - *last_sign_ < *watchdog_ / 2)) {
        return;
    }
    last_sign_ = now;
    send("WATCHDOG=1");
}

void ServiceNotifier::send(const std::string& message) const {
    if (descriptor_ >= 0) {
        (void)::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

}  // namespace sdg::process
