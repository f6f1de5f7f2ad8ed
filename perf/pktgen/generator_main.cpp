// traffic-generator: SCTP packets of many associations, plain or protected, at full rate or a given
// one, and a check of everything that comes back.
//
//   traffic-generator --plain DEVICE --protected DEVICE [--direction seal|open|round-trip] ...
//   traffic-generator --with-forwarder ...      both in this process, joined by net_ring
//   traffic-generator --pcap FILE ...           plain frames for Pktgen-DPDK, nothing is sent
#include <fmt/format.h>

#include "dataplane/port/eal.h"
#include "perf/pktgen/forwarder.h"
#include "perf/pktgen/generator.h"
#include "perf/pktgen/options.h"
#include "perf/pktgen/ring_link.h"

namespace sdg::traffic {
namespace {

struct Options {
    CommonOptions common;
    GeneratorSettings generator;
    std::string direction = "seal";
    std::string mix;
    uint16_t size = 256;
    bool random = false;
    bool with_forwarder = false;
    unsigned workers = 1;
    std::string pcap;
    std::string gateway_mac;
    std::string node_mac = "02:00:00:00:00:02";
};

Result<void> write_capture(const Options& options) {
    const auto gateway = parse_mac(options.gateway_mac);
    const auto node = parse_mac(options.node_mac);
    if (!gateway || !node) {
        return tl::unexpected((gateway ? node : gateway).error());
    }
    const GeneratorSettings& settings = options.generator;
    const LegAddresses& addresses = settings.addresses[index_of(Leg::plain)];
    const Associations associations(settings.associations);
    const FrameSet frames(associations, Leg::plain, settings.mix,
                          {*gateway, *node, addresses.gateway, addresses.node});
    // Once round all associations in every size.
    const uint64_t count = settings.count > 0
                               ? settings.count
                               : uint64_t{associations.size()} * settings.mix.cycle.size();
    return write_pcap(
        options.pcap, frames,
        PacketOrder(settings.mix, associations.size(), settings.random, settings.associations.seed),
        count);
}

void print(const nlohmann::json& report) {
    const auto number = [&report](const char* name) { return report[name].get<double>(); };
    fmt::print(
        "{:<11} {:>5} octets  {:>9} sent  {:>9} received  {:>7} lost  {:>10.0f} packets/s  "
        "{:>6.2f} Gbit/s  ratio {:.4f}\n",
        report["direction"].get<std::string>(), report["mix"].get<std::string>(),
        report["sent"].get<uint64_t>(), report["received"].get<uint64_t>(),
        report["lost"].get<uint64_t>(), number("packets_per_s"), number("gbit_per_s"),
        number("ratio"));
}

// The results are written and printed also when packets came back wrong.
Result<void> finish(const nlohmann::json& report, const Options& options, bool faults) {
    if (options.common.json != "-") {
        print(report);
    }
    if (auto ok = write_json(report, options.common.json); !ok) {
        return ok;
    }
    if (faults) {
        return fail(ErrorCode::protocol, "what came back is not what was sent: {}",
                    report["faults"].dump());
    }
    return {};
}

Result<void> send(const Options& options) {
    auto generator = Generator::create(options.generator);
    if (!generator) {
        return tl::unexpected(generator.error());
    }
    if (auto ok = (*generator)->run(); !ok) {
        return ok;
    }
    return finish((*generator)->report(), options, (*generator)->has_faults());
}

Result<void> send_within(const Options& options) {
    auto plain = RingLink::create("plain");
    auto secure = RingLink::create("protected");
    if (!plain || !secure) {
        return tl::unexpected((plain ? secure : plain).error());
    }
    ForwarderSettings settings;
    settings.associations = options.generator.associations;
    settings.workers = options.workers;
    settings.plain = {(*plain)->far(), options.generator.addresses[0], std::nullopt};
    settings.protected_leg = {(*secure)->far(), options.generator.addresses[1], std::nullopt};
    auto forwarder = Forwarder::create(settings);
    if (!forwarder) {
        return tl::unexpected(forwarder.error());
    }
    GeneratorSettings near = options.generator;
    near.plain_device = (*plain)->near();
    near.protected_device = (*secure)->near();
    auto generator = Generator::create(near);
    if (!generator) {
        return tl::unexpected(generator.error());
    }
    if (auto ok = (*forwarder)->start(); !ok) {
        return ok;
    }
    auto ran = (*generator)->run();
    (*forwarder)->stop();
    if (!ran) {
        return ran;
    }
    nlohmann::json report = (*generator)->report();
    report["forwarder"] = (*forwarder)->report();
    return finish(report, options, (*generator)->has_faults());
}

Result<void> run(Options& options) {
    if (auto ok = options.common.resolve(); !ok) {
        return ok;
    }
    GeneratorSettings& settings = options.generator;
    settings.associations = options.common.associations;
    settings.addresses = {options.common.addresses(Leg::plain),
                          options.common.addresses(Leg::protected_)};
    settings.direction = options.direction == "seal"   ? Direction::seal
                         : options.direction == "open" ? Direction::open
                                                       : Direction::round_trip;
    settings.mix = options.mix == "imix"
                       ? SizeMix::imix()
                       : SizeMix::fixed(static_cast<uint16_t>((options.size + 3) & ~3));
    if (!options.pcap.empty()) {
        return write_capture(options);
    }
    if (!options.with_forwarder && settings.plain_device.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "name a device (--plain), or --with-forwarder, or --pcap FILE");
    }
    port::EalSettings eal;
    eal.memory_mib = options.common.memory_mib;
    eal.hugepages =
        options.common.no_huge ? port::HugepageUse::never : port::HugepageUse::automatic;
    eal.workers = options.workers;
    eal.verbose = options.common.verbose;
    eal.uses_pci = is_pci(settings.plain_device) || is_pci(settings.protected_device);
    const auto started = port::Eal::start(eal);
    if (!started) {
        return tl::unexpected(started.error());
    }
    return options.with_forwarder ? send_within(options) : send(options);
}

}  // namespace
}  // namespace sdg::traffic

