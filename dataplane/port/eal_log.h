// Keeps DPDK's log lines back and remembers the last one, so that an error of ours can tell DPDK's
// reason in one line. Process wide, like DPDK's log. Any thread.
#pragma once

#include <string>

namespace sdg::port {

// From now on DPDK's log goes nowhere but here (verbose: to standard error too).
void capture_eal_log(bool verbose);
// Forgets what was remembered.
void clear_eal_log();
// The last error or warning line, without its component prefix; empty when there was none.
[[nodiscard]] std::string last_eal_log();

}  // namespace sdg::port
