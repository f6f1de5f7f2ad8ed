#include "tests/support/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

namespace sdg::test {

void eal(unsigned memory_mib) {
    static std::once_flag once;
    std::call_once(once, [memory_mib] {
        std::vector<std::string> args = {
            "test", "--no-huge", "-m", std::to_string(memory_mib), "--no-shconf", "--no-pci",
            "--no-telemetry", "--log-level=error",
            // One lcore that may run on any processor.
            "--lcores=0@(0-" + std::to_string(sysconf(_SC_NPROCESSORS_CONF) - 1) + ")"};
        std::vector<char*> argv;
        argv.reserve(args.size());
        for (auto& arg : args) {
            argv.push_back(arg.data());
        }
        if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
            std::fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
            std::exit(2);
        }
    });
}

}  // namespace sdg::test
