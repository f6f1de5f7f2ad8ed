// The admin socket, the metrics server and the telemetry of a running gateway, as far as they are
// configured.
//
// Control thread: poll() between rounds of the control loop.
#pragma once

#include <memory>

#include "config/configuration.h"
#include "control/admin/dispatcher.h"
#include "control/admin/server.h"
#include "control/metrics/http_server.h"
#include "gateway/admin_operations.h"
#include "gateway/captures.h"
#include "gateway/telemetry.h"

namespace sdg::gateway {

class OperatorSide {
 public:
    // gateway and reload outlive the object. The error names the file, group or address.
    [[nodiscard]] static Result<std::unique_ptr<OperatorSide>> start(
        const config::Configuration& configuration, Gateway& gateway, Reload& reload);
    OperatorSide(const OperatorSide&) = delete;
    OperatorSide& operator=(const OperatorSide&) = delete;

    // Answers requests and publishes the figures about once a second.
    void poll();
    // A signal that stands for a command: reload, rekey (all), drain or leave. Audited when there
    // is an audit log.
    Result<void> on_signal(admin::CommandId command, std::string_view signal,
                           const admin::Peer& sender);

 private:
    OperatorSide(Gateway& gateway, Reload& reload)
        : gateway_(gateway), reload_(reload), operations_(gateway) {
        operations_.reload_by(reload);
    }
    Result<void> open_socket(const config::Admin& admin);
    Result<void> serve_metrics(const config::Metrics& metrics);
    void publish_figures();

    Gateway& gateway_;
    Reload& reload_;
    AdminOperations operations_;
    std::unique_ptr<Captures> captures_;             // null: no admin socket
    std::unique_ptr<admin::Dispatcher> dispatcher_;  // null: not configured
    std::unique_ptr<admin::Server> server_;
    std::unique_ptr<metrics::HttpServer> http_;  // null: not configured
    std::unique_ptr<Telemetry> telemetry_;       // null: not configured
    TimePoint published_{};
};

}  // namespace sdg::gateway
