// Tells a service supervisor how the process is: systemd's notification protocol (sd_notify(3)), a
// datagram of NAME=value lines to the unix socket that NOTIFY_SOCKET names.
//
// Control thread. Never blocks: what the socket does not take at once is lost, and the next
// watchdog sign or status line comes soon. Without NOTIFY_SOCKET nothing is sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "foundation/clock.h"

namespace sdg::process {

class ServiceNotifier {
 public:
    // Of the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. The socket is opened here,
    // before the process gives its privileges up. Takes the variables out of the environment.
    [[nodiscard]] static ServiceNotifier from_environment();
    // socket: a path, or '@' and an abstract name; empty: nobody listens.
    ServiceNotifier(std::string_view socket, std::optional<std::chrono::microseconds> watchdog);
    ~ServiceNotifier();
    ServiceNotifier(ServiceNotifier&& other) noexcept;
    ServiceNotifier& operator=(ServiceNotifier&&) = delete;

    void ready(std::string_view status);
    // A reload begins; ready() ends it.
    void reloading(TimePoint now);
    void stopping();
    void status(std::string_view text);
    // A sign of life, at most twice in a watchdog period. Only for who is alive.
    void alive(TimePoint now);

    [[nodiscard]] bool is_heard() const { return descriptor_ >= 0; }
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
    void send(const std::string& message) const;

    int descriptor_ = -1;  // connected; negative: nobody listens
    std::optional<std::chrono::microseconds> watchdog_;
    std::optional<TimePoint> last_sign_;
};

}  // namespace sdg::process
