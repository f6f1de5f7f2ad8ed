#include "control/process/system_call_filter.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <fstream>
#include <string>
#include <thread>

#include "tests/unit/process/child.h"

namespace sdg::process {
namespace {

using test::in_child;

// Filtered, then what: its result is the exit code. 99: no filter.
int filtered(const std::function<int()>& what) {
    return in_child([&] { return SystemCallFilter::install() ? what() : 99; });
}

// The errno of a call that fails, 0 for one that does not.
int outcome(long result) {
    return result < 0 ? errno : 0;
}

TEST(SystemCallFilter, lets_through_what_a_gateway_does) {
    EXPECT_EQ(filtered([] {
                  const int file = ::open("/proc/self/status", O_RDONLY);
                  char octet = 0;
                  if (file < 0 || ::read(file, &octet, 1) != 1 || ::close(file) != 0) {
                      return 1;
                  }
                  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
                      if (::socket(family, SOCK_DGRAM, 0) < 0) {
                          return 2;
                      }
                  }
                  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  if (page == MAP_FAILED || ::mprotect(page, 4096, PROT_READ) != 0) {
                      return 3;
                  }
                  int ran = 0;
                  std::thread([&] { ran = 1; }).join();
                  if (ran != 1) {
                      return 4;
                  }
                  return SystemCallFilter::refused() == 0 ? 0 : 5;
              }),
              0);
}

TEST(SystemCallFilter, refuses_other_programs_and_processes) {
    EXPECT_EQ(filtered([] {
                  char name[] = "/bin/true";
                  char* arguments[] = {name, nullptr};
                  return outcome(::execv(name, arguments));
              }),
              ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::fork()); }), EPERM);
    EXPECT_EQ(filtered([] { return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }),
              ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::kill(::getppid(), 0)); }), ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0)); }),
              ENOSYS);
}

TEST(SystemCallFilter, refuses_new_namespaces_kernel_code_and_packet_sockets) {
    EXPECT_EQ(filtered([] { return outcome(::unshare(CLONE_NEWUSER)); }), ENOSYS);
    EXPECT_EQ(filtered([] {
                  bpf_attr attribute{};
                  return outcome(::syscall(SYS_bpf, BPF_MAP_CREATE, &attribute, sizeof attribute));
              }),
              ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::socket(AF_PACKET, SOCK_RAW, 0)); }), ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)); }), ENOSYS);
    EXPECT_EQ(filtered([] { return outcome(::setuid(0)); }), ENOSYS);
}

TEST(SystemCallFilter, refuses_to_make_written_memory_executable) {
    EXPECT_EQ(filtered([] {
                  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                  return outcome(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
              }),
              ENOSYS);
    EXPECT_EQ(filtered([] {
                  return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                             ? errno
                             : 0;
              }),
              ENOSYS);
}

TEST(SystemCallFilter, reaches_threads_that_were_there_before) {
    EXPECT_EQ(in_child([] {
                  std::atomic<bool> filtered{false};
                  std::atomic<int> seen{-1};
                  std::thread before([&] {
                      while (!filtered.load()) {
                          std::this_thread::yield();
                      }
                      seen = outcome(::unshare(CLONE_NEWUTS));
                  });
                  const bool installed = SystemCallFilter::install().has_value();
                  filtered = true;
                  before.join();
                  return installed ? seen.load() : 99;
              }),
              ENOSYS);
}

TEST(SystemCallFilter, counts_what_it_refuses_and_names_each_call_once) {
    EXPECT_EQ(filtered([] {
                  if (SystemCallFilter::next_refused()) {
                      return 1;
                  }
                  (void)::unshare(CLONE_NEWUTS);
                  (void)::unshare(CLONE_NEWUTS);
                  (void)::syscall(SYS_acct, nullptr);
                  if (SystemCallFilter::refused() != 3) {
                      return 2;
                  }
                  const auto first = SystemCallFilter::next_refused();
                  const auto second = SystemCallFilter::next_refused();
                  if (first != "acct" || second != "unshare" || SystemCallFilter::next_refused()) {
                      return 3;
                  }
                  (void)::unshare(CLONE_NEWUTS);
                  return SystemCallFilter::next_refused() ? 4 : 0;
              }),
              0);
}

}  // namespace
}  // namespace sdg::process
