#include "gateway/figures.h"

#include <fmt/format.h>

#include <ctime>

#include "control/process/system_call_filter.h"
#include "gateway/logging.h"

#ifndef SDG_VERSION
#error "the build names the version"
#endif

namespace sdg::gateway {
namespace {

using metrics::Family;
using metrics::Type;
using Labels = std::vector<metrics::Sample::Label>;
using Counter = worker::WorkerCounters::Counter;

constexpr std::string_view kPrefix = "sctp_gateway_";

class Collection {
 public:
    // The reference is good until the next call.
    Family& add(std::string_view name, Type type, std::string_view help) {
        families_.push_back(
            {.name = fmt::format("{}{}{}", kPrefix, name, type == Type::counter ? "_total" : ""),
             .type = type,
             .help = std::string(help),
             .samples = {}});
        return families_.back();
    }
    void one(std::string_view name, Type type, double value, std::string_view help,
             Labels labels = {}) {
        add(name, type, help).samples.push_back({.labels = std::move(labels), .value = value});
    }
    void count(std::string_view name, uint64_t value, std::string_view help) {
        one(name, Type::counter, static_cast<double>(value), help);
    }
    void gauge(std::string_view name, double value, std::string_view help) {
        one(name, Type::gauge, value, help);
    }
    [[nodiscard]] std::vector<Family> take() { return std::move(families_); }

