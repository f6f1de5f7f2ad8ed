#include "gateway/gateway.h"

#include <fmt/chrono.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "control/log.h"
#include "dataplane/port/eal.h"
#include "dataplane/port/thread_sanitizer.h"

namespace sdg::gateway {
namespace {

// Packets taken from each worker's rings per control round.
constexpr size_t kPacketBudget = 256;
// Keys of an association that are alive at once: two epochs, each to send and to receive.
constexpr uint32_t kDirectionsPerAssociation = 4;

void log_credentials(const std::string& policy, const keymgmt::tls13::Credentials& credentials) {
    auto& log = log::of("keymgmt");
    log.info("protection policy {}: certificate of {}, valid until {:%Y-%m-%d %H:%M:%S} UTC",
             policy, credentials.subject,
             fmt::gmtime(static_cast<std::time_t>(credentials.not_after)));
    for (const std::string& warning : credentials.warnings) {
        log.warn("protection policy {}: {}", policy, warning);
    }
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::create(const config::Configuration& configuration,
                                                 const Clock& clock, Random& random,
                                                 std::unique_ptr<restart::Keeper> keeper) {
    std::unique_ptr<Gateway> out(new Gateway(clock, random));
    out->keeper_ = std::move(keeper);
    out->started_ = clock.now();
    out->configuration_ = configuration;
    out->has_restart_tables_ = wants_restart(configuration);
    out->drain_timeout_ = std::chrono::milliseconds(configuration.shutdown.timeout_ms);
    const unsigned workers = configuration.workers.count;

    auto policies = load_policies(configuration, clock, random);
    if (!policies) {
        return tl::unexpected(policies.error());
    }
    out->policies_ = std::move(*policies);
    if (configuration.lab.keylog) {
        auto log = keymgmt::KeyLog::open(*configuration.lab.keylog);
        if (!log) {
            return tl::unexpected(log.error());
        }
        out->key_log_ = std::move(*log);
    }

    auto ports = port::PortTable::open(port_settings(configuration), workers);
    if (!ports) {
        return tl::unexpected(ports.error());
    }
    out->ports_ = std::move(*ports);

    if (auto opened = out->open_crypto_device(configuration); !opened) {
        return tl::unexpected(opened.error());
    }
    auto protection =
        keys::ChunkProtection::create({.max_associations = configuration.limits.associations,
                                       .workers = workers,
                                       .aead = out->crypto_device_.get(),
                                       .restart = out->has_restart_tables_});
    if (!protection) {
        return tl::unexpected(protection.error());
    }
    out->protection_ = std::move(*protection);
    if (out->key_log_) {
        out->protection_->set_key_log([log = out->key_log_](uint32_t tag, uint16_t epoch,
                                                            keys::KeyRole role,
                                                            const record::KeyMaterial& material) {
            log->write(tag, epoch, role, material);
        });
    }

    auto rings = worker::WorkerRingSet::create(workers, configuration.limits.ring_packets);
    if (!rings) {
        return tl::unexpected(rings.error());
    }
    out->rings_ = std::move(*rings);
    for (unsigned w = 0; w < workers; ++w) {
        auto made =
            worker::Worker::create(worker_settings(configuration, w, out->crypto_device_.get()),
                                   *out->ports_, *out->protection_, out->rings_->all());
        if (!made) {
            return fail(made.error().code, "worker {}: {}", w, made.error().message);
        }
        out->workers_.push_back(std::move(*made));
    }
    out->bridge_ =
        std::make_unique<worker::ControlBridge>(out->rings_->all(), out->ports_->control_pool());

    sctp::Host::Settings host_settings;
    host_settings.workers = workers;
    host_settings.max_associations = configuration.limits.associations;
    host_settings.unauthenticated = {.all = configuration.limits.unauthenticated,
                                     .source = configuration.limits.unauthenticated_source};
    host_settings.cookie_key_rotation =
        std::chrono::seconds(configuration.sctp.cookie_key_rotation_s);
    auto host = sctp::Host::create(
        host_settings, protocol_parameters(configuration.sctp), *out->protection_,
        [bridge = out->bridge_.get()](const sctp::OutgoingPacket& p) { return bridge->send(p); },
        clock, random);
    if (!host) {
        return tl::unexpected(host.error());
    }
    out->host_ = std::move(*host);

    out->relay_ = std::make_unique<relay::Relay>(*out->host_, *out->protection_, clock,
                                                 configuration.limits.handshakes);
    if (out->keeper_) {
        out->relay_->keep_restart_keys_in(*out->keeper_);
    }
    auto plan = out->relay_->prepare(backend_settings(configuration, out->policies_),
                                     listener_settings(configuration, out->policies_));
    if (!plan) {
        return fail(plan.error().code, "listener {}: {}", plan.error().listener,
                    plan.error().message);
    }
    out->relay_->commit(std::move(*plan));
    for (const auto& [policy, credentials] : out->policies_.credentials) {
        log_credentials(policy, *credentials->current());
    }
    if (out->keeper_) {
        out->restoration_ = std::make_unique<relay::Restoration>(
            *out->relay_, *out->keeper_,
            relay::RestorationSettings{.per_second = configuration.restart->per_second,
                                       .at_once = configuration.restart->at_once},
            clock, random);
        out->restoration_->begin(out->keeper_->take_listing());
    }
    return out;
}

void Gateway::drain() {
    if (restoration_) {
        restoration_->stop();
    }
    relay_->drain(drain_timeout_);
}

Result<void> Gateway::leave() {
    if (!keeper_) {
        return fail(ErrorCode::refused,
                    "there is no section restart: the associations would be lost, not left to the "
                    "next process; drain them");
    }
    if (relay_->is_draining()) {
        return fail(ErrorCode::refused, "the gateway is being drained already");
    }
    leaving_ = true;
    return {};
}

Result<void> Gateway::open_crypto_device(const config::Configuration& configuration) {
    const std::optional<std::string>& wanted = configuration.workers.crypto_device;
    if (!wanted) {
        return {};
    }
    auto device = record::CryptoDevice::open(
        {.device = *wanted,
         .workers = configuration.workers.count,
         .sessions = kDirectionsPerAssociation * configuration.limits.associations});
    if (!device) {
        return tl::unexpected(device.error());
    }
    crypto_device_ = std::move(*device);
    auto& log = log::of("gateway");
    for (const record::Suite suite : record::supported_suites()) {
        const auto& taken = crypto_device_->suites();
        log.info("{} by {}", record::traits(suite)->name,
                 std::ranges::find(taken, suite) != taken.end() ? *wanted : "IPsec-MB");
    }
    return {};
}

Gateway::~Gateway() {
    stop_workers();
    restoration_.reset();
    relay_.reset();
    keeper_.reset();  // its last writes were the relay's
    host_.reset();
    bridge_.reset();
    // Packets in the rings belong to the ports' pools; workers hold some, too.
    workers_.clear();
    rings_.reset();
    protection_.reset();
    crypto_device_.reset();
    ports_.reset();
}

int Gateway::run_worker(void* argument) {
    auto* launch = static_cast<Launch*>(argument);
    launch->worker->run(*launch->stop);
    port::hands_over(launch);
    return 0;
}

Result<void> Gateway::start_workers() {
    stop_.store(false);
    launched_.reserve(workers_.size());  // the lcores keep pointers into it
    for (unsigned w = 0; w < workers_.size(); ++w) {
        const unsigned lcore = port::Eal::worker_lcore(w);
        launched_.push_back({.worker = workers_[w].get(), .stop = &stop_, .lcore = lcore});
        if (const int error = rte_eal_remote_launch(&run_worker, &launched_.back(), lcore)) {
            launched_.pop_back();
            stop_workers();
            return fail(ErrorCode::internal, "worker {} cannot be started on lcore {}: error {}", w,
                        lcore, error);
        }
    }
    return {};
}

void Gateway::stop_workers() {
    stop_.store(true);
    for (Launch& launch : launched_) {
        rte_eal_wait_lcore(launch.lcore);
        port::takes_over(&launch);
    }
    launched_.clear();
}

tl::expected<Gateway::Reconfiguration, Gateway::Refusal> Gateway::prepare(
    const config::Configuration& configuration) {
    const auto refused = [](std::string key, std::string reason) {
        return tl::unexpected(Refusal{std::move(key), std::move(reason)});
    };
    // Whoever asks has compared the two; this is what would break at once.
    if (configuration.ports != configuration_.ports) {
        return refused("ports", "ports are set up at start");
    }
    if (!has_restart_tables_) {
        for (const auto& policy : configuration.protection) {
            if (policy.restart) {
                return refused(fmt::format("protection[{}].restart", policy.name),
                               "the tables for protected restart are made at start, and no policy "
                               "offered it then");
            }
        }
    }
    Reconfiguration out;
    out.configuration_ = configuration;
    auto policies = load_policies(configuration, clock_, random_, &policies_);
    if (!policies) {
        return refused(fmt::format("protection[{}]", policies.error().policy),
                       policies.error().message);
    }
    out.policies_ = std::move(*policies);
    auto plan = relay_->prepare(backend_settings(configuration, out.policies_),
                                listener_settings(configuration, out.policies_));
    if (!plan) {
        return refused(plan.error().listener.empty()
                           ? "listeners"
                           : fmt::format("listeners[{}]", plan.error().listener),
                       plan.error().message);
    }
    out.plan_ = std::move(*plan);
    return out;
}

void Gateway::commit(Reconfiguration reconfiguration) {
    relay_->commit(std::move(reconfiguration.plan_));
    relay_->set_handshakes(reconfiguration.configuration_.limits.handshakes);
    reconfiguration.policies_.environments.replace(std::move(policies_.environments));
    policies_ = std::move(reconfiguration.policies_);
    policies_.environments.forget_unused();
    configuration_ = std::move(reconfiguration.configuration_);
    drain_timeout_ = std::chrono::milliseconds(configuration_.shutdown.timeout_ms);
    for (const auto& [policy, credentials] : policies_.credentials) {
        log_credentials(policy, *credentials->current());
    }
}

size_t Gateway::poll_control() {
    size_t done = bridge_->poll(
        kPacketBudget, [this](const sctp::ReceivedPacket& packet) { host_->on_packet(packet); });
    done += host_->run();
    done += relay_->run();
    if (keeper_) {
        done += keeper_->run();
        done += restoration_->run();
    }
    protection_->reclaim();
    return done;
}

uint64_t Gateway::drops(packet::DropReason reason) const {
    uint64_t sum = 0;
    for (const auto& worker : workers_) {
        sum += worker->counters().drop(reason);
    }
    return sum;
}

nlohmann::json Gateway::statistics() const {
    using nlohmann::json;
    const auto uptime =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - started_).count();
    json out = {{"version", 1}, {"uptime_s", uptime}};

    uint64_t sealed = 0;
    uint64_t opened = 0;
    for (size_t w = 0; w < workers_.size(); ++w) {
        const worker::WorkerCounters& c = workers_[w]->counters();
        const auto value = [](const worker::WorkerCounters::Counter& counter) {
            return counter.load(std::memory_order_relaxed);
        };
        sealed += value(c.sealed);
        opened += value(c.opened);
        out["workers"].push_back({{"index", w},
                                  {"received", value(c.received)},
                                  {"transmitted", value(c.transmitted)},
                                  {"opened", value(c.opened)},
                                  {"sealed", value(c.sealed)},
                                  {"clear_received", value(c.clear_received)},
                                  {"clear_sent", value(c.clear_sent)},
                                  {"handed_over", value(c.handed_over)},
                                  {"arp_answered", value(c.arp_answered)},
                                  {"icmp_answered", value(c.icmp_answered)},
                                  {"neighbours_solicited", value(c.neighbours_solicited)},
                                  {"busy_rounds", value(c.busy_rounds)},
                                  {"idle_rounds", value(c.idle_rounds)},
                                  {"sleeps", value(c.sleeps)},
                                  {"handled", value(c.handled)},
                                  {"busy_cycles", value(c.busy_cycles)},
                                  {"idle_cycles", value(c.idle_cycles)}});
    }
    out["records"] = {{"sealed", sealed}, {"opened", opened}};

    for (uint16_t p = 0; p < ports_->size(); ++p) {
        json counters = json::object();
        for (const auto& [name, value] : ports_->device_counters(p)) {
            counters[name] = value;
        }
        out["ports"].push_back(
            {{"name", ports_->name(p)}, {"link_up", ports_->link_up(p)}, {"counters", counters}});
    }
    for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
        const auto reason = static_cast<packet::DropReason>(r);
        out["drops"][std::string(packet::name(reason))] = drops(reason);
    }

