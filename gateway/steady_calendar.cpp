// gettimeofday() of this program: calendar time as it was at the start, going on with the monotonic
// clock.
//
// usrsctp takes round-trip times, and the age of what it may have to send again, from
// gettimeofday(), and finds this one before the C library's. With a calendar that is set back it
// would take every packet for too young to be sent again, and give associations up; with one that
// is set forward it would measure round trips of hours. Where real calendar time counts (leases,
// certificates) the program asks WallClock and time().
//
// Linked into the program only: tests have a gettimeofday() of their own. Any thread.
#include <sys/time.h>

#include <ctime>

namespace {

constexpr long kNanosecondsPerSecond = 1'000'000'000;

timespec read(clockid_t clock) {
    timespec out{};
    ::clock_gettime(clock, &out);
    return out;
}

// What to add to the monotonic clock.
timespec difference() {
    const timespec calendar = read(CLOCK_REALTIME);
    const timespec steady = read(CLOCK_MONOTONIC);
    timespec out{calendar.tv_sec - steady.tv_sec, calendar.tv_nsec - steady.tv_nsec};
    if (out.tv_nsec < 0) {
        out.tv_nsec += kNanosecondsPerSecond;
        --out.tv_sec;
    }
    return out;
}

}  // namespace

extern "C" int gettimeofday(struct timeval* time, void* /*zone*/) noexcept {
    static const timespec offset = difference();
    const timespec steady = read(CLOCK_MONOTONIC);
    const long nanoseconds = steady.tv_nsec + offset.tv_nsec;
    time->tv_sec = steady.tv_sec + offset.tv_sec + nanoseconds / kNanosecondsPerSecond;
    time->tv_usec = nanoseconds % kNanosecondsPerSecond / 1000;
    return 0;
}
