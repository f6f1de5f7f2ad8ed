// Set-up rate and control-plane memory with thousands of associations through two gateways, all in
// one thread over simulated links: client - A - B - server, pre-shared keys.
//
//   relay-setup-bench [--associations N] [--json FILE|-]
//
// The rate counts everything that the one thread does for a relayed association: six SCTP
// endpoints, two relays, key derivation, the data planes. What matters is how it changes with the
// number of associations that are already up.
#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace {

constexpr size_t kBatch = 100;

double now_s() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

double heap_kib() {
    const auto info = mallinfo2();
    return static_cast<double>(info.uordblks + info.hblkhd) / 1024.0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"set-up rate of relayed associations as their number grows"};
    size_t associations = 5000;
    std::string json_file;
    app.add_option("--associations", associations, "relayed associations, in hundreds");
    app.add_option("--json", json_file, "write the result as JSON, - for standard output");
    CLI11_PARSE(app, argc, argv);

    sdg::test::eal(1024);
    spdlog::set_level(spdlog::level::off);
    sdg::sim::World world({.seed = 1, .max_associations = static_cast<uint32_t>(associations)});
    const double heap_before = heap_kib();
    std::vector<double> rates;
    size_t up = 0;
    while (up < associations) {
        const double begin = now_s();
        for (size_t i = 0; i < kBatch; ++i) {
            (void)world.connect();
        }
        up += kBatch;
        const bool done = world.run_until(
            [&] {
                return world.b->relay().counters().pairs_relaying >= up &&
                       world.a->relay().counters().pairs_relaying >= up;
            },
            std::chrono::seconds(60));
        if (!done) {
            std::fprintf(
                stderr, "only %llu of %zu associations came up\n",
                static_cast<unsigned long long>(world.b->relay().counters().pairs_relaying), up);
            return 1;
        }
        rates.push_back(static_cast<double>(kBatch) / (now_s() - begin));
        if (up % 1000 == 0 || up == kBatch) {
            fmt::print("{:6} up: {:8.0f} set-ups/s\n", up, rates.back());
        }
    }
    // The last three hundreds against the second to fourth: the first warms caches and pools.
    const auto mean = [&](size_t from) {
        return (rates[from] + rates[from + 1] + rates[from + 2]) / 3;
    };
    const double early = mean(std::min<size_t>(1, rates.size() - 3));
    const double late = mean(rates.size() - 3);
    // A relayed association is six endpoints here, four of them a gateway's.
    const double kib = (heap_kib() - heap_before) / static_cast<double>(up);
    fmt::print("rate at the {}th over rate at the 100th: {:.2f}\n", up, late / early);
    fmt::print("heap per relayed association, all six endpoints: {:.1f} KiB\n", kib);
    if (!json_file.empty()) {
        const nlohmann::json out = {{"associations", up},
                                    {"setups_per_s_early", early},
                                    {"setups_per_s_late", late},
                                    {"ratio", late / early},
                                    {"heap_kib_per_relayed_association", kib}};
        if (json_file == "-") {
            fmt::print("{}\n", out.dump(2));
        } else {
            std::ofstream(json_file) << out.dump(2) << '\n';
        }
    }
    return 0;
}
