// What the admin commands ask of the gateway. The admin side knows nothing of ports, keys or
// associations; the gateway implements this interface and gives answers as JSON objects, whose
// members docs/operations.md tells.
//
// Control thread. No call may wait for anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "foundation/result.h"

namespace sdg::admin {

enum class CloseHow {
    graceful,  // what is under way is relayed first, then SHUTDOWN on both legs
    abort,
};

class Operations {
 public:
    virtual ~Operations() = default;

    [[nodiscard]] virtual nlohmann::json status() const = 0;
    // Associations with ids above `after`, at most `limit`: {"associations": [...], "total": n,
    // "next": id to go on after, or null}.
    [[nodiscard]] virtual nlohmann::json associations(uint64_t after, size_t limit) const = 0;
    // not_found: none has the id.
    [[nodiscard]] virtual Result<nlohmann::json> association(uint64_t id) const = 0;
    [[nodiscard]] virtual nlohmann::json backends() const = 0;
    [[nodiscard]] virtual nlohmann::json ports() const = 0;
    [[nodiscard]] virtual nlohmann::json workers() const = 0;
    [[nodiscard]] virtual nlohmann::json certificates() const = 0;
    [[nodiscard]] virtual nlohmann::json log_levels() const = 0;

    // Those that change something. unset id: all associations.
    virtual Result<nlohmann::json> rekey(std::optional<uint64_t> id) = 0;
    virtual Result<nlohmann::json> close(uint64_t id, CloseHow how) = 0;
    virtual Result<nlohmann::json> drain() = 0;
    // Ends at once; the associations are left to the next process.
    virtual Result<nlohmann::json> leave() = 0;
    // Certificates, keys and revocation lists are read again.
    virtual Result<nlohmann::json> reload() = 0;
    // unset module: all. level: error, warn, info or debug.
    virtual Result<nlohmann::json> set_log_level(const std::optional<std::string>& module,
                                                 const std::string& level) = 0;
};

}  // namespace sdg::admin
