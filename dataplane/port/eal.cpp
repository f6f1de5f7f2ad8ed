#include "dataplane/port/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <fstream>

#include "dataplane/port/eal_log.h"

namespace sdg::port {
namespace {

namespace fs = std::filesystem;

std::vector<unsigned> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cpus;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus;
}

// EAL leaves its runtime folder when it fails half-way, and a lock file in it otherwise.
void remove_runtime_folder(const fs::path& folder) {
    if (folder.empty()) {
        return;
    }
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    fs::remove(folder.parent_path(), ignored);  // "dpdk", when it was made for us alone
}

uint64_t read_number(const fs::path& file) {
    std::ifstream in(file);
    uint64_t value = 0;
    in >> value;
    return in ? value : 0;
}

}  // namespace

uint64_t free_hugepages_mib() {
    uint64_t kib = 0;
    std::error_code error;
    for (const auto& size : fs::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        const std::string name = size.path().filename();  // hugepages-2048kB
        const size_t dash = name.find('-');
        if (dash != std::string::npos) {
            kib += std::strtoull(name.c_str() + dash + 1, nullptr, 10) *
                   read_number(size.path() / "free_hugepages");
        }
    }
    return kib / 1024;
}

std::vector<std::string> eal_arguments(const EalSettings& settings,
                                       const std::vector<unsigned>& cpus, bool use_hugepages) {
    const std::string all = fmt::format("({})", fmt::join(cpus, ","));
    std::string lcores = settings.control_cpu ? fmt::format("0@{}", *settings.control_cpu)
                                              : fmt::format("0@{}", all);
    for (unsigned w = 0; w < settings.workers; ++w) {
        lcores += settings.worker_cpus.empty()
                      ? fmt::format(",{}@{}", Eal::worker_lcore(w), all)
                      : fmt::format(",{}@{}", Eal::worker_lcore(w), settings.worker_cpus[w]);
    }
    std::vector<std::string> args = {
        "sctp-gateway",
        "--lcores",
        lcores,
        "-m",
        fmt::format("{}", settings.memory_mib),
        "--file-prefix",
        settings.file_prefix.value_or(fmt::format("sctp-gateway-{}", getpid()))};
    if (!settings.telemetry) {
        args.emplace_back("--no-telemetry");
    }
    if (use_hugepages) {
        args.insert(args.end(), {"--in-memory"});
    } else {
        args.insert(args.end(), {"--no-huge", "--no-shconf"});
    }
    if (!settings.uses_pci) {
        args.emplace_back("--no-pci");
    }
    args.insert(args.end(), settings.extra_args.begin(), settings.extra_args.end());
    return args;
}

Result<std::unique_ptr<Eal>> Eal::start(const EalSettings& settings) {
    static std::atomic<bool> started{false};
    if (settings.workers == 0 || settings.workers + 1 >= RTE_MAX_LCORE) {
        return fail(ErrorCode::invalid_argument, "EAL: {} workers, between 1 and {} are possible",
                    settings.workers, RTE_MAX_LCORE - 2);
    }
    if (!settings.worker_cpus.empty() && settings.worker_cpus.size() != settings.workers) {
        return fail(ErrorCode::invalid_argument, "EAL: {} CPUs named for {} workers",
                    settings.worker_cpus.size(), settings.workers);
    }
    const uint64_t free_mib = free_hugepages_mib();
    const bool enough = free_mib >= settings.memory_mib;
    if (settings.hugepages == HugepageUse::require && !enough) {
        return fail(ErrorCode::resource_exhausted,
                    "EAL: hugepages are required, {} MiB are needed and {} MiB are free",
                    settings.memory_mib, free_mib);
    }
    const bool use_hugepages = settings.hugepages != HugepageUse::never && enough;
    if (started.exchange(true)) {
        return fail(ErrorCode::already_exists, "EAL: already started in this process");
    }

    std::vector<std::string> args = eal_arguments(settings, allowed_cpus(), use_hugepages);
    std::vector<char*> argv;
    argv.reserve(args.size());
    for (std::string& arg : args) {
        argv.push_back(arg.data());
    }
    capture_eal_log(settings.verbose);
    clear_eal_log();
    const int rc = rte_eal_init(static_cast<int>(argv.size()), argv.data());
    const char* folder = rte_eal_get_runtime_dir();
    if (rc < 0) {
        const int reason = rte_errno;
        remove_runtime_folder(folder != nullptr ? folder : "");
        const std::string detail = last_eal_log();
        return fail(
            reason == EACCES || reason == EPERM ? ErrorCode::permission_denied : ErrorCode::io,
            "EAL does not start: {}", detail.empty() ? std::string(rte_strerror(reason)) : detail);
    }
    std::unique_ptr<Eal> eal(new Eal);
    eal->uses_hugepages_ = use_hugepages;
    eal->runtime_folder_ = folder != nullptr ? folder : "";
    return eal;
}

Eal::~Eal() {
    rte_eal_cleanup();
    remove_runtime_folder(runtime_folder_);
}

}  // namespace sdg::port
