// What forwarder and generator share on the command line, and small things of both programs.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "dataplane/port/neighbour_table.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"
#include "perf/pktgen/associations.h"

namespace sdg::traffic {

// One leg's end points. IPv4 only: the frames of the generator are.
struct LegAddresses {
    IpAddress gateway;
    IpAddress node;
};

struct CommonOptions {
    AssociationSettings associations;
    std::string suite = "TLS_AES_128_GCM_SHA256";
    std::string plain_gateway = "10.10.1.1";
    std::string plain_node = "10.10.1.2";
    std::string protected_gateway = "10.10.2.1";
    std::string protected_node = "10.10.2.2";
    uint32_t memory_mib = 512;
    bool no_huge = false;
    bool verbose = false;
    std::string json;  // file, or "-" for standard output

    void add_to(CLI::App& app);
    // Fills in what needs a look-up: call after parsing.
    [[nodiscard]] Result<void> resolve();
    [[nodiscard]] LegAddresses addresses(Leg leg) const;
};

// "0000:01:00.0", perhaps with devargs behind a comma: EAL has to look at the bus.
[[nodiscard]] bool is_pci(const std::string& device);
[[nodiscard]] Result<port::MacAddress> parse_mac(const std::string& text);
[[nodiscard]] Result<void> write_json(const nlohmann::json& report, const std::string& file);

// Raised by SIGINT and SIGTERM from stop_on_signals() on.
void stop_on_signals();
[[nodiscard]] bool stop_requested();

}  // namespace sdg::traffic
