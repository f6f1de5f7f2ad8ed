#include "tests/support/usrsctp_clock.h"

#include <sys/time.h>
#include <time.h>

#include <algorithm>

namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::seconds;

const sdg::Clock* followed = nullptr;
microseconds offset{0};  // of followed to the epoch
microseconds latest{0};  // ever told

microseconds real_time() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return duration_cast<microseconds>(seconds(now.tv_sec)) + microseconds(now.tv_nsec / 1000);
}

microseconds told_time() {
    const microseconds now =
        followed != nullptr ? offset + duration_cast<microseconds>(followed->now()) : real_time();
    latest = std::max(latest, now);
    return now;
}

}  // namespace

// Found before the C library's by libusrsctp, because the program exports what its libraries need.
extern "C" int gettimeofday(struct timeval* time, void*) noexcept {
    const microseconds now = told_time();
    time->tv_sec = duration_cast<seconds>(now).count();
    time->tv_usec = (now % seconds(1)).count();
    return 0;
}

namespace sdg::test {

UsrsctpClock::UsrsctpClock(const Clock& clock) {
    offset = std::max(latest, real_time()) + seconds(1) - duration_cast<microseconds>(clock.now());
    followed = &clock;
}

UsrsctpClock::~UsrsctpClock() {
    followed = nullptr;
}

}  // namespace sdg::test
