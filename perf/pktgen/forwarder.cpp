#include "perf/pktgen/forwarder.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sys/prctl.h>

#include <algorithm>

#include "dataplane/port/eal.h"
#include "perf/pktgen/rest.h"

namespace sdg::traffic {
namespace {

constexpr unsigned kLongestSleepUs = 50;

uint64_t value(const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
}

void add(std::atomic<uint64_t>& counter, uint64_t n) {
    counter.store(value(counter) + n, std::memory_order_relaxed);
}

}  // namespace

std::vector<port::PortSettings> Forwarder::port_settings() const {
    std::vector<port::PortSettings> out;
    const auto add_leg = [](port::PortSettings& to, const ForwarderSettings::LegSettings& leg) {
        to.addresses.push_back({leg.addresses.gateway, 24});
        if (leg.node_mac) {
            to.neighbours.push_back({leg.addresses.node, *leg.node_mac});
        }
    };
    port::PortSettings plain;
    plain.name = "plain";
    plain.device = settings_.plain.device;
    plain.rx_descriptors = plain.tx_descriptors = 1024;
    plain.mbufs = 8192;
    port::PortSettings secure = plain;
    secure.name = "protected";
    secure.device = settings_.protected_leg.device;
    add_leg(plain, settings_.plain);
    if (secure.device.empty()) {
        add_leg(plain, settings_.protected_leg);
        out.push_back(plain);
    } else {
        add_leg(secure, settings_.protected_leg);
        out.push_back(plain);
        out.push_back(secure);
    }
    return out;
}

Result<std::unique_ptr<Forwarder>> Forwarder::create(const ForwarderSettings& settings) {
    std::unique_ptr<Forwarder> out(new Forwarder(settings));
    auto protection = keys::ChunkProtection::create(
        {.max_associations = std::max(64U, 2 * settings.associations.count),
         .workers = settings.workers});
    if (!protection) {
        return tl::unexpected(protection.error());
    }
    out->protection_ = std::move(*protection);
    if (auto added = out->add_associations(); !added) {
        return tl::unexpected(added.error());
    }
    // Last of the slow things: from here on whoever is at the other end may start sending.
    auto ports = port::PortTable::open(out->port_settings(), settings.workers);
    if (!ports) {
        return tl::unexpected(ports.error());
    }
    out->ports_ = std::move(*ports);
    const auto protected_port = static_cast<uint16_t>(out->ports_->size() - 1);
    out->legs_ = {LegPort{settings.plain.addresses, 0},
                  LegPort{settings.protected_leg.addresses, protected_port}};

    auto rings = worker::WorkerRingSet::create(settings.workers, settings.ring_packets);
    if (!rings) {
        return tl::unexpected(rings.error());
    }
    out->rings_ = std::move(*rings);
    for (unsigned w = 0; w < settings.workers; ++w) {
        auto made = worker::Worker::create({.index = w, .burst = settings.burst}, *out->ports_,
                                           *out->protection_, out->rings_->all());
        if (!made) {
            return fail(made.error().code, "worker {}: {}", w, made.error().message);
        }
        out->workers_.push_back(std::move(*made));
    }
    for (unsigned t = 0; t < (settings.control_thread ? 1 : settings.workers); ++t) {
        out->turns_.push_back(
            std::make_unique<TurnAround>(out->rings_->all(), out->far_sides_, out->legs_));
    }
    return out;
}

Result<void> Forwarder::add_associations() {
    for (uint32_t i = 0; i < associations_.size(); ++i) {
        const auto owner = static_cast<uint16_t>(i % settings_.workers);
        std::array<keys::AssociationId, 2> ids;
        for (const Leg leg : {Leg::plain, Leg::protected_}) {
            const auto id = protection_->add(
                {kGatewayPort, Associations::node_port(i), associations_.tag_to_gateway(leg, i)},
                owner);
            if (!id) {
                return fail(id.error().code, "association {}: {}", i, id.error().message);
            }
            ids[index_of(leg)] = *id;
            far_sides_.resize(std::max<size_t>(far_sides_.size(), id->index + size_t{1}));
        }
        using keys::KeyRole;
        const keys::AssociationId sealed = ids[index_of(Leg::protected_)];
        auto ok = protection_->establish_receive_key(sealed, KeyRole::primary, kEpoch,
                                                     associations_.keys_to_gateway(i));
        if (ok) {
            ok = protection_->establish_send_key(sealed, KeyRole::primary, kEpoch,
                                                 associations_.keys_to_node(i));
        }
        if (ok) {
            ok = protection_->select_send_key(sealed, KeyRole::primary, kEpoch);
        }
        if (ok) {
            ok = protection_->require_protected_packets(sealed);
        }
        if (!ok) {
            return fail(ok.error().code, "keys of association {}: {}", i, ok.error().message);
        }
        for (const Leg leg : {Leg::plain, Leg::protected_}) {
            far_sides_[ids[index_of(leg)].index] = {.association = ids[index_of(other(leg))],
                                                    .tag = associations_.tag_to_node(other(leg), i),
                                                    .owner = owner,
                                                    .leg = other(leg)};
        }
    }
    return {};
}

Forwarder::~Forwarder() {
    stop();
    // Packets in the rings belong to the ports' pools; workers hold some, too.
    workers_.clear();
    rings_.reset();
    protection_.reset();
    ports_.reset();
}

// Worker::run() with the turning in the same thread, and the time of busy rounds. No association
// ever goes, so that there is nothing to report quiescence for.
int Forwarder::run(void* argument) {
    Loop& loop = *static_cast<Loop*>(argument);
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    worker::IdleBackoff backoff = make_backoff(kLongestSleepUs);
    while (!loop.stop->load(std::memory_order_relaxed)) {
        const uint64_t start = rte_rdtsc();
        size_t handled = loop.worker->poll_at(start);
        if (loop.turn != nullptr) {
            handled += loop.turn->round(loop.index, true, start);
        }
        if (handled > 0) {
            add(loop.busy_cycles, rte_rdtsc() - start);
        }
        if (rest(backoff, handled)) {
            add(loop.sleeps, 1);
        }
    }
    return 0;
}

Result<void> Forwarder::start() {
    for (unsigned w = 0; w < workers_.size(); ++w) {
        loops_.push_back(std::make_unique<Loop>());
        Loop& loop = *loops_.back();
        loop.worker = workers_[w].get();
        loop.turn = settings_.control_thread ? nullptr : turns_[w].get();
        loop.stop = &stop_;
        loop.index = w;
        if (const int error = rte_eal_remote_launch(&run, &loop, port::Eal::worker_lcore(w))) {
            stop();
            return fail(ErrorCode::internal, "worker {} cannot be started: error {}", w, error);
        }
        ++launched_;
    }
    return {};
}

void Forwarder::stop() {
    stop_.store(true);
    for (; launched_ > 0; --launched_) {
        rte_eal_wait_lcore(port::Eal::worker_lcore(launched_ - 1));
    }
}

size_t Forwarder::poll_control() {
    size_t handled = 0;
    const uint64_t now = rte_rdtsc();
    for (unsigned w = 0; w < workers_.size(); ++w) {
        handled += turns_.front()->round(w, false, now);
    }
    return handled;
}

Forwarder::Totals Forwarder::totals() const {
    Totals out;
    for (const auto& worker : workers_) {
        const worker::WorkerCounters& counters = worker->counters();
        out.received += value(counters.received);
        out.transmitted += value(counters.transmitted);
        out.opened += value(counters.opened);
        out.sealed += value(counters.sealed);
        for (const auto& drop : counters.drops) {
            out.dropped += value(drop);
        }
    }
    for (const auto& turn : turns_) {
        out.dropped += value(turn->counters().ring_full) + value(turn->counters().unknown);
    }
    return out;
}

nlohmann::json Forwarder::report() const {
    using nlohmann::json;
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const Totals sums = totals();
    json out = {{"program", "traffic-forwarder"},
                {"workers", workers_.size()},
                {"turned_by", settings_.control_thread ? "control thread" : "worker"},
                {"associations", associations_.size()},
                {"suite", record::traits(settings_.associations.suite)->name},
                {"tsc_hz", hz},
                {"received", sums.received},
                {"opened", sums.opened},
                {"sealed", sums.sealed},
                {"transmitted", sums.transmitted},
                {"dropped", sums.dropped}};
    uint64_t turned = 0;
    uint64_t unknown = 0;
    uint64_t ring_full = 0;
    uint64_t first = UINT64_MAX;
    uint64_t last = 0;
    for (const auto& turn : turns_) {
        const TurnCounters& counters = turn->counters();
        turned += value(counters.turned);
        unknown += value(counters.unknown);
        ring_full += value(counters.ring_full);
        if (value(counters.first) != 0) {
            first = std::min(first, value(counters.first));
            last = std::max(last, value(counters.last));
        }
    }
    out["turned"] = turned;
    json drops = json::object();
    for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
        const auto reason = static_cast<packet::DropReason>(r);
        uint64_t sum = 0;
        for (const auto& worker : workers_) {
            sum += worker->counters().drop(reason);
        }
        if (sum > 0) {
            drops[std::string(packet::name(reason))] = sum;
        }
    }
    if (unknown > 0) {
        drops["no_association"] = unknown;
    }
    if (ring_full > 0) {
        drops["ring_full_from_control"] = ring_full;
    }
    out["drops"] = drops;

