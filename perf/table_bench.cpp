// table-bench: the association table when it is large. Look-up of a burst of random keys, memory
// per association, and epochs installed while a worker seals at full rate.
#include <malloc.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <thread>

#include "dataplane/port/eal.h"
#include "dataplane/record/open_context.h"
#include "dataplane/record/seal_context.h"
#include "foundation/key_memory.h"
#include "perf/worker_rig.h"

namespace sdg::perf {
namespace {

// Of the installs; the next one is another modulo 4.
constexpr uint16_t kLastEpoch = 60'003;

struct Settings {
    std::vector<unsigned> associations{1, 4096, 100'000};
    double seconds = 1;  // of installing
    std::string json;
};

struct Memory {
    size_t heap = 0;
    size_t keys = 0;
    size_t dpdk = 0;

    static Memory now() {
        Memory out;
        const struct mallinfo2 info = mallinfo2();
        out.heap = info.uordblks + info.hblkhd;
        out.keys = KeyMemory::reserved();
        for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket) {
            rte_malloc_socket_stats stats{};
            if (rte_malloc_get_socket_stats(socket, &stats) == 0) {
                out.dpdk += stats.heap_allocsz_bytes;
            }
        }
        return out;
    }
};

void install(keys::ChunkProtection& protection, keys::AssociationId id, uint16_t epoch,
             const record::KeyMaterial& material) {
    using keys::KeyRole;
    expect(protection.establish_receive_key(id, KeyRole::primary, epoch, material));
    expect(protection.establish_send_key(id, KeyRole::primary, epoch, material));
    expect(protection.select_send_key(id, KeyRole::primary, epoch));
}

// Octets per association with one epoch, beside its two expanded AEAD keys.
nlohmann::json measure_memory(unsigned associations) {
    const auto material = make_material(record::Suite::aes_128_gcm_sha256, 1);
    const Memory before = Memory::now();
    const auto protection =
        expect(keys::ChunkProtection::create({.max_associations = associations}));
    for (unsigned i = 0; i < associations; ++i) {
        const auto id = expect(
            protection->add({kPort, static_cast<uint16_t>(1024 + i % 60'000), 0x10000 + i}, 0));
        install(*protection, id, 3, material);
    }
    const Memory after = Memory::now();
    const auto each = [&](size_t Memory::*part) {
        return static_cast<double>(after.*part - before.*part) / associations;
    };
    const double all = each(&Memory::heap) + each(&Memory::keys) + each(&Memory::dpdk);
    constexpr double kAeadKeys = 2 * sizeof(gcm_key_data);
    return {{"associations", associations},
            {"heap", each(&Memory::heap)},
            {"key_memory", each(&Memory::keys)},
            {"dpdk", each(&Memory::dpdk)},
            {"all", all},
            {"expanded_aead_keys", kAeadKeys},
            {"beside_aead_keys", all - kAeadKeys}};
}

double measure_lookup(unsigned associations) {
    const auto protection =
        expect(keys::ChunkProtection::create({.max_associations = associations}));
    std::vector<keys::PackedKey> keys;
    for (unsigned i = 0; i < associations; ++i) {
        const auto port = static_cast<uint16_t>(1024 + i % 60'000);
        expect(protection->add({kPort, port, 0x10000 + i}, 0));
        keys.push_back({kPort, port, 0x10000 + i});
    }
    std::mt19937_64 random{1};
    std::vector<double> cycles;
    std::array<keys::PackedKey, kBurst> burst;
    std::array<keys::AssociationEntry*, kBurst> found;
    for (int i = 0; i < 20'000; ++i) {
        for (auto& key : burst) {
            key = keys[random() % keys.size()];
        }
        const uint64_t start = rte_rdtsc_precise();
        protection->table().lookup(burst, found);
        cycles.push_back(static_cast<double>(rte_rdtsc_precise() - start) / kBurst);
        if (std::ranges::count(found, nullptr) != 0) {
            throw std::runtime_error("an association is not found");
        }
    }
    return median(std::move(cycles));
}

// Also when an exception leaves the scope.
struct StopAndJoin {
    std::atomic<bool>& stop;
    std::thread& thread;
    ~StopAndJoin() {
        stop = true;
        if (thread.joinable()) {
            thread.join();
        }
    }
};

// A worker seals for random associations; epochs are replaced on the others meanwhile, or not.
nlohmann::json measure_installs(unsigned associations, double seconds) {
    RigOptions options;
    options.associations = associations;
    options.random_order = true;
    WorkerRig rig("net_null9,size=64,copy=0,no-rx=1", options);
    rte_rcu_qsbr* const quiescence = rig.protection().quiescence();
    const std::vector<keys::AssociationId> ids = rig.protected_ids();
    nlohmann::json out{{"associations", associations}};
    for (const bool installing : {false, true}) {
        std::atomic<bool> stop{false};
        std::vector<double> cycles;
        std::thread worker([&] {
            rte_rcu_qsbr_thread_register(quiescence, 0);
            rte_rcu_qsbr_thread_online(quiescence, 0);
            while (!stop) {
                cycles.push_back(static_cast<double>(rig.transmit(nullptr, true)) / kBurst);
                rte_rcu_qsbr_quiescent(quiescence, 0);
            }
            rte_rcu_qsbr_thread_offline(quiescence, 0);
            rte_rcu_qsbr_thread_unregister(quiescence, 0);
        });
        const StopAndJoin ending{stop, worker};
        const auto material = make_material(record::Suite::aes_128_gcm_sha256, 99);
        const auto until = std::chrono::steady_clock::now() +
                           std::chrono::duration<double>(installing ? seconds : seconds / 2);
        uint64_t installed = 0;
        size_t awaiting = 0;
        std::vector<uint16_t> epochs(ids.size(), 3);
        for (size_t i = 0; std::chrono::steady_clock::now() < until; ++i) {
            if (!installing) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                continue;
            }
            const keys::AssociationId id = ids[i % ids.size()];
            const uint16_t old = epochs[i % ids.size()];
            const uint16_t epoch = old < kLastEpoch ? static_cast<uint16_t>(old + 1) : uint16_t{4};
            epochs[i % ids.size()] = epoch;
            install(rig.protection(), id, epoch, material);
            expect(rig.protection().destroy_send_key(id, keys::KeyRole::primary, old));
            expect(rig.protection().destroy_receive_key(id, keys::KeyRole::primary, old));
            ++installed;
            if (i % 64 == 0) {
                awaiting = std::max(awaiting, rig.protection().awaiting_reclaim());
                rig.protection().reclaim();
            }
        }
        stop = true;
        worker.join();
        rig.protection().reclaim();
        out[installing ? "cycles_while_installing" : "cycles_alone"] = median(std::move(cycles));
        if (installing) {
            out["installs_per_second"] = static_cast<double>(installed) / seconds;
            out["most_awaiting_reclaim"] = awaiting;
        }
    }
    return out;
}

void run(const Settings& settings) {
    std::FILE* table = settings.json == "-" ? stderr : stdout;
    nlohmann::json figures;
    for (const unsigned associations : settings.associations) {
        const double cycles = measure_lookup(associations);
        fmt::print(table, "{:>7} associations: look-up {:.0f} cycles per key in a burst of {}\n",
                   associations, cycles, kBurst);
        figures["lookup"].push_back({{"associations", associations}, {"cycles", cycles}});
    }
    const unsigned most = *std::ranges::max_element(settings.associations);
    figures["memory"] = measure_memory(most);
    fmt::print(
        table,
        "{:>7} associations with one epoch: {:.0f} octets each, {:.0f} of them expanded AEAD "
        "keys, {:.0f} beside\n",
        most, figures["memory"]["all"].get<double>(),
        figures["memory"]["expanded_aead_keys"].get<double>(),
        figures["memory"]["beside_aead_keys"].get<double>());
    for (const unsigned associations : settings.associations) {
        const unsigned some = std::min(associations, 20'000U);
        nlohmann::json one = measure_installs(some, settings.seconds);
        fmt::print(
            table,
            "{:>7} associations: {:.0f} epochs installed per second while a worker seals: {:.0f} "
            "cycles per packet, {:.0f} without\n",
            some, one["installs_per_second"].get<double>(),
            one["cycles_while_installing"].get<double>(), one["cycles_alone"].get<double>());
        figures["installs"].push_back(std::move(one));
    }
    if (!settings.json.empty()) {
        write_json(settings.json, figures);
    }
}

}  // namespace
}  // namespace sdg::perf

int main(int argc, char** argv) {
    sdg::perf::Settings settings;
    bool quick = false;
    CLI::App app{"Look-up, memory and epoch installs of a large association table"};
    app.add_option("--associations", settings.associations, "sizes of the table")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--seconds", settings.seconds, "how long epochs are installed")
        ->check(CLI::Range(0.05, 60.0))
        ->capture_default_str();
    app.add_option("--json", settings.json, "also write the figures as JSON to FILE, - for stdout");
    app.add_flag("--quick", quick, "a short run, to see that it works");
    CLI11_PARSE(app, argc, argv);
    if (quick) {
        settings.associations = {1, 2000};
        settings.seconds = 0.1;
    }
    return sdg::perf::exit_code_of("table-bench", [&] {
        sdg::port::EalSettings settings_of_eal;
        settings_of_eal.memory_mib = 512;
        const auto eal = sdg::perf::expect(sdg::port::Eal::start(settings_of_eal));
        sdg::perf::run(settings);
    });
}
