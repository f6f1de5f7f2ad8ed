// The control plane's one logger: spdlog, one line per event, a name per module.
//
// Control thread and start-up only; the data plane never logs. Secrets and key material never
// reach a log line. gateway/logging.h decides level, format and where it goes.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace sdg::log {

// The logger of a module ("sctp", "relay", "keymgmt", "gateway"): shares sinks and level with
// spdlog's default logger as it was when the module first logged.
inline spdlog::logger& of(const std::string& module) {
    if (auto existing = spdlog::get(module)) {
        return *existing;
    }
    auto made = spdlog::default_logger()->clone(module);
    spdlog::register_logger(made);
    return *made;
}

}  // namespace sdg::log
