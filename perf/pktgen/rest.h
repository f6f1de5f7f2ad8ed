// What a loop of these programs does when a round found nothing.
#pragma once

#include <rte_pause.h>
#include <sched.h>

#include <ctime>

#include "dataplane/worker/idle.h"

namespace sdg::traffic {

// True when it has slept.
inline bool rest(worker::IdleBackoff& backoff) {
    switch (backoff.idle()) {
        case worker::IdleBackoff::Action::spin:
            rte_pause();
            return false;
        case worker::IdleBackoff::Action::yield:
            sched_yield();
            return false;
        case worker::IdleBackoff::Action::sleep:
            break;
    }
    const timespec pause{0, static_cast<long>(backoff.sleep_us()) * 1000};
    nanosleep(&pause, nullptr);
    return true;
}

}  // namespace sdg::traffic
