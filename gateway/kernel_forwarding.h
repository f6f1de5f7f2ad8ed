// Whether the kernel forwards what arrives at an interface that a port shares with it (af_packet).
// Then it routes packets for the gateway's addresses, which it does not know as its own, once more:
// in clear when they came in clear, wherever its routes lead. Hosts with Docker or Kubernetes
// forward, and containers take that over.
//
// At the start, any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/configuration.h"

namespace sdg::gateway {

// The kernel's settings that are to be 0 and are not, as sysctl names them
// ("net.ipv4.conf.eth1.forwarding"), in the order of the ports. proc: where they are.
[[nodiscard]] std::vector<std::string> kernel_forwarding(
    const config::Configuration& configuration,
    const std::filesystem::path& proc = "/proc/sys/net");

}  // namespace sdg::gateway
