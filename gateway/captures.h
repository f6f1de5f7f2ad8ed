// The captures of a running gateway: one at a time, bounded by time, packets and octets, written
// to a file that its client has opened. It ends when a limit is reached, when it is told to, and
// when its client goes away; its end is written to the audit log, as its beginning is.
//
// Control thread; poll() between rounds of the control loop. Workers are given a tap each and
// never waited for: see dataplane/capture/tap.h.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/admin/audit_log.h"
#include "control/admin/operations.h"
#include "control/capture/recorder.h"
#include "foundation/result.h"
#include "gateway/capture_plan.h"
#include "gateway/gateway.h"

namespace sdg::gateway {

class Captures {
 public:
    // gateway outlives the object, and when it ends no worker may run any more, or no capture.
    Captures(Gateway& gateway, admin::AuditLog audit)
        : gateway_(gateway), audit_(std::move(audit)) {}
    ~Captures();
    Captures(const Captures&) = delete;
    Captures& operator=(const Captures&) = delete;

    // As of plan_capture(); invalid_argument: no file; unavailable: another one runs.
    [[nodiscard]] Result<nlohmann::json> start(const admin::CaptureWish& wish,
                                               admin::Caller& caller);
    // not_found: no such capture runs.
    [[nodiscard]] Result<nlohmann::json> stop(uint64_t id);
    void on_client_gone(uint64_t client);
    void poll();
    [[nodiscard]] nlohmann::json list() const;

 private:
    struct Capture {
        uint64_t id = 0;
        uint64_t client = 0;
        admin::Peer by;
        nlohmann::json wish;
        TimePoint begun{};
        TimePoint ended{};
        CapturePlan plan;
        std::vector<std::shared_ptr<capture::Tap>> taps;
        std::string reason;  // why it ends; empty: it runs
        bool client_gone = false;
        uint64_t token = 0;                        // of the quiescent state that is waited for
        bool quiescent = false;                    // no worker has a tap of it
        std::optional<capture::Progress> outcome;  // set: it has ended
    };

    void end(std::string reason);
    void conclude(const capture::Progress& progress);
    [[nodiscard]] nlohmann::json view(const Capture& capture) const;

    Gateway& gateway_;
    admin::AuditLog audit_;
    capture::Recorder recorder_;
    std::optional<Capture> capture_;  // the one that runs, or the last one
    uint64_t last_id_ = 0;
};

}  // namespace sdg::gateway
