// sctp-gateway-ctl capture: opens the file with the rights of who asks, hands it to the gateway
// and stays until the capture has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "tools/ctl/client.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sdg::ctl {

struct CaptureOptions {
    uint64_t association = 0;
    std::string leg;
    std::string port;
    std::string file;
    bool force = false;
    bool plaintext = false;
    bool keys = false;
    uint64_t seconds = 0;  // 0, here and below: the gateway's default
    uint64_t packets = 0;
    uint64_t mib = 0;
    uint64_t snap = 0;
};

// Adds the subcommand. `run` is called when it was parsed, with what carries it out.
void add_capture(CLI::App& app, CaptureOptions& options,
                 const std::function<void(std::function<int()>)>& run, const std::string& socket,
                 const bool& as_json);

}  // namespace sdg::ctl
