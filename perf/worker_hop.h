// What it costs that a packet lands on a worker that does not own its association, or whose owner
// has no queue of the port: one ring hop. The same bursts as in the single worker's measurement,
// with the two workers on two threads that take turns, so that each finds the packets, the ring and
// the buffers in the other core's cache: the worst case, as a busy pair overlaps what it waits for.
#pragma once

#include <sched.h>

#include <atomic>
#include <thread>

#include "perf/worker_rig.h"

namespace sdg::perf {

// Cycles per packet.
struct HopCost {
    double direct = 0;  // the whole path on one worker
    double first = 0;   // the worker that has the packet first
    double second = 0;  // the one it goes to

    [[nodiscard]] double hop() const { return first + second - direct; }
};

struct HopCosts {
    HopCost receive;
    HopCost transmit;
    double line = 0;  // cycles of one cache line from core to core: what the machine gives
};

// On the last CPUs: the first has most of the interrupts.
inline void pin_to_cpu(unsigned from_last) {
    const unsigned cpus = std::max(1U, std::thread::hardware_concurrency());
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus - 1 - from_last % cpus, &set);
    sched_setaffinity(0, sizeof set, &set);
}

// Runs what it is told to on a thread of its own, pinned to another CPU, while the caller waits.
class OtherCore {
 public:
    OtherCore() : thread_([this] { run(); }) {}
    ~OtherCore() {
        stop_ = true;
        thread_.join();
    }
    OtherCore(const OtherCore&) = delete;
    OtherCore& operator=(const OtherCore&) = delete;

    uint64_t timed_round(WorkerRig& rig, unsigned worker) {
        rig_ = &rig;
        worker_ = worker;
        wait();
        return cycles_;
    }
    // Cycles for nothing but asking and being answered: two cache lines' ways.
    uint64_t timed_question() {
        rig_ = nullptr;
        const uint64_t start = rte_rdtsc_precise();
        wait();
        return rte_rdtsc_precise() - start;
    }

 private:
    void wait() {
        wanted_.store(true, std::memory_order_release);
        while (wanted_.load(std::memory_order_acquire)) {
        }
    }
    void run() {
        pin_to_cpu(1);
        while (!stop_.load(std::memory_order_relaxed)) {
            if (!wanted_.load(std::memory_order_acquire)) {
                continue;
            }
            if (rig_ != nullptr) {
                cycles_ = rig_->timed_round(worker_);
            }
            wanted_.store(false, std::memory_order_release);
        }
    }

    WorkerRig* rig_ = nullptr;
    unsigned worker_ = 0;
    uint64_t cycles_ = 0;
    std::atomic<bool> stop_{false};
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<bool> wanted_{false};
    alignas(RTE_CACHE_LINE_SIZE) std::thread thread_;
};

// Protected packets of the options' size; both rigs' bursts in turns.
inline HopCosts measure_hop(const RigOptions& options, unsigned bursts) {
    pin_to_cpu(0);
    const double reading = reading_cost();
    RigOptions split = options;
    split.workers = 2;
    std::array<std::vector<double>, 3> receive;
    std::array<std::vector<double>, 3> transmit;
    const auto keep = [](std::vector<double>& list, uint64_t cycles) {
        list.push_back(static_cast<double>(cycles) / kBurst);
    };
    OtherCore other;
    constexpr unsigned kTurn = 200;
    for (unsigned done = 0; done < bursts; done += kTurn) {
        {
            const RingDevice device;
            WorkerRig alone(device.name(), options);
            for (unsigned i = 0; i < kTurn; ++i) {
                keep(receive[0], alone.receive(device.in(), true));
                keep(transmit[0], alone.transmit(device.out(), true));
            }
        }
        const RingDevice device;
        WorkerRig pair(device.name(), split);
        for (unsigned i = 0; i < kTurn; ++i) {
            pair.feed_port(device.in(), true);
            keep(receive[1], pair.timed_round(0));
            keep(receive[2], other.timed_round(pair, 1));
            pair.take_delivered();
            pair.feed_control(true);
            keep(transmit[1], other.timed_round(pair, 1));
            keep(transmit[2], pair.timed_round(0));
            if (WorkerRig::drain(device.out()) != kBurst) {
                throw std::runtime_error("packets went missing on the way out");
            }
        }
    }
    const auto summarise = [&](std::array<std::vector<double>, 3>& lists) {
        return HopCost{median(std::move(lists[0])) - reading, median(std::move(lists[1])) - reading,
                       median(std::move(lists[2])) - reading};
    };
    std::vector<double> lines;
    for (unsigned i = 0; i < bursts; ++i) {
        lines.push_back(static_cast<double>(other.timed_question()) / 2);
    }
    return {summarise(receive), summarise(transmit), median(std::move(lines)) - reading};
}

}  // namespace sdg::perf
