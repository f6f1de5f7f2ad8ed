// The program: command line, process hardening, the control loop, signals, statistics.
#pragma once

namespace sdg::gateway {

// Exit codes: 0 done, 1 anything that a line on standard error explains, 2 wrong command line.
[[nodiscard]] int run_program(int argc, char** argv);

}  // namespace sdg::gateway
