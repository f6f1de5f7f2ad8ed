#include "foundation/scheduling.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sdg {
namespace {

// struct sched_attr of sched_setattr(2), as first published; glibc 2.36 has no name for it, and the
// kernel's header defines sched_param once more.
struct SchedulingAttributes {
    uint32_t size = sizeof(SchedulingAttributes);
    uint32_t policy = 0;
    uint64_t flags = 0;
    int32_t nice = 0;
    uint32_t priority = 0;
    uint64_t runtime_ns = 0;  // of SCHED_OTHER: the length of a turn
    uint64_t deadline_ns = 0;
    uint64_t period_ns = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

constexpr uint64_t kTurnNs = 100'000;

}  // namespace

void take_short_turns() {
    SchedulingAttributes attributes;
    if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0 ||
        attributes.policy != SCHED_OTHER) {
        return;
    }
    attributes.runtime_ns = kTurnNs;
    ::syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace sdg
