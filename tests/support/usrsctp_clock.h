// Makes usrsctp's wall clock follow a manual clock.
//
// usrsctp's timers are driven by us, but it takes round-trip times, and decides which chunks are
// old enough to be sent again when a timer fires, from gettimeofday(). With simulated time running
// a thousand times faster than real time it finds every chunk too young, retransmits nothing, and
// gives the association up. A program that uses this class has its own gettimeofday(), which the
// shared library then calls too.
//
// One object at a time, single thread. While none lives the real time is told.
#pragma once

#include "foundation/clock.h"

namespace sdg::test {

class UsrsctpClock {
 public:
    // The clock outlives the object. Time never goes back from one object to the next.
    explicit UsrsctpClock(const Clock& clock);
    ~UsrsctpClock();
    UsrsctpClock(const UsrsctpClock&) = delete;
    UsrsctpClock& operator=(const UsrsctpClock&) = delete;
};

}  // namespace sdg::test
