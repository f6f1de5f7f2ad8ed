// What a loop of these programs does after a round.
#pragma once

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>

#include <ctime>

#include "dataplane/worker/idle.h"

namespace sdg::traffic {

inline worker::IdleBackoff make_backoff(unsigned longest_sleep_us) {
    return {longest_sleep_us, rte_get_tsc_hz() / 1'000'000};
}

// handled: what the round found. True when it has slept.
inline bool rest(worker::IdleBackoff& backoff, size_t handled) {
    switch (handled > 0 ? backoff.busy(rte_rdtsc()) : backoff.idle()) {
        case worker::IdleBackoff::Action::go_on:
            return false;
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
