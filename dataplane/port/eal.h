// DPDK's environment (EAL) for the process: started once from settings, cleaned up on destruction.
//
// The control thread starts it before anything else of the data plane and destroys it after
// everything else. Lcore 0 is the control thread and floats over the process's CPUs unless pinned;
// lcores 1..n are the workers. EAL's own log lines are kept back (the last one becomes the reason
// in an error) unless verbose. Nothing is left behind: with hugepages memory is anonymous, and
// EAL's runtime folder is removed again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "foundation/result.h"

namespace sdg::port {

enum class HugepageUse {
    automatic,  // when enough are free, else ordinary pages
    never,
    require,  // fail to start without
};

struct EalSettings {
    uint32_t memory_mib = 256;
    HugepageUse hugepages = HugepageUse::automatic;
    std::optional<std::string> file_prefix;  // default: made from the process id
    unsigned workers = 1;
    std::vector<uint32_t> worker_cpus;  // empty: floating; else one per worker
    std::optional<uint32_t> control_cpu;
    bool uses_pci = false;                // some port is a PCI device
    std::vector<std::string> extra_args;  // appended to EAL's command line as they are
    bool telemetry = false;               // DPDK's telemetry socket, in EAL's runtime folder
    bool verbose = false;                 // EAL's log goes to standard error
};

// MiB of free hugepages of all sizes; 0 when the kernel has none reserved.
[[nodiscard]] uint64_t free_hugepages_mib();
// EAL's command line for the settings, given the CPUs this process may use. Pure; for tests.
[[nodiscard]] std::vector<std::string> eal_arguments(const EalSettings& settings,
                                                     const std::vector<unsigned>& cpus,
                                                     bool use_hugepages);

class Eal {
 public:
    // One line says what is wrong: no hugepages, not enough memory, permission, EAL's own reason.
    // EAL cannot be started twice in a process: a second call answers already_exists.
    [[nodiscard]] static Result<std::unique_ptr<Eal>> start(const EalSettings& settings);
    ~Eal();
    Eal(const Eal&) = delete;
    Eal& operator=(const Eal&) = delete;

    [[nodiscard]] bool uses_hugepages() const { return uses_hugepages_; }
    // Lcore of worker w, for rte_eal_remote_launch().
    [[nodiscard]] static unsigned worker_lcore(unsigned worker) { return worker + 1; }

 private:
    Eal() = default;
    bool uses_hugepages_ = false;
    std::string runtime_folder_;
};

}  // namespace sdg::port
