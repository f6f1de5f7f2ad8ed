#include "control/process/privileges.h"

#include <cap-ng.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <set>
#include <string_view>
#include <vector>

namespace sdg::process {
namespace {

constexpr unsigned kWaitMs = 2000;
constexpr size_t kEntryBuffer = size_t{64} * 1024;

int drop_signal() {
    return SIGRTMIN + 5;
}

std::atomic<unsigned> g_done{0};
std::atomic<int> g_error{0};

// Raw system calls only: it runs in signal handlers, and in threads that know nothing of it.
int drop_in_this_thread() {
    for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability) {
        // Needs CAP_SETPCAP; without it nothing could be gained from the set either, since the
        // process has no_new_privs.
        ::syscall(SYS_prctl, PR_CAPBSET_DROP, capability, 0UL, 0UL, 0UL);
    }
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    return ::syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

void on_signal(int) {
    const int before = errno;
    if (const int error = drop_in_this_thread(); error != 0) {
        g_error.store(error);
    }
    g_done.fetch_add(1);
    errno = before;
}

std::vector<pid_t> threads() {
    std::vector<pid_t> out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error)) {
        const std::string name = entry.path().filename();
        pid_t thread = 0;
        std::from_chars(name.data(), name.data() + name.size(), thread);
        out.push_back(thread);
    }
    return out;
}

bool wait_for(unsigned wanted) {
    const timespec pause{0, 1'000'000};
    for (unsigned waited = 0; g_done.load() < wanted; ++waited) {
        if (waited == kWaitMs) {
            return false;
        }
        ::nanosleep(&pause, nullptr);
    }
    return true;
}

Result<void> interrupt_others() {
    std::set<pid_t> reached{::gettid()};
    g_done.store(0);
    g_error.store(0);
    unsigned wanted = 0;
    // Until no thread is left that is new: one may have been made by another meanwhile.
    for (bool again = true; again;) {
        again = false;
        for (const pid_t thread : threads()) {
            if (!reached.insert(thread).second) {
                continue;
            }
            again = true;
            if (::syscall(SYS_tgkill, ::getpid(), thread, drop_signal()) == 0) {
                ++wanted;
            } else if (errno != ESRCH) {
                return fail(ErrorCode::internal, "thread {} cannot be reached: {}", thread,
                            std::strerror(errno));
            }
        }
        if (!wait_for(wanted)) {
            return fail(ErrorCode::timed_out, "{} of {} threads did not give their capabilities up",
                        wanted - g_done.load(), wanted);
        }
    }
    if (const int error = g_error.load(); error != 0) {
        return fail(ErrorCode::internal, "a thread keeps its capabilities: {}",
                    std::strerror(error));
    }
    return {};
}

Result<void> check_all() {
    for (const pid_t thread : threads()) {
        capng_clear(CAPNG_SELECT_ALL);
        capng_setpid(thread);
        if (capng_get_caps_process() == 0 &&
            capng_have_capabilities(CAPNG_SELECT_CAPS) != CAPNG_NONE) {
            return fail(ErrorCode::internal, "thread {} still has capabilities", thread);
        }
    }
    return {};
}

}  // namespace

Result<void> become(const Account& account) {
    passwd entry{};
    passwd* found = nullptr;
    std::vector<char> buffer(kEntryBuffer);
    if (::getpwnam_r(account.user.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr) {
        return fail(ErrorCode::not_found, "security.user: this host has no user {}", account.user);
    }
    const uid_t user = entry.pw_uid;
    gid_t group = entry.pw_gid;
    if (account.group) {
        struct group group_entry {};
        struct group* group_found = nullptr;
        if (::getgrnam_r(account.group->c_str(), &group_entry, buffer.data(), buffer.size(),
                         &group_found) != 0 ||
            group_found == nullptr) {
            return fail(ErrorCode::not_found, "security.group: this host has no group {}",
                        *account.group);
        }
        group = group_entry.gr_gid;
    }
    if (::geteuid() == user && ::getegid() == group) {
        return {};
    }
    if (::geteuid() != 0) {
        return fail(ErrorCode::permission_denied,
                    "security.user: only root can become {}; start as that user or as root",
                    account.user);
    }
    constexpr auto kSets = static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED);
    capng_clear(CAPNG_SELECT_BOTH);
    capng_updatev(CAPNG_ADD, kSets, CAP_NET_RAW, CAP_NET_ADMIN, CAP_IPC_LOCK, -1);
    if (const int error =
            capng_change_id(static_cast<int>(user), static_cast<int>(group),
                            static_cast<capng_flags_t>(CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
        error != 0) {
        return fail(ErrorCode::permission_denied, "security.user: cannot become {} (libcap-ng: {})",
                    account.user, error);
    }
    return {};
}

Result<void> drop_capabilities() {
    struct sigaction action {};
    struct sigaction before {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (::sigaction(drop_signal(), &action, &before) != 0) {
        return fail(ErrorCode::internal, "no signal for threads: {}", std::strerror(errno));
    }
    auto done = interrupt_others();
    if (const int error = drop_in_this_thread(); done && error != 0) {
        done =
            fail(ErrorCode::internal, "capabilities cannot be dropped: {}", std::strerror(error));
    }
    ::sigaction(drop_signal(), &before, nullptr);
    if (!done) {
        return done;
    }
    return check_all();
}

}  // namespace sdg::process