 private:
    std::vector<Family> families_;
};

void process(Collection& out, const Gateway& gateway) {
    const std::chrono::duration<double> uptime = gateway.clock().now() - gateway.started();
    out.one("info", Type::gauge, 1, "The program, its version as a label.",
            {{"version", SDG_VERSION}});
    out.gauge("uptime_seconds", uptime.count(), "Time since the start.");
    out.gauge("draining", gateway.relay().is_draining() ? 1 : 0,
              "1 while the gateway takes no new associations because it is being stopped.");
    out.count("system_calls_refused", process::SystemCallFilter::refused(),
              "System calls that the seccomp filter did not let through; none is expected.");
    out.count("log_lines_suppressed", suppressed_log_lines(),
              "Log lines over log.lines_per_second, which were not written.");
    out.count("log_lines_lost", lost_log_lines(),
              "Log lines that whoever reads standard error did not take in time.");
}

void workers(Collection& out, const Gateway& gateway) {
    struct Figure {
        std::string_view name;
        Counter worker::WorkerCounters::*counter;
        std::string_view help;
    };
    using C = worker::WorkerCounters;
    constexpr Figure figures[] = {
        {"worker_frames_received", &C::received, "Frames taken from the ports."},
        {"worker_frames_transmitted", &C::transmitted, "Frames given to the ports."},
        {"worker_records_opened", &C::opened, "DTLS chunks that authenticated."},
        {"worker_records_sealed", &C::sealed, "DTLS chunks sealed."},
        {"worker_clear_packets_received", &C::clear_received,
         "SCTP packets without protection handed to the control plane."},
        {"worker_clear_packets_sent", &C::clear_sent, "SCTP packets sent without protection."},
        {"worker_packets_handed_over", &C::handed_over, "Packets passed to another worker."},
        {"worker_idle_rounds", &C::idle_rounds, "Rounds of the loop that found nothing to do."},
        {"worker_busy_rounds", &C::busy_rounds, "Rounds of the loop that did something."},
        {"worker_sleeps", &C::sleeps, "Sleeps of an idle worker."},
        {"worker_packets_handled", &C::handled,
         "Packets taken in: from ports, other workers and the control plane."},
        {"worker_busy_cycles", &C::busy_cycles,
         "Time stamp counter, of rounds that handled packets. By packets handled: cycles per "
         "packet."},
        {"worker_idle_cycles", &C::idle_cycles,
         "Time stamp counter, of rounds that found nothing to do, and of sleeps."},
        {"worker_arp_answered", &C::arp_answered, "ARP requests answered."},
        {"worker_icmp_answered", &C::icmp_answered,
         "Echo requests and neighbour solicitations answered."},
        {"worker_neighbours_solicited", &C::neighbours_solicited,
         "ARP requests and neighbour solicitations sent."},
    };
    for (const Figure& figure : figures) {
        Family& family = out.add(figure.name, Type::counter, figure.help);
        for (size_t w = 0; w < gateway.workers().size(); ++w) {
            const auto& counters = gateway.workers()[w]->counters();
            family.samples.push_back(
                {.labels = {{"worker", fmt::format("{}", w)}},
                 .value = static_cast<double>(
                     (counters.*figure.counter).load(std::memory_order_relaxed))});
        }
    }
    Family& drops = out.add("dropped_packets", Type::counter, "Packets discarded, by reason.");
    for (size_t w = 0; w < gateway.workers().size(); ++w) {
        for (size_t r = 1; r < packet::kDropReasonCount; ++r) {
            const auto reason = static_cast<packet::DropReason>(r);
            drops.samples.push_back(
                {.labels = {{"worker", fmt::format("{}", w)},
                            {"reason", std::string(packet::name(reason))}},
                 .value = static_cast<double>(gateway.workers()[w]->counters().drop(reason))});
        }
    }
}

void ports(Collection& out, const Gateway& gateway) {
    Family& link = out.add("port_link_up", Type::gauge, "1 while the port's link is up.");
    for (uint16_t p = 0; p < gateway.ports().size(); ++p) {
        link.samples.push_back({.labels = {{"port", gateway.ports().name(p)}},
                                .value = gateway.ports().link_up(p) ? 1.0 : 0.0});
    }
    struct Figure {
        std::string_view of_device;  // as PortTable::device_counters() has it
        std::string_view name;
        std::string_view help;
    };
    constexpr Figure figures[] = {
        {"rx_packets", "port_received_packets", "Packets that the device has received."},
        {"rx_octets", "port_received_bytes", "Octets that the device has received."},
        {"rx_missed", "port_receive_missed", "Packets lost because the queues were full."},
        {"rx_errors", "port_receive_errors", "Packets received with an error."},
        {"rx_no_mbuf", "port_receive_no_buffer", "Packets lost for want of packet buffers."},
        {"tx_packets", "port_transmitted_packets", "Packets that the device has sent."},
        {"tx_octets", "port_transmitted_bytes", "Octets that the device has sent."},
        {"tx_errors", "port_transmit_errors", "Packets that the device could not send."},
    };
    std::vector<std::vector<std::pair<std::string, uint64_t>>> counters;
    for (uint16_t p = 0; p < gateway.ports().size(); ++p) {
        counters.push_back(gateway.ports().device_counters(p));
    }
    for (const Figure& figure : figures) {
        Family& family = out.add(figure.name, Type::counter, figure.help);
        for (uint16_t p = 0; p < gateway.ports().size(); ++p) {
            for (const auto& [name, value] : counters[p]) {
                if (name == figure.of_device) {
                    family.samples.push_back({.labels = {{"port", gateway.ports().name(p)}},
                                              .value = static_cast<double>(value)});
                }
            }
        }
    }
}

void sctp(Collection& out, const Gateway& gateway) {
    const auto& host = gateway.host().counters();
    out.count("sctp_init_received", host.init_received, "INIT chunks received.");
    out.count("sctp_init_refused", host.init_refused,
              "INITs refused: key management not acceptable, no listener, limit.");
    out.count("sctp_cookie_invalid", host.cookie_invalid, "COOKIE ECHOs with a cookie not ours.");
    out.count("sctp_cookie_refused", host.cookie_refused,
              "COOKIE ECHOs refused: live protected association, limits.");
    out.count("sctp_cookie_held_back", host.cookie_held_back,
              "COOKIE ECHOs dropped: too many associations not authenticated yet.");
    out.count("sctp_clear_not_expected", host.clear_not_expected,
              "Unprotected packets where protection is on.");
    out.count("sctp_malformed", host.malformed, "Malformed SCTP packets.");
    out.count("sctp_out_of_the_blue", host.out_of_the_blue, "Packets of no association.");
    out.count("sctp_beyond_window", host.beyond_window,
              "Packets with DATA far beyond what the peer may send.");
    out.count("sctp_associations_accepted", host.associations_accepted,
              "SCTP associations set up by a peer.");
    out.count("sctp_associations_connected", host.associations_connected,
              "SCTP associations set up by the gateway.");
    out.count("sctp_associations_failed", host.associations_failed,
              "SCTP associations that could not be set up or ended with an error.");
    out.count("sctp_output_refused", host.output_refused,
              "Packets that the rings to the workers did not take.");
    out.count("sctp_data_chunks_sent", host.data_chunks_sent,
              "DATA chunks given to the workers, retransmissions included.");
    out.count("sctp_data_chunks_retransmitted", host.data_chunks_sent_again,
              "DATA chunks sent again.");
    out.count("sctp_restarts_begun", host.restarts_begun,
              "Protected restarts that the gateway has begun.");
    out.count("sctp_restarts_accepted", host.restarts_accepted,
              "Protected restarts of peers that were taken.");
    out.count("sctp_restarts_refused", host.restarts_refused,
              "Protected restarts of peers that were not taken.");
    out.count("sctp_restarts_in_clear", host.restarts_in_clear,
              "COOKIE ECHOs that would have restarted a protected association, in clear.");
    out.count("sctp_held_silent", host.held_silent,
              "Packets of associations being restored that got no answer.");
    out.gauge("sctp_associations", static_cast<double>(gateway.host().association_count()),
              "SCTP associations now, both legs counted.");
}

void bridge(Collection& out, const Gateway& gateway) {
    const auto& c = gateway.bridge().counters();
    Family& received = out.add("bridge_received_packets", Type::counter,
                               "Packets from the workers to the control plane: of associations in "
                               "the table, or of none.");
    received.samples.push_back(
        {.labels = {{"association", "known"}}, .value = static_cast<double>(c.received_known)});
    received.samples.push_back(
        {.labels = {{"association", "unknown"}}, .value = static_cast<double>(c.received_unknown)});
    out.count("bridge_sent_packets", c.sent, "Packets from the control plane to the workers.");
    Family& refused = out.add("bridge_send_refused", Type::counter,
                              "Packets that the control plane could not give to a worker.");
    refused.samples.push_back(
        {.labels = {{"reason", "no_mbuf"}}, .value = static_cast<double>(c.send_no_mbuf)});
    refused.samples.push_back(
        {.labels = {{"reason", "ring_full"}}, .value = static_cast<double>(c.send_ring_full)});
    refused.samples.push_back(
        {.labels = {{"reason", "too_long"}}, .value = static_cast<double>(c.send_too_long)});
}

void restart_store(Collection& out, const Gateway& gateway) {
    const restart::Keeper* keeper = gateway.keeper();
    if (keeper == nullptr) {
        return;
    }
    const auto& kept = keeper->counters();
    const restart::StoreCounts store = keeper->store_counts();
    out.gauge("restart_store_waiting", static_cast<double>(gateway.restoration()->waiting()),
              "Associations of a former run that are neither restored nor given up yet.");
    out.gauge("restart_store_unkept", static_cast<double>(keeper->unkept()),
              "Associations whose newest restart keys the store has not taken yet.");
    out.gauge("restart_store_unremoved", static_cast<double>(keeper->unremoved()),
              "Associations that have ended and may still be in the store.");
    out.count("restart_store_kept", kept.kept, "Restart keys written to the store.");
    out.count("restart_store_not_kept", kept.not_kept,
              "Restart keys that the store did not take at once; they are put again.");
    out.count("restart_store_forgotten", kept.forgotten, "Restart keys deleted in the store.");
    out.count("restart_store_lease_renewals_failed", kept.lease_renewals_failed,
              "Renewals of the lease on the group that failed.");
    out.gauge("restart_store_lease_over", keeper->is_lease_over() ? 1.0 : 0.0,
              "1: the lease on the group has ended without a renewal, a standby may take it over.");
    out.count("restart_store_damaged", store.damaged,
              "Rows of the store that were damaged, not authentic or not ours.");
    out.count("restart_store_full", store.full, "Writes refused because the store is full.");
    out.count("restart_store_unreachable", store.unreachable,
              "Attempts for which the store could not be reached.");
    out.count("restart_store_alarms", store.alarms,
              "Calls of the store that failed and rows that were damaged: each wants a look.");
}

void relay(Collection& out, const Gateway& gateway) {
    const auto& c = gateway.relay().counters();
    const auto both = [&](std::string_view name, uint64_t to, uint64_t from,
                          std::string_view help) {
        Family& family = out.add(name, Type::counter, help);
        family.samples.push_back(
            {.labels = {{"direction", "to_backend"}}, .value = static_cast<double>(to)});
        family.samples.push_back(
            {.labels = {{"direction", "from_backend"}}, .value = static_cast<double>(from)});
    };
    both("relayed_messages", c.to_backend.messages, c.from_backend.messages,
         "User messages relayed.");
    both("relayed_bytes", c.to_backend.octets, c.from_backend.octets,
         "Octets of user messages relayed.");
    out.count("associations_relaying", c.pairs_relaying,
              "Relayed associations of which both legs came up.");
    out.count("protection_failures", c.protection_failures,
              "Associations aborted because key management failed.");
    out.count("messages_refused", c.messages_refused,
              "Messages that could not be relayed; their association was aborted.");
    out.count("messages_cut", c.messages_cut, "Messages relayed in part when a leg died.");
    out.count("messages_late", c.messages_late,
              "Messages that came when the other side had been shut down.");
    out.count("associations_accepted", c.pairs_accepted, "Associations accepted, all listeners.");
    out.count("associations_restarted", c.pairs_restarted,
              "Relayed associations whose peer has restarted under protection.");
    out.count("associations_restored", c.pairs_restored,
              "Relayed associations restored after a restart of the gateway.");
    out.count("restores_failed", c.restores_failed,
              "Relayed associations that could not be restored.");
    out.gauge("associations", static_cast<double>(gateway.relay().pair_count()),
              "Relayed associations now.");
    Family& closed =
        out.add("associations_closed", Type::counter, "Relayed associations that have ended.");
    closed.samples.push_back(
        {.labels = {{"how", "graceful"}}, .value = static_cast<double>(c.closed_gracefully)});
    closed.samples.push_back(
        {.labels = {{"how", "abort"}}, .value = static_cast<double>(c.closed_by_abort)});
}

void listeners_and_backends(Collection& out, const Gateway& gateway) {
    const relay::Relay& relay = gateway.relay();
    Family& now =
        out.add("listener_associations", Type::gauge, "Relayed associations now, by listener.");
    for (const auto& listener : relay.listeners()) {
        now.samples.push_back({.labels = {{"listener", listener->settings->name}},
                               .value = static_cast<double>(listener->counters.associations)});
    }
    Family& accepted = out.add("listener_associations_accepted", Type::counter,
                               "Associations accepted, by listener.");
    for (const auto& listener : relay.listeners()) {
        accepted.samples.push_back({.labels = {{"listener", listener->settings->name}},
                                    .value = static_cast<double>(listener->counters.accepted)});
    }
    const auto by_backend = [&](std::string_view name, Type type, std::string_view help,
                                auto value) {
        Family& family = out.add(name, type, help);
        for (const auto& backend : relay.backends()) {
            if (const std::optional<double> figure = value(backend->counters)) {
                family.samples.push_back(
                    {.labels = {{"backend", backend->settings->name}}, .value = *figure});
            }
        }
    };
    using Counters = relay::BackendCounters;
    using Figure = std::optional<double>;
    by_backend("backend_associations", Type::gauge, "Relayed associations now, by backend.",
               [](const Counters& c) { return Figure(static_cast<double>(c.associations)); });
    by_backend("backend_connected", Type::counter, "Associations with the backend that came up.",
               [](const Counters& c) { return Figure(static_cast<double>(c.connected)); });
    by_backend("backend_failures", Type::counter,
               "Associations with the backend that could not be set up or failed.",
               [](const Counters& c) { return Figure(static_cast<double>(c.failures)); });
    by_backend("backend_up", Type::gauge,
               "1 when the last association with the backend came up, 0 when it failed; absent "
               "before the first.",
               [](const Counters& c) {
                   return c.last_connected ? Figure(*c.last_connected ? 1.0 : 0.0) : Figure();
               });
}

void certificates(Collection& out, const Gateway& gateway) {
    Family& family = out.add("certificate_expiry_timestamp_seconds", Type::gauge,
                             "Earliest end of the certificate chain of a policy, Unix time.");
    for (const auto& [policy, store] : gateway.policies().credentials) {
        family.samples.push_back({.labels = {{"policy", policy}},
                                  .value = static_cast<double>(store->current()->not_after)});
    }
}

}  // namespace

std::shared_ptr<metrics::Snapshot> figures(const Gateway& gateway) {
    Collection out;
    process(out, gateway);
    workers(out, gateway);
    ports(out, gateway);
    sctp(out, gateway);
    bridge(out, gateway);
    relay(out, gateway);
    restart_store(out, gateway);
    listeners_and_backends(out, gateway);
    certificates(out, gateway);
    auto snapshot = std::make_shared<metrics::Snapshot>();
    snapshot->made_at = gateway.clock().now();
    snapshot->ready = !gateway.relay().is_draining();
    snapshot->state = snapshot->ready ? "ready" : "draining";
    snapshot->families = out.take();
    return snapshot;
}

}  // namespace sdg::gateway