    const double seconds = last > first ? static_cast<double>(last - first) / hz : 0;
    out["seconds"] = seconds;
    out["packets_per_s"] = seconds > 0 ? static_cast<double>(turned) / seconds : 0.0;
    uint64_t busy = 0;
    for (size_t w = 0; w < loops_.size(); ++w) {
        const worker::WorkerCounters& counters = workers_[w]->counters();
        busy += value(loops_[w]->busy_cycles);
        out["worker"].push_back({{"received", value(counters.received)},
                                 {"transmitted", value(counters.transmitted)},
                                 {"handed_over", value(counters.handed_over)},
                                 {"busy_cycles", value(loops_[w]->busy_cycles)},
                                 {"busy_rounds", value(counters.busy_rounds)},
                                 {"idle_rounds", value(counters.idle_rounds)},
                                 {"sleeps", value(loops_[w]->sleeps)}});
    }
    const double per_packet =
        turned > 0 ? static_cast<double>(busy) / static_cast<double>(turned) : 0;
    out["cycles"] = {{"busy", busy}, {"per_packet", per_packet}};
    // What the workers could do if they never waited.
    out["packets_per_s_busy"] =
        per_packet > 0 ? hz * static_cast<double>(workers_.size()) / per_packet : 0.0;
    for (uint16_t p = 0; p < ports_->size(); ++p) {
        json counters = json::object();
        for (const auto& [name, count] : ports_->device_counters(p)) {
            if (count > 0) {
                counters[name] = count;
            }
        }
        out["ports"].push_back({{"name", ports_->name(p)}, {"counters", counters}});
    }
    return out;
}

}  // namespace sdg::traffic