    const auto& bridge = bridge_->counters();
    out["bridge"] = {{"received_known", bridge.received_known},
                     {"received_unknown", bridge.received_unknown},
                     {"sent", bridge.sent},
                     {"send_no_mbuf", bridge.send_no_mbuf},
                     {"send_ring_full", bridge.send_ring_full},
                     {"send_too_long", bridge.send_too_long}};
    const auto& host = host_->counters();
    out["sctp"] = {{"init_received", host.init_received},
                   {"init_refused", host.init_refused},
                   {"cookie_invalid", host.cookie_invalid},
                   {"cookie_refused", host.cookie_refused},
                   {"cookie_held_back", host.cookie_held_back},
                   {"clear_not_expected", host.clear_not_expected},
                   {"restarts_begun", host.restarts_begun},
                   {"restarts_accepted", host.restarts_accepted},
                   {"restarts_refused", host.restarts_refused},
                   {"restarts_in_clear", host.restarts_in_clear},
                   {"held_silent", host.held_silent},
                   {"malformed", host.malformed},
                   {"out_of_the_blue", host.out_of_the_blue},
                   {"beyond_window", host.beyond_window},
                   {"associations_accepted", host.associations_accepted},
                   {"associations_connected", host.associations_connected},
                   {"associations_failed", host.associations_failed},
                   {"output_refused", host.output_refused},
                   {"data_chunks_sent", host.data_chunks_sent},
                   {"data_chunks_retransmitted", host.data_chunks_sent_again}};
    const auto& relay = relay_->counters();
    out["relay"] = {{"messages_to_backend", relay.to_backend.messages},
                    {"octets_to_backend", relay.to_backend.octets},
                    {"messages_from_backend", relay.from_backend.messages},
                    {"octets_from_backend", relay.from_backend.octets},
                    {"pairs", relay_->pair_count()},
                    {"pairs_accepted", relay.pairs_accepted},
                    {"pairs_relaying", relay.pairs_relaying},
                    {"backend_failures", relay.backend_failures},
                    {"protection_failures", relay.protection_failures},
                    {"messages_refused", relay.messages_refused},
                    {"messages_cut", relay.messages_cut},
                    {"messages_late", relay.messages_late},
                    {"pairs_restarted", relay.pairs_restarted},
                    {"pairs_restored", relay.pairs_restored},
                    {"restores_failed", relay.restores_failed},
                    {"closed_gracefully", relay.closed_gracefully},
                    {"closed_by_abort", relay.closed_by_abort}};
    for (const auto& backend : relay_->backends()) {
        const relay::BackendCounters& c = backend->counters;
        out["backends"].push_back({{"name", backend->settings->name},
                                   {"state", !c.last_connected   ? "unknown"
                                             : *c.last_connected ? "up"
                                                                 : "down"},
                                   {"associations", c.associations},
                                   {"connected", c.connected},
                                   {"failures", c.failures}});
    }
    for (const auto& listener : relay_->listeners()) {
        out["listeners"].push_back({{"name", listener->settings->name},
                                    {"associations", listener->counters.associations},
                                    {"accepted", listener->counters.accepted}});
    }
    for (const auto& [policy, store] : policies_.credentials) {
        out["certificates"].push_back({{"policy", policy},
                                       {"subject", store->current()->subject},
                                       {"not_after", store->current()->not_after}});
    }
    if (keeper_) {
        const auto& kept = keeper_->counters();
        const restart::StoreCounts store = keeper_->store_counts();
        out["restart_store"] = {{"kept", kept.kept},
                                {"not_kept", kept.not_kept},
                                {"unkept", keeper_->unkept()},
                                {"unremoved", keeper_->unremoved()},
                                {"forgotten", kept.forgotten},
                                {"lease_renewals_failed", kept.lease_renewals_failed},
                                {"lease_over", keeper_->is_lease_over()},
                                {"waiting", restoration_->waiting()},
                                {"damaged", store.damaged},
                                {"full", store.full},
                                {"unreachable", store.unreachable},
                                {"alarms", store.alarms}};
    }
    out["associations"] = {{"now", host_->association_count()}, {"in_table", protection_->size()}};
    return out;
}

}  // namespace sdg::gateway
