// worker-bench: what one worker spends per packet on one core, with protection on and off, and how
// that compares with its floor.
//
//   receive   frames of a port -> parse, CRC32c, look-up, (open) -> ring to the control plane
//   transmit  ring from the control plane -> (seal), CRC32c, IP, next hop, Ethernet -> the port
//   floor     the sum of what no worker can do without (worker_floor.h)
//
// Only the worker's rounds are timed, a burst of 32 each; making the packets and taking them away
// is not. Figures are medians over bursts, all ways in turns, so that whatever else the machine
// does falls on all alike; what the measurement itself costs is taken off all of them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <optional>
#include <thread>

#include "dataplane/port/eal.h"
#include "dataplane/record/crypto_device.h"
#include "perf/worker_floor.h"
#include "perf/worker_hop.h"

namespace sdg::perf {
namespace {

constexpr unsigned kBurstsPerTurn = 100;

struct Settings {
    std::vector<uint32_t> sizes{256, 1400, 0};
    std::vector<unsigned> associations{1, 4096};
    unsigned bursts = 4000;  // per way
    unsigned workers = 2;    // at once, in the last part
    std::string crypto_device;
    std::string json;
    bool quick = false;
};

// Cycles per packet.
struct Way {
    std::vector<double> off;
    std::vector<double> on;
    std::vector<FloorCost> floor;
    std::array<uint64_t, worker::kCostStages> stages{};
};

struct Line {
    std::string port;
    std::string path;
    uint32_t size = 0;
    unsigned associations = 0;
    double off = 0;
    double on = 0;
    std::optional<FloorCost> floor;
    std::array<double, worker::kCostStages> stages{};
};

FloorCost median_of(const std::vector<FloorCost>& costs, double reading) {
    const auto of = [&](double FloorCost::*part) {
        std::vector<double> values;
        values.reserve(costs.size());
        for (const FloorCost& cost : costs) {
            values.push_back(cost.*part);
        }
        return std::max(0.0, median(std::move(values)) - reading);
    };
    return {of(&FloorCost::aead), of(&FloorCost::masks), of(&FloorCost::checksum),
            of(&FloorCost::lookup), of(&FloorCost::io)};
}

Line summarise(const std::string& port, const std::string& path, const RigOptions& options,
               const Way& way, double reading) {
    Line line{port,
              path,
              options.size,
              options.associations,
              median(way.off) - reading,
              median(way.on) - reading,
              {},
              {}};
    if (!way.floor.empty()) {
        line.floor = median_of(way.floor, reading);
    }
    for (size_t i = 0; i < line.stages.size(); ++i) {
        line.stages[i] =
            static_cast<double>(way.stages[i]) / (kBurst * static_cast<double>(way.on.size()));
    }
    return line;
}

void add(std::array<uint64_t, worker::kCostStages>& sum,
         const std::array<uint64_t, worker::kCostStages>& more) {
    for (size_t i = 0; i < sum.size(); ++i) {
        sum[i] += more[i];
    }
}

template <class Work>
void repeat(unsigned times, Work&& work) {
    for (unsigned i = 0; i < times; ++i) {
        work();
    }
}

// net_ring, both directions, with the floor; net_null out only.
void measure(const RigOptions& options, const Settings& settings, std::vector<Line>& lines) {
    const double reading = reading_cost();
    const auto per_packet = [](uint64_t cycles) { return static_cast<double>(cycles) / kBurst; };
    {
        const RingDevice device;
        WorkerRig rig(device.name(), options);
        WorkerFloor floor(rig, device, options);
        Way receive;
        Way transmit;
        // In turns, but not burst by burst: with many associations each way has its own keys, and
        // would find those of the others in the cache.
        const unsigned turn = std::min(settings.bursts, kBurstsPerTurn);
        for (unsigned done = 0; done < settings.bursts; done += turn) {
            rig.take_stages();
            repeat(turn, [&] { receive.on.push_back(per_packet(rig.receive(device.in(), true))); });
            add(receive.stages, rig.take_stages());
            repeat(turn,
                   [&] { receive.off.push_back(per_packet(rig.receive(device.in(), false))); });
            repeat(turn, [&] { receive.floor.push_back(floor.burst(false)); });
            rig.take_stages();
            repeat(turn,
                   [&] { transmit.on.push_back(per_packet(rig.transmit(device.out(), true))); });
            add(transmit.stages, rig.take_stages());
            repeat(turn,
                   [&] { transmit.off.push_back(per_packet(rig.transmit(device.out(), false))); });
            repeat(turn, [&] { transmit.floor.push_back(floor.burst(true)); });
        }
        lines.push_back(summarise("net_ring", "receive", options, receive, reading));
        lines.push_back(summarise("net_ring", "transmit", options, transmit, reading));
    }
    WorkerRig rig("net_null0,size=64,copy=0,no-rx=1", options);
    Way transmit;
    for (unsigned i = 0; i < settings.bursts; ++i) {
        transmit.off.push_back(per_packet(rig.transmit(nullptr, false)));
        rig.take_stages();
        transmit.on.push_back(per_packet(rig.transmit(nullptr, true)));
        add(transmit.stages, rig.take_stages());
    }
    lines.push_back(summarise("net_null", "transmit", options, transmit, reading));
}

// The same worker on every one of so many threads at once, each with its own port, as RSS would
// have it: what they get in each other's way. Cycles per packet sealed, median over all.
double measure_together(unsigned threads, const Settings& settings) {
    RigOptions options;
    options.associations = 64;
    std::vector<std::unique_ptr<WorkerRig>> rigs;
    for (unsigned i = 0; i < threads; ++i) {
        rigs.push_back(std::make_unique<WorkerRig>(
            fmt::format("net_null{},size=64,copy=0,no-rx=1", i + 1), options));
    }
    std::vector<std::vector<double>> cycles(threads);
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> running;
    for (unsigned i = 0; i < threads; ++i) {
        running.emplace_back([&, i] {
            pin_to_cpu(i);
            ++ready;
            while (ready < threads) {
                std::this_thread::yield();
            }
            // A processor that was idle is slow at first.
            for (unsigned burst = 0; burst < settings.bursts; ++burst) {
                rigs[i]->transmit(nullptr, true);
            }
            for (unsigned burst = 0; burst < settings.bursts; ++burst) {
                cycles[i].push_back(static_cast<double>(rigs[i]->transmit(nullptr, true)) / kBurst);
            }
        });
    }
    for (std::thread& one : running) {
        one.join();
    }
    std::vector<double> all;
    for (const auto& some : cycles) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return median(all);
}

nlohmann::json to_json(const std::vector<Line>& lines, double hz) {
    nlohmann::json out = nlohmann::json::array();
    for (const Line& line : lines) {
        nlohmann::json one{
            {"port", line.port},
            {"path", line.path},
            {"octets", line.size == 0 ? nlohmann::json("mix") : nlohmann::json(line.size)},
            {"associations", line.associations},
            {"clear_cycles", line.off},
            {"protected_cycles", line.on},
            {"protected_packets_per_second", hz / line.on}};
        if (line.floor) {
            one["floor"] = {{"aead_cycles", line.floor->aead},
                            {"masks_cycles", line.floor->masks},
                            {"checksum_cycles", line.floor->checksum},
                            {"lookup_cycles", line.floor->lookup},
                            {"io_cycles", line.floor->io},
                            {"sum_cycles", line.floor->sum()}};
            one["to_floor"] = line.floor->sum() / line.on;
            one["aead_share"] = line.floor->aead / line.on;
        }
        if (worker::kCountsStageCycles) {
            for (size_t i = 0; i < line.stages.size(); ++i) {
                one["stages"][std::string(name(static_cast<worker::CostStage>(i)))] =
                    line.stages[i];
            }
        }
        out.push_back(std::move(one));
    }
    return out;
}

void print(std::FILE* out, const std::vector<Line>& lines) {
    fmt::print(out, "one worker, AES-128-GCM, cycles of the time stamp counter per packet\n");
    fmt::print(out, "{:<9}{:<9}{:>7}{:>7}{:>7}{:>10}{:>7}{:>7}{:>7}{:>7}{:>7}{:>7}{:>9}\n", "port",
               "path", "octets", "assoc.", "clear", "protected", "floor", "aead", "masks", "crc",
               "lookup", "io", "floor/on");
    for (const Line& line : lines) {
        fmt::print(out, "{:<9}{:<9}{:>7}{:>7}{:>7.0f}{:>10.0f}", line.port, line.path,
                   line.size == 0 ? "mix" : std::to_string(line.size), line.associations, line.off,
                   line.on);
        if (line.floor) {
            const FloorCost& floor = *line.floor;
            fmt::print(out, "{:>7.0f}{:>7.0f}{:>7.0f}{:>7.0f}{:>7.0f}{:>7.0f}{:>9.2f}", floor.sum(),
                       floor.aead, floor.masks, floor.checksum, floor.lookup, floor.io,
                       floor.sum() / line.on);
        }
        fmt::print(out, "\n");
        if (!worker::kCountsStageCycles) {
            continue;
        }
        for (size_t i = 0; i < line.stages.size(); ++i) {
            if (line.stages[i] >= 0.5) {
                fmt::print(out, "  {} {:.0f}", name(static_cast<worker::CostStage>(i)),
                           line.stages[i]);
            }
        }
        fmt::print(out, "\n");
    }
}

void run(const Settings& settings) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    std::unique_ptr<record::CryptoDevice> device;
    if (!settings.crypto_device.empty()) {
        device = expect(record::CryptoDevice::open(
            {.device = settings.crypto_device, .workers = 1, .sessions = 40'000}));
    }
    std::vector<Line> lines;
    for (const unsigned associations : settings.associations) {
        for (const uint32_t size : settings.sizes) {
            RigOptions options;
            options.size = (size + 3) & ~3U;
            options.associations = associations;
            options.random_order = associations > 1;
            options.aead = device.get();
            measure(options, settings, lines);
        }
    }
    std::FILE* table = settings.json == "-" ? stderr : stdout;
    print(table, lines);
    nlohmann::json figures{{"burst", kBurst},
                           {"tsc_hz", hz},
                           {"crypto_device", settings.crypto_device},
                           {"results", to_json(lines, hz)}};
    // In turns, as everything.
    constexpr unsigned kTurns = 5;
    std::vector<std::vector<double>> cycles(settings.workers);
    std::vector<std::vector<double>> to_one(settings.workers);
    for (unsigned turn = 0; turn < kTurns; ++turn) {
        for (unsigned threads = 1; threads <= settings.workers; ++threads) {
            cycles[threads - 1].push_back(measure_together(threads, settings));
            to_one[threads - 1].push_back(threads * cycles[0].back() / cycles[threads - 1].back());
        }
    }
    for (unsigned threads = 1; threads <= settings.workers; ++threads) {
        const double each = median(cycles[threads - 1]);
        const double gain = median(to_one[threads - 1]);
        fmt::print(
            table,
            "{} worker(s) at once: {:.0f} cycles per packet each, {:.2f} times the packets of "
            "one\n",
            threads, each, gain);
        figures["workers"].push_back({{"workers", threads},
                                      {"cycles", each},
                                      {"packets_per_second", threads * hz / each},
                                      {"to_one", gain}});
    }
    // A hop is the same whatever the AEAD is, and the device has queues for one worker.
    if (std::thread::hardware_concurrency() > 1 && !device) {
        RigOptions options;
        options.associations = 64;
        const HopCosts hop = measure_hop(options, settings.bursts);
        fmt::print(table, "one cache line from core to core: {:.0f} cycles\n", hop.line);
        figures["cache_line_cycles"] = hop.line;
        for (const auto& [path, cost] :
             {std::pair{"receive", hop.receive}, std::pair{"transmit", hop.transmit}}) {
            fmt::print(table,
                       "ring hop on the way to {}: {:.0f} cycles per packet ({:.0f} + {:.0f} on "
                       "two cores, {:.0f} on one)\n",
                       path, cost.hop(), cost.first, cost.second, cost.direct);
            figures["hop"].push_back({{"path", path},
                                      {"octets", options.size},
                                      {"cycles", cost.hop()},
                                      {"first_worker_cycles", cost.first},
                                      {"second_worker_cycles", cost.second},
                                      {"direct_cycles", cost.direct}});
        }
    }
    if (!settings.json.empty()) {
        write_json(settings.json, figures);
    }
}

}  // namespace
}  // namespace sdg::perf

int main(int argc, char** argv) {
    sdg::perf::Settings settings;
    CLI::App app{"Cycles per packet of one worker, with protection on and off, beside its floor"};
    app.add_option("--sizes", settings.sizes,
                   "octets of chunks in a packet; 0: a mix of signalling")
        ->check(CLI::Range(0, 1400))
        ->capture_default_str();
    app.add_option("--associations", settings.associations, "associations, in random order")
        ->check(CLI::Range(1, 20'000))
        ->capture_default_str();
    app.add_option("--bursts", settings.bursts, "bursts per way")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--workers", settings.workers, "up to so many at once")
        ->check(CLI::Range(1, 32))
        ->capture_default_str();
    app.add_option("--crypto-device", settings.crypto_device, "DPDK crypto device for the AEAD");
    app.add_option("--json", settings.json, "also write the figures as JSON to FILE, - for stdout");
    app.add_flag("--quick", settings.quick, "a short run, to see that it works");
    CLI11_PARSE(app, argc, argv);
    if (settings.quick) {
        settings.bursts = std::min(settings.bursts, 100U);
        settings.associations = {1, 256};
    }
    return sdg::perf::exit_code_of("worker-bench", [&] {
        sdg::port::EalSettings settings_of_eal;
        settings_of_eal.memory_mib = 512;
        const auto eal = sdg::perf::expect(sdg::port::Eal::start(settings_of_eal));
        sdg::perf::run(settings);
    });
}
