// traffic-forwarder: the gateway's data plane without its control plane, for traffic runs.
//
//   traffic-forwarder --plain DEVICE --protected DEVICE [--workers N] [--associations N] ...
//
// A packet of a plain association leaves sealed on the protected port, a protected one leaves in
// clear on the plain port. Ends on SIGTERM, SIGINT or after --seconds.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_cycles.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "dataplane/port/eal.h"
#include "perf/pktgen/forwarder.h"
#include "perf/pktgen/options.h"
#include "perf/pktgen/rest.h"

namespace sdg::traffic {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct Options {
    CommonOptions common;
    ForwarderSettings forwarder;
    std::vector<uint32_t> cpus;
    std::string plain_mac;
    std::string protected_mac;
    std::string turn = "worker";
    double seconds = 0;
};

class Ticker {
 public:
    explicit Ticker(const Forwarder& forwarder)
        : forwarder_(forwarder), shown_(isatty(STDERR_FILENO) != 0), last_at_(Clock::now()) {}
    void look() {
        const auto now = Clock::now();
        if (!shown_ || now - last_at_ < std::chrono::seconds(1)) {
            return;
        }
        const Forwarder::Totals totals = forwarder_.totals();
        const double seconds = std::chrono::duration<double>(now - last_at_).count();
        fmt::print(stderr, "{:>12.0f} packets/s in {:>12.0f} out {:>10} dropped\n",
                   static_cast<double>(totals.received - last_.received) / seconds,
                   static_cast<double>(totals.transmitted - last_.transmitted) / seconds,
                   totals.dropped - last_.dropped);
        last_ = totals;
        last_at_ = now;
    }

 private:
    const Forwarder& forwarder_;
    bool shown_;
    Forwarder::Totals last_;
    Clock::time_point last_at_;
};

void until_the_end(Forwarder& forwarder, const Options& options) {
    const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
    const auto ended = [&] {
        return stop_requested() || (options.seconds > 0 && Clock::now() >= end);
    };
    Ticker ticker(forwarder);
    if (!options.forwarder.control_thread) {
        while (!ended()) {
            std::this_thread::sleep_for(milliseconds(50));
            ticker.look();
        }
        return;
    }
    constexpr unsigned kRoundsPerLook = 1024;
    worker::IdleBackoff backoff = make_backoff(50);
    for (unsigned rounds = 0;; ++rounds) {
        rest(backoff, forwarder.poll_control());
        if (rounds % kRoundsPerLook == 0) {
            if (ended()) {
                return;
            }
            ticker.look();
        }
    }
}

Result<void> run(Options& options) {
    if (auto ok = options.common.resolve(); !ok) {
        return ok;
    }
    ForwarderSettings& settings = options.forwarder;
    settings.associations = options.common.associations;
    settings.plain.addresses = options.common.addresses(Leg::plain);
    settings.protected_leg.addresses = options.common.addresses(Leg::protected_);
    settings.control_thread = options.turn == "control";
    for (const auto& [text, leg] : {std::pair{&options.plain_mac, &settings.plain},
                                    std::pair{&options.protected_mac, &settings.protected_leg}}) {
        if (!text->empty()) {
            auto mac = parse_mac(*text);
            if (!mac) {
                return tl::unexpected(mac.error());
            }
            leg->node_mac = *mac;
        }
    }
    port::EalSettings eal;
    eal.memory_mib = options.common.memory_mib;
    eal.hugepages =
        options.common.no_huge ? port::HugepageUse::never : port::HugepageUse::automatic;
    eal.workers = settings.workers;
    eal.worker_cpus = options.cpus;
    eal.verbose = options.common.verbose;
    eal.uses_pci = is_pci(settings.plain.device) || is_pci(settings.protected_leg.device);
    const auto started = port::Eal::start(eal);
    if (!started) {
        return tl::unexpected(started.error());
    }
    auto forwarder = Forwarder::create(settings);
    if (!forwarder) {
        return tl::unexpected(forwarder.error());
    }
    if (auto ok = (*forwarder)->start(); !ok) {
        return ok;
    }
    fmt::print(stderr, "traffic-forwarder: ready: {} associations, {} workers\n",
               settings.associations.count, settings.workers);
    for (const Leg leg : {Leg::plain, Leg::protected_}) {
        fmt::print(stderr, "traffic-forwarder: {} leg: {} at {:02x}\n",
                   leg == Leg::plain ? "plain" : "protected",
                   options.common.addresses(leg).gateway.to_string(),
                   fmt::join((*forwarder)->mac(leg), ":"));
    }
    until_the_end(**forwarder, options);
    (*forwarder)->stop();
    return write_json((*forwarder)->report(), options.common.json);
}

}  // namespace
}  // namespace sdg::traffic

int main(int argc, char** argv) {
    sdg::traffic::Options options;
    options.common.json = "-";
    CLI::App app{
        "The gateway's data plane alone: seals what comes on one port, opens on the other"};
    options.common.add_to(app);
    app.add_option("--plain", options.forwarder.plain.device,
                   "DPDK device of the plain leg: a PCI address or a vdev such as "
                   "net_af_packet0,iface=eth1")
        ->required();
    app.add_option("--protected", options.forwarder.protected_leg.device,
                   "device of the protected leg; the plain leg's when absent");
    app.add_option("--workers", options.forwarder.workers, "worker threads")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--cpus", options.cpus, "a CPU for each worker; floating when absent")
        ->delimiter(',');
    app.add_option("--burst", options.forwarder.burst, "packets per port and round")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--turn", options.turn,
                   "who turns packets around: each worker, or one control thread as in the gateway")
        ->check(CLI::IsMember({"worker", "control"}))
        ->capture_default_str();
    app.add_option("--plain-node-mac", options.plain_mac,
                   "link address of the plain node, for one that answers no ARP");
    app.add_option("--protected-node-mac", options.protected_mac,
                   "link address of the protected node, for one that answers no ARP");
    app.add_option("--seconds", options.seconds, "end after so many; 0: on a signal")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    sdg::traffic::stop_on_signals();
    if (const auto ok = sdg::traffic::run(options); !ok) {
        fmt::print(stderr, "traffic-forwarder: {}\n", ok.error().message);
        return 1;
    }
    return 0;
}
