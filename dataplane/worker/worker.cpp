#include "dataplane/worker/worker.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_ring.h>
#include <sched.h>
#include <sys/prctl.h>

#include <ctime>

#include "dataplane/worker/handover.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/link.h"
#include "dataplane/worker/receive.h"
#include "dataplane/worker/transmit.h"
#include "dataplane/worker/worker_state.h"
#include "foundation/random.h"

namespace sdg::worker {
namespace {

static_assert(sizeof(PacketMeta) <= port::kPrivateArea);

constexpr unsigned kTicksPerSecond = 100;

// Packets from other workers, in runs of one stage so that their order is kept.
size_t take_handed_over(WorkerState& state) {
    std::array<rte_mbuf*, kMaxBurst> packets;
    const unsigned n =
        rte_ring_dequeue_burst(state.rings[state.settings.index].handover,
                               reinterpret_cast<void**>(packets.data()), kMaxBurst, nullptr);
    for (size_t i = 0; i < n;) {
        const uint8_t stage = meta_of(packets[i])->stage;
        size_t end = i + 1;
        while (end < n && meta_of(packets[end])->stage == stage) {
            ++end;
        }
        const std::span<rte_mbuf* const> run(packets.data() + i, end - i);
        switch (static_cast<Stage>(stage)) {
            case Stage::received:
                deliver_packets(state, run);
                break;
            case Stage::link:
                for (rte_mbuf* frame : run) {
                    handle_link_frame(state, frame);
                }
                break;
            case Stage::outgoing:
                send_packets(state, run);
                break;
            case Stage::routed:
                route_packets(state, run);
                break;
        }
        i = end;
    }
    return n;
}

size_t round(WorkerState& state, uint64_t now) {
    if (state.now != 0) {
        count(state.was_busy ? state.counters.busy_cycles : state.counters.idle_cycles,
              now - state.now);
    }
    state.now = now;
    state.tap = state.given_tap.load(std::memory_order_acquire);
    if (!state.announced) {
        state.announced = true;
        announce(state);
    }
    size_t handled = 0;
    std::array<rte_mbuf*, kMaxBurst> packets;
    state.watch.start();
    for (const PolledQueue& polled : state.polled) {
        const uint16_t n = rte_eth_rx_burst(polled.device, polled.queue, packets.data(),
                                            static_cast<uint16_t>(state.settings.burst));
        end_stage(state, CostStage::receive_port);
        if (n > 0) {
            if (state.tap != nullptr && !state.tap->plain()) [[unlikely]] {
                state.tap->take_frames(polled.port, {packets.data(), n}, capture::Direction::in);
                state.tap->publish(n);
            }
            receive_frames(state, polled.port, {packets.data(), n});
            handled += n;
        }
    }
    handled += take_handed_over(state);
    const unsigned n =
        rte_ring_dequeue_burst(state.rings[state.settings.index].from_control,
                               reinterpret_cast<void**>(packets.data()), kMaxBurst, nullptr);
    end_stage(state, CostStage::take);
    if (n > 0) {
        send_packets(state, {packets.data(), n});
        handled += n;
    }
    if (now >= state.next_tick) {
        state.next_tick = now + state.cycles_per_tick;
        tick_neighbours(state);
    }
    flush(state);
    flush_handovers(state);
    end_stage(state, CostStage::transmit_port);
    count(handled > 0 ? state.counters.busy_rounds : state.counters.idle_rounds);
    count(state.counters.handled, handled);
    state.was_busy = handled > 0;
    return handled;
}

}  // namespace

std::string_view name(CostStage stage) {
    static constexpr std::array<std::string_view, kCostStages> kNames{
        "receive_port", "parse",   "checksum_in",  "lookup",       "prepare_open",
        "open",         "deliver", "take",         "prepare_seal", "seal",
        "checksum_out", "route",   "transmit_port"};
    return kNames[static_cast<size_t>(stage)];
}

Worker::Worker(std::unique_ptr<WorkerState> state) : state_(std::move(state)) {
}
Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::create(const WorkerSettings& settings,
                                               port::PortTable& ports,
                                               keys::ChunkProtection& protection,
                                               std::vector<WorkerRings> rings) {
    if (settings.burst == 0 || settings.burst > kMaxBurst) {
        return fail(ErrorCode::invalid_argument, "worker burst of {}, between 1 and {} is possible",
                    settings.burst, kMaxBurst);
    }
    if (rings.size() != ports.workers() || settings.index >= rings.size()) {
        return fail(ErrorCode::invalid_argument,
                    "worker {} of {} with rings for {}: the numbers must agree", settings.index,
                    ports.workers(), rings.size());
    }
    std::unique_ptr<record::AeadBatch> aead;
    if (settings.aead != nullptr) {
        auto queue = settings.aead->make_queue(settings.index);
        if (!queue) {
            return tl::unexpected(queue.error());
        }
        aead = std::move(*queue);
    }
    auto engine = record::RecordEngine::create(record::Architecture::best, std::move(aead));
    if (!engine) {
        return tl::unexpected(engine.error());
    }
    SystemRandom random;
    auto state = std::make_unique<WorkerState>(
        settings, ports,
        StrangerBudget(settings.strangers, rte_get_tsc_hz(), {random.u64(), random.u64()}));
    state->associations = &protection.table();
    state->quiescence = protection.quiescence();
    state->rings = std::move(rings);
    state->handovers.resize(state->rings.size());
    state->engine = std::move(*engine);
    state->cycles_per_tick = rte_get_tsc_hz() / kTicksPerSecond;
    state->batches.resize(ports.size());
    for (uint16_t index = 0; index < ports.size(); ++index) {
        const port::Device& device = *ports.port(index).device;
        const std::optional<uint16_t> queue = ports.queue_of(index, settings.index);
        if (!queue) {
            continue;
        }
        state->polled.push_back({index, device.id(), *queue});
        TransmitBatch& batch = state->batches[index];
        batch.device = device.id();
        batch.queue = *queue;
        batch.has_queue = true;
        batch.prepare = device.fills_sctp() || device.fills_ipv4();
    }
    return std::unique_ptr<Worker>(new Worker(std::move(state)));
}

size_t Worker::poll_at(uint64_t now) {
    return round(*state_, now);
}

size_t Worker::poll_once() {
    return round(*state_, rte_rdtsc());
}

void Worker::run(const std::atomic<bool>& stop) {
    // Without this the kernel rounds our sleeps up by 50 us.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    WorkerState& state = *state_;
    const unsigned reader = state.settings.index;
    rte_rcu_qsbr_thread_register(state.quiescence, reader);
    rte_rcu_qsbr_thread_online(state.quiescence, reader);
    IdleBackoff backoff(state.settings.idle_sleep_us, rte_get_tsc_hz() / 1'000'000);
    while (!stop.load(std::memory_order_relaxed)) {
        const size_t handled = poll_once();
        rte_rcu_qsbr_quiescent(state.quiescence, reader);
        switch (handled > 0 ? backoff.busy(rte_rdtsc()) : backoff.idle()) {
            case IdleBackoff::Action::go_on:
                break;
            case IdleBackoff::Action::spin:
                rte_pause();
                break;
            case IdleBackoff::Action::yield:
                sched_yield();
                break;
            case IdleBackoff::Action::sleep: {
                count(state.counters.sleeps);
                const timespec pause{0, static_cast<long>(backoff.sleep_us()) * 1000};
                rte_rcu_qsbr_thread_offline(state.quiescence, reader);
                nanosleep(&pause, nullptr);
                rte_rcu_qsbr_thread_online(state.quiescence, reader);
                break;
            }
        }
    }
    rte_rcu_qsbr_thread_offline(state.quiescence, reader);
    rte_rcu_qsbr_thread_unregister(state.quiescence, reader);
}

const WorkerCounters& Worker::counters() const {
    return state_->counters;
}

void Worker::set_tap(capture::Tap* tap) {
    state_->given_tap.store(tap, std::memory_order_release);
}

}  // namespace sdg::worker
