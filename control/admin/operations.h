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

#include "control/admin/audit_log.h"
#include "foundation/descriptor.h"
#include "foundation/result.h"

namespace sdg::admin {

enum class CloseHow {
    graceful,  // what is under way is relayed first, then SHUTDOWN on both legs
    abort,
};

// Who asks: one connection to the admin socket, from connect to close.
struct Caller {
    Peer peer;
    uint64_t client = 0;  // never used for another one
    Descriptor file;      // came with the request; may be taken out
};

// What is to be captured; see docs/operations.md.
struct CaptureWish {
    std::optional<uint64_t> association;  // this, or port
    std::optional<std::string> leg;       // accepted or backend; unset: both
    std::optional<std::string> port;
    bool plaintext = false;  // what is in the DTLS chunks instead of frames: lab only
    bool keys = false;       // with what opens the DTLS chunks: lab only
    // Unset: a default. What is beyond a most is refused.
    std::optional<uint64_t> seconds;
    std::optional<uint64_t> packets;
    std::optional<uint64_t> octets;
    std::optional<uint64_t> snap;
};

class Operations {
 public:
    virtual ~Operations() = default;

    [[nodiscard]] virtual nlohmann::json status() const = 0;
    // Associations with ids above `after`, at most `limit`: {"associations": [...], "total": n,
    // "next": id to go on after, or null}.
    [[nodiscard]] virtual nlohmann::json associations(uint64_t after, size_t limit) const = 0;
    // Those that relay the most now: a bounded number, busiest first.
    [[nodiscard]] virtual nlohmann::json busiest() = 0;
    // not_found: none has the id.
    [[nodiscard]] virtual Result<nlohmann::json> association(uint64_t id) const = 0;
    [[nodiscard]] virtual nlohmann::json backends() const = 0;
    [[nodiscard]] virtual nlohmann::json ports() const = 0;
    [[nodiscard]] virtual nlohmann::json workers() const = 0;
    [[nodiscard]] virtual nlohmann::json certificates() const = 0;
    [[nodiscard]] virtual nlohmann::json log_levels() const = 0;

    // Those that change something. unset id: all associations.
    virtual Result<nlohmann::json> rekey(std::optional<uint64_t> id) = 0;
    // The peers of the association's protected legs show their certificates again.
    virtual Result<nlohmann::json> reauthenticate(uint64_t id) = 0;
    virtual Result<nlohmann::json> close(uint64_t id, CloseHow how) = 0;
    virtual Result<nlohmann::json> drain() = 0;
    // Ends at once; the associations are left to the next process.
    virtual Result<nlohmann::json> leave() = 0;
    // The configuration file, certificates, keys and revocation lists are read again. trial: only
    // says what would be done. Either way the report tells all; refusal: why nothing was changed
    // or could be, empty when it was or could.
    struct Reloaded {
        nlohmann::json report;
        std::string refusal;
    };
    virtual Reloaded reload(bool trial) = 0;
    // unset module: all. level: error, warn, info or debug.
    virtual Result<nlohmann::json> set_log_level(const std::optional<std::string>& module,
                                                 const std::string& level) = 0;

    // Captures to caller.file until a limit is reached, stop_capture(), or the caller has gone.
    virtual Result<nlohmann::json> capture(const CaptureWish& wish, Caller& caller) = 0;
    virtual Result<nlohmann::json> stop_capture(uint64_t id) = 0;
    // The one that runs and the one that has ended last: {"captures": [...]}.
    [[nodiscard]] virtual nlohmann::json captures() const = 0;
};

}  // namespace sdg::admin
