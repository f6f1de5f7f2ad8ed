#include "control/process/system_call_filter.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <memory>

namespace sdg::process {
namespace {

// Newer than the headers: named by number, in the order of the kernel's table.
constexpr size_t kNumbers = 512;  // those above share the last place

// Written by the handler in any thread, read by the control thread.
std::array<std::atomic<uint32_t>, kNumbers> g_refused{};
std::atomic<uint64_t> g_total{0};

void on_refused(int, siginfo_t* info, void* context) {
    const auto number = static_cast<size_t>(info->si_syscall);
    g_refused[std::min(number, kNumbers - 1)].fetch_add(1, std::memory_order_relaxed);
    g_total.fetch_add(1, std::memory_order_relaxed);
    static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RAX] = -ENOSYS;
}

// What a gateway does: files of its configuration, stores and logs; sockets of the admin, metrics,
// store and telemetry sides; DPDK's drivers (ioctl, epoll, memory); threads and their waiting.
constexpr int kAllowed[] = {
    // files
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev,
    SYS_preadv2, SYS_pwritev2, SYS_open, SYS_openat, SYS_creat, SYS_close, SYS_close_range,
    SYS_stat, SYS_lstat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_lseek,
    SYS_access, SYS_faccessat, SYS_faccessat2, SYS_readlink, SYS_readlinkat, SYS_getdents64,
    SYS_getcwd, SYS_fcntl, SYS_flock, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fallocate,
    SYS_fadvise64, SYS_unlink, SYS_unlinkat, SYS_rename, SYS_renameat, SYS_renameat2, SYS_mkdir,
    SYS_mkdirat, SYS_rmdir, SYS_chmod, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_umask,
    SYS_utimensat, SYS_sendfile, SYS_copy_file_range, SYS_memfd_create,
    // memory; making it executable is below
    SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_mlock, SYS_mlock2, SYS_munlock, SYS_msync,
    SYS_mincore, SYS_mbind, SYS_get_mempolicy, SYS_set_mempolicy,
    // threads, signals, time
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_membarrier,
    SYS_set_tid_address, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid,
    SYS_getegid, SYS_getresuid, SYS_getresgid, SYS_getgroups, SYS_exit, SYS_exit_group,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_getscheduler, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_getcpu,
    SYS_getpriority, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait,
    SYS_rt_sigpending, SYS_sigaltstack, SYS_restart_syscall, SYS_pause, SYS_nanosleep,
    SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_time, SYS_times,
    SYS_getrusage, SYS_getrlimit, SYS_sysinfo, SYS_uname, SYS_getrandom,
    // waiting
    SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_create, SYS_epoll_create1,
    SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd, SYS_eventfd2,
    SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime, SYS_signalfd4, SYS_pipe,
    SYS_pipe2, SYS_dup, SYS_dup2, SYS_dup3, SYS_inotify_init1, SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
    // sockets; socket() itself is below
    SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername,
    SYS_getsockopt, SYS_setsockopt, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_recvfrom,
    SYS_recvmsg, SYS_recvmmsg, SYS_shutdown,
    // drivers: vfio, tap, packet sockets that are open
    SYS_ioctl};

// Their argument decides; packet sockets and other families are refused, so that code injected
// later cannot listen to the host's links.
constexpr unsigned kFamilies[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
// PR_SET_VMA: the C library names its memory.
constexpr unsigned kProcessControls[] = {PR_SET_NAME,       PR_GET_NAME,     PR_SET_TIMERSLACK,
                                         PR_GET_TIMERSLACK, PR_GET_DUMPABLE, PR_SET_VMA};

struct Release {
    void operator()(void* context) const { seccomp_release(context); }
};

class Rules {
 public:
    explicit Rules(scmp_filter_ctx context) : context_(context) {}

    void add(uint32_t action, int number, std::initializer_list<scmp_arg_cmp> when = {}) {
        if (error_ == 0) {
            error_ = -seccomp_rule_add_array(context_, action, number,
                                             static_cast<unsigned>(when.size()), when.begin());
        }
    }
    void set(scmp_filter_attr attribute, uint32_t value) {
        if (error_ == 0) {
            error_ = -seccomp_attr_set(context_, attribute, value);
        }
    }
    [[nodiscard]] int error() const { return error_; }

 private:
    scmp_filter_ctx context_;
    int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, uint64_t value) {
    return {.arg = argument, .op = SCMP_CMP_EQ, .datum_a = value, .datum_b = 0};
}

scmp_arg_cmp has_bits(unsigned argument, uint64_t mask, uint64_t value) {
    return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

void add_rules(Rules& rules) {
    for (const int number : kAllowed) {
        rules.add(SCMP_ACT_ALLOW, number);
    }
    for (const unsigned family : kFamilies) {
        rules.add(SCMP_ACT_ALLOW, SYS_socket, {equals(0, family)});
    }
    rules.add(SCMP_ACT_ALLOW, SYS_socketpair, {equals(0, AF_UNIX)});
    for (const unsigned control : kProcessControls) {
        rules.add(SCMP_ACT_ALLOW, SYS_prctl, {equals(0, control)});
    }
    // Threads, not processes. The C library blocks signals around both; clone3 has its flags in
    // memory, where a filter cannot look: the library falls back to clone.
    rules.add(SCMP_ACT_ALLOW, SYS_clone, {has_bits(0, CLONE_THREAD, CLONE_THREAD)});
    rules.add(SCMP_ACT_ERRNO(EPERM), SYS_clone, {has_bits(0, CLONE_THREAD, 0)});
    rules.add(SCMP_ACT_ERRNO(ENOSYS), SYS_clone3);
    rules.add(SCMP_ACT_ERRNO(EPERM), SYS_fork);
    rules.add(SCMP_ACT_ERRNO(EPERM), SYS_vfork);
    // Code comes from files (shared objects), never from memory that was written.
    rules.add(SCMP_ACT_ALLOW, SYS_mmap, {has_bits(2, PROT_EXEC, 0)});
    rules.add(SCMP_ACT_ALLOW, SYS_mmap,
              {has_bits(2, PROT_EXEC | PROT_WRITE, PROT_EXEC), has_bits(3, MAP_ANONYMOUS, 0)});
    rules.add(SCMP_ACT_ALLOW, SYS_mprotect, {has_bits(2, PROT_EXEC, 0)});
    // abort() and pthread_kill(): to ourselves.
    rules.add(SCMP_ACT_ALLOW, SYS_tgkill, {equals(0, static_cast<uint64_t>(::getpid()))});
    // Limits are read, not changed.
    rules.add(SCMP_ACT_ALLOW, SYS_prlimit64, {equals(2, 0)});
}

}  // namespace

Result<void> SystemCallFilter::install() {
    struct sigaction action {};
    action.sa_sigaction = on_refused;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART;
    if (::sigaction(SIGSYS, &action, nullptr) != 0) {
        return fail(ErrorCode::internal, "system call filter: no SIGSYS: {}", std::strerror(errno));
    }
    const std::unique_ptr<void, Release> context(seccomp_init(SCMP_ACT_TRAP));
    if (context == nullptr) {
        return fail(ErrorCode::resource_exhausted, "system call filter: out of memory");
    }
    Rules rules(context.get());
    rules.set(SCMP_FLTATR_CTL_TSYNC, 1);
    // A tree instead of a list: calls cost the same wherever they are in it.
    rules.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
    add_rules(rules);
    if (rules.error() != 0) {
        return fail(ErrorCode::internal, "system call filter: a rule cannot be added: {}",
                    std::strerror(rules.error()));
    }
    if (const int error = -seccomp_load(context.get()); error != 0) {
        return fail(ErrorCode::unavailable,
                    "system call filter: the kernel does not take it ({}); security.seccomp: false "
                    "does without",
                    std::strerror(error));
    }
    return {};
}

uint64_t SystemCallFilter::refused() {
    return g_total.load(std::memory_order_relaxed);
}

std::optional<std::string> SystemCallFilter::next_refused() {
    static std::array<bool, kNumbers> told{};
    static uint64_t seen = 0;
    const uint64_t now = refused();
    if (now == seen) {
        return std::nullopt;
    }
    for (size_t number = 0; number < kNumbers; ++number) {
        if (told[number] || g_refused[number].load(std::memory_order_relaxed) == 0) {
            continue;
        }
        told[number] = true;
        const std::unique_ptr<char, void (*)(void*)> name(
            seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, static_cast<int>(number)),
            &std::free);
        return name != nullptr ? std::string(name.get()) : "number " + std::to_string(number);
    }
    seen = now;
    return std::nullopt;
}

}  // namespace sdg::process
