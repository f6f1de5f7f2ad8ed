#include "control/process/service_notifier.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>

namespace sdg::process {
namespace {

using namespace std::chrono_literals;

// A supervisor's end, under an abstract name.
class Supervisor {
 public:
    Supervisor() : name_("@sdg-notify-" + std::to_string(::getpid())) {
        descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::ranges::copy(name_, address.sun_path);
        address.sun_path[0] = '\0';
        EXPECT_EQ(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address),
                         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())),
                  0);
    }
    ~Supervisor() { ::close(descriptor_); }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    [[nodiscard]] const std::string& name() const { return name_; }
    // Empty: nothing came.
    [[nodiscard]] std::string heard() const {
        char buffer[512];
        const ssize_t n = ::recv(descriptor_, buffer, sizeof buffer, 0);
        return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
    }

 private:
    std::string name_;
    int descriptor_ = -1;
};

TEST(ServiceNotifier, says_what_systemd_understands) {
    const Supervisor supervisor;
    ServiceNotifier notifier(supervisor.name(), std::nullopt);
    notifier.ready("0 associations");
    EXPECT_EQ(supervisor.heard(), "READY=1\nSTATUS=0 associations");
    notifier.reloading(1234567us);
    EXPECT_EQ(supervisor.heard(), "RELOADING=1\nMONOTONIC_USEC=1234567");
    notifier.status("7 associations");
    EXPECT_EQ(supervisor.heard(), "STATUS=7 associations");
    notifier.stopping();
    EXPECT_EQ(supervisor.heard(), "STOPPING=1");
    notifier.alive(1s);
    EXPECT_EQ(supervisor.heard(), "") << "no watchdog was asked for";
}

TEST(ServiceNotifier, gives_two_signs_of_life_in_a_watchdog_period) {
    const Supervisor supervisor;
    ServiceNotifier notifier(supervisor.name(), 10s);
    notifier.alive(1s);
    EXPECT_EQ(supervisor.heard(), "WATCHDOG=1");
    notifier.alive(5900ms);
    EXPECT_EQ(supervisor.heard(), "");
    notifier.alive(6s);
    EXPECT_EQ(supervisor.heard(), "WATCHDOG=1");
}

TEST(ServiceNotifier, takes_its_settings_out_of_the_environment) {
    const Supervisor supervisor;
    ::setenv("NOTIFY_SOCKET", supervisor.name().c_str(), 1);
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
    const ServiceNotifier notifier = ServiceNotifier::from_environment();
    EXPECT_TRUE(notifier.is_heard());
    EXPECT_EQ(notifier.watchdog(), 30s);
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr);
    EXPECT_EQ(std::getenv("WATCHDOG_USEC"), nullptr);
    EXPECT_FALSE(ServiceNotifier::from_environment().is_heard());
}

TEST(ServiceNotifier, ignores_a_watchdog_of_another_process_and_nonsense) {
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_EQ(ServiceNotifier::from_environment().watchdog(), std::nullopt);
    ::setenv("WATCHDOG_USEC", "30s", 1);
    EXPECT_EQ(ServiceNotifier::from_environment().watchdog(), std::nullopt);
    EXPECT_FALSE(ServiceNotifier("relative/path", std::nullopt).is_heard());
    EXPECT_FALSE(ServiceNotifier("/nonexistent/socket", std::nullopt).is_heard());
    EXPECT_FALSE(ServiceNotifier(std::string(200, '/'), std::nullopt).is_heard());
}

TEST(ServiceNotifier, does_not_wait_for_a_supervisor_who_does_not_listen) {
    const Supervisor supervisor;
    ServiceNotifier notifier(supervisor.name(), std::nullopt);
    for (int i = 0; i < 10'000; ++i) {
        notifier.status("busy");
    }
    EXPECT_EQ(supervisor.heard(), "STATUS=busy");
}

}  // namespace
}  // namespace sdg::process