int main(int argc, char** argv) {
    using sdg::traffic::kMaxSize;
    using sdg::traffic::kMinSize;
    sdg::traffic::Options options;
    sdg::traffic::GeneratorSettings& generator = options.generator;
    CLI::App app{"SCTP packets of many associations towards a traffic-forwarder, and their check"};
    options.common.add_to(app);
    app.add_option("--plain", generator.plain_device,
                   "DPDK device of the plain leg: a PCI address or a vdev such as "
                   "net_af_packet0,iface=eth1");
    app.add_option("--protected", generator.protected_device,
                   "device of the protected leg; the plain leg's when absent");
    app.add_option("--direction", options.direction,
                   "seal: plain packets out, records back; open: the other way; round-trip: plain "
                   "out and back, records reflected under new numbers")
        ->check(CLI::IsMember({"seal", "open", "round-trip"}))
        ->capture_default_str();
    app.add_option("--size", options.size, "octets of a plain SCTP packet, rounded up to four")
        ->check(CLI::Range(kMinSize, kMaxSize))
        ->capture_default_str();
    app.add_option("--mix", options.mix, "imix: 60 % 100, 30 % 300, 10 % 1200 octets")
        ->check(CLI::IsMember({"imix"}));
    app.add_flag("--random", generator.random, "associations in random order, from the seed");
    app.add_option("--rate", generator.rate, "packets/s; 0: as many as the port takes")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    app.add_option("--window", generator.window,
                   "packets on their way at most, so that none need be lost; 0: any")
        ->capture_default_str();
    app.add_option("--count", generator.count, "packets in all, instead of --seconds");
    app.add_option("--seconds", generator.seconds, "how long to send")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--wait", generator.wait, "seconds for the forwarder to be there")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    app.add_option("--queues", generator.queues,
                   "queues of each device; for a memif as many as the forwarder has workers")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_flag("--with-forwarder", options.with_forwarder,
                 "the forwarder in this process, joined by net_ring: needs no devices or rights");
    app.add_option("--workers", options.workers, "workers of that forwarder")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--pcap", options.pcap,
                   "write the plain frames to this file for Pktgen-DPDK, send nothing");
    app.add_option("--gateway-mac", options.gateway_mac,
                   "with --pcap: link address of the forwarder's plain port");
    app.add_option("--node-mac", options.node_mac, "with --pcap: link address of the sending port")
        ->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    sdg::traffic::stop_on_signals();
    if (const auto ok = sdg::traffic::run(options); !ok) {
        fmt::print(stderr, "traffic-generator: {}\n", ok.error().message);
        return 1;
    }
    return 0;
}
