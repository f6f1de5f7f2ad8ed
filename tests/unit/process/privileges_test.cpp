#include "control/process/privileges.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/unit/process/child.h"

namespace sdg::process {
namespace {

using test::in_child;

// How many threads of the process have the line in their status.
int threads_with(const std::string& wanted) {
    int found = 0;
    for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(thread.path() / "status");
        for (std::string line; std::getline(status, line);) {
            found += line == wanted ? 1 : 0;
        }
    }
    return found;
}

TEST(Privileges, every_thread_loses_its_capabilities) {
    EXPECT_EQ(in_child([] {
                  std::atomic<bool> stop{false};
                  std::thread busy([&] {
                      while (!stop.load()) {
                      }
                  });
                  std::thread idle([&] { stop.wait(false); });
                  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                  const bool dropped = drop_capabilities().has_value();
                  const int without = threads_with("CapEff:\t0000000000000000");
                  const int never = threads_with("CapPrm:\t0000000000000000");
                  stop = true;
                  stop.notify_all();
                  busy.join();
                  idle.join();
                  return dropped && without == 3 && never == 3 ? 0 : 1;
              }),
              0);
}

TEST(Privileges, root_becomes_a_user_who_can_still_open_ports) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root";
    }
    EXPECT_EQ(in_child([] {
                  if (!become({.user = "nobody", .group = std::nullopt})) {
                      return 1;
                  }
                  // CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK
                  if (::getuid() != ::getpwnam("nobody")->pw_uid || ::setuid(0) == 0 ||
                      threads_with("CapEff:\t0000000000007000") != 1) {
                      return 2;
                  }
                  return drop_capabilities() && threads_with("CapPrm:\t0000000000000000") == 1 ? 0
                                                                                               : 3;
              }),
              0);
}

TEST(Privileges, a_wrong_account_is_named) {
    const auto user = become({.user = "no-such-user", .group = std::nullopt});
    ASSERT_FALSE(user);
    EXPECT_NE(user.error().message.find("no-such-user"), std::string::npos);
    const auto group = become({.user = "nobody", .group = "no-such-group"});
    ASSERT_FALSE(group);
    EXPECT_NE(group.error().message.find("no-such-group"), std::string::npos);
}

TEST(Privileges, only_root_can_become_somebody_else) {
    EXPECT_EQ(in_child([] {
                  if (::geteuid() == 0 && ::setuid(12345) != 0) {
                      return 1;
                  }
                  const auto became = become({.user = "nobody", .group = std::nullopt});
                  return !became && became.error().code == ErrorCode::permission_denied ? 0 : 2;
              }),
              0);
}

}  // namespace
}  // namespace sdg::process
