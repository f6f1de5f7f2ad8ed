// Reload: reads the configuration file again and applies what is different, or nothing.
//
//   read and check the file        its errors                                    nothing is changed
//   compare with what is running   keys that need a restart                      nothing is changed
//   prepare                        a key file, a certificate, an address         nothing is changed
//   commit                         -                                             all is changed
//
// Key files, certificates and revocation lists are read again even when no key of the configuration
// is different. Each run is logged, a line for each change or each reason.
//
// Control thread; reads files, and so takes milliseconds, more with a token or many policies.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/difference.h"
#include "config/load.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

struct ReloadReport {
    struct Refused {
        size_t line = 0;  // 0: the file as a whole
        std::string key;  // empty: none in particular
        std::string reason;
    };
    struct Certificate {
        std::string policy;
        std::string subject;
        int64_t not_after = 0;  // seconds of Unix time
    };

    std::string file;
    bool is_trial = false;  // nothing was to be changed
    std::vector<config::Change> changes;
    std::vector<Refused> refused;  // not empty: nothing is changed
    std::vector<Certificate> certificates;

    [[nodiscard]] bool is_refused() const { return !refused.empty(); }
    // "FILE:LINE: KEY: REASON", one a line, the last one not ended.
    [[nodiscard]] std::string refusal() const;
    // The members are told in docs/operations.md.
    [[nodiscard]] nlohmann::json to_json() const;
};

class Reload {
 public:
    // gateway outlives the object and runs with what file said when it was loaded. level: instead
    // of the file's log.level, whatever it says.
    Reload(Gateway& gateway, std::filesystem::path file, config::Outline running,
           std::optional<config::LogLevel> level = std::nullopt)
        : gateway_(gateway), file_(std::move(file)), running_(std::move(running)), level_(level) {}

    // trial: only says what would be done; all but the last step is tried.
    ReloadReport run(bool trial);

 private:
    void apply(config::LoadedFile loaded, ReloadReport& report);

    Gateway& gateway_;
    std::filesystem::path file_;
    config::Outline running_;
    std::optional<config::LogLevel> level_;
};

}  // namespace sdg::gateway
