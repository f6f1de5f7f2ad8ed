#include "foundation/scheduling.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <thread>

namespace sdg {
namespace {

// Of sched_getattr(2), by the offsets in its structure.
struct Scheduling {
    uint32_t policy = 0;
    int32_t nice = 0;
    uint64_t turn_ns = 0;
};

Scheduling of_this_thread() {
    std::array<uint8_t, 48> attributes{};
    EXPECT_EQ(::syscall(SYS_sched_getattr, 0, attributes.data(), attributes.size(), 0), 0);
    Scheduling out;
    std::memcpy(&out.policy, attributes.data() + 4, sizeof out.policy);
    std::memcpy(&out.nice, attributes.data() + 16, sizeof out.nice);
    std::memcpy(&out.turn_ns, attributes.data() + 24, sizeof out.turn_ns);
    return out;
}

bool kernel_knows_turns() {
    utsname name{};
    ::uname(&name);
    int major = 0;
    int minor = 0;
    // NOLINTNEXTLINE(cert-err34-c): two small numbers of the kernel
    EXPECT_EQ(std::sscanf(name.release, "%d.%d", &major, &minor), 2);
    return major > 6 || (major == 6 && minor >= 12);
}

TEST(Scheduling, short_turns_keep_the_share_and_are_inherited) {
    std::thread([] {
        ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 3), 0);
        take_short_turns();
        std::thread([] {
            const Scheduling now = of_this_thread();
            EXPECT_EQ(now.policy, static_cast<uint32_t>(SCHED_OTHER));
            EXPECT_EQ(now.nice, 3);
            if (kernel_knows_turns()) {
                EXPECT_EQ(now.turn_ns, 100'000U);
            }
        }).join();
    }).join();
}

TEST(Scheduling, another_policy_is_left_alone) {
    std::thread([] {
        const sched_param none{};
        ASSERT_EQ(::sched_setscheduler(0, SCHED_BATCH, &none), 0);
        const uint64_t before = of_this_thread().turn_ns;
        take_short_turns();
        EXPECT_EQ(of_this_thread().policy, static_cast<uint32_t>(SCHED_BATCH));
        EXPECT_EQ(of_this_thread().turn_ns, before);
    }).join();
}

}  // namespace
}  // namespace sdg
