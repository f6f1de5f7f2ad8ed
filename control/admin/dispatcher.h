// From a request line to its answer line: parses, checks the audit log, carries the command out.
//
// A command that changes something is refused while the audit log cannot be written. Control
// thread.
#pragma once

#include <string>
#include <string_view>

#include "control/admin/audit_log.h"
#include "control/admin/operations.h"
#include "control/admin/request.h"

namespace sdg::admin {

class Dispatcher {
 public:
    // operations outlives the dispatcher.
    Dispatcher(Operations& operations, AuditLog audit)
        : operations_(operations), audit_(std::move(audit)) {}

    // Always one line, ended.
    [[nodiscard]] std::string answer(std::string_view line, Caller& caller);
    // A command that came as a signal ("SIGHUP"); audited as if it had come through the socket, and
    // like there not carried out when it cannot be; only drain and leave are all the same.
    Result<void> on_signal(CommandId command, std::string_view signal, const Peer& sender);

 private:
    // details: what a failure has to tell beside its message.
    [[nodiscard]] Result<nlohmann::json> carry_out(const Request& request, Caller& caller,
                                                   nlohmann::json& details);
    [[nodiscard]] Result<nlohmann::json> carry_out_audited(const Request& request, Caller& caller,
                                                           nlohmann::json& details,
                                                           bool also_unaudited = false);

    Operations& operations_;
    AuditLog audit_;
};

}  // namespace sdg::admin
