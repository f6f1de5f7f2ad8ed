#include "control/admin/dispatcher.h"

#include <algorithm>

#include "control/log.h"

namespace sdg::admin {

std::string Dispatcher::answer(std::string_view line, const Peer& who) {
    const auto request = parse_request(line);
    if (!request) {
        return error_line(request.error().id, request.error().error);
    }
    const auto result =
        request->command->changes ? carry_out_audited(*request, who) : carry_out(*request);
    return result ? answer_line(request->id, *result) : error_line(request->id, result.error());
}

Result<nlohmann::json> Dispatcher::carry_out_audited(const Request& request, const Peer& who) {
    if (auto writable = audit_.check(); !writable) {
        return tl::unexpected(writable.error());
    }
    auto result = carry_out(request);
    const std::string_view outcome = result ? "ok" : code_name(result.error().code);
    log::of("admin").info("{} by uid {} (pid {}): {}", request.command->name, who.uid, who.pid,
                          result ? "ok" : result.error().message);
    if (auto written = audit_.write(who, request.command->name, request.arguments, outcome,
                                    result ? "" : result.error().message);
        !written) {
        log::of("admin").error("{}", written.error().message);
    }
    return result;
}

Result<nlohmann::json> Dispatcher::carry_out(const Request& request) {
    switch (request.command->id) {
        case CommandId::status:
            return operations_.status();
        case CommandId::associations: {
            const uint64_t limit = request.number("limit").value_or(kDefaultPage);
            return operations_.associations(request.number("after").value_or(0),
                                            std::clamp<uint64_t>(limit, 1, kMaxPage));
        }
        case CommandId::association:
            return operations_.association(*request.number("association"));
        case CommandId::backends:
            return operations_.backends();
        case CommandId::ports:
            return operations_.ports();
        case CommandId::workers:
            return operations_.workers();
        case CommandId::certificates:
            return operations_.certificates();
        case CommandId::log:
            return operations_.log_levels();
        case CommandId::rekey: {
            // All only when asked for in so many words.
            const auto id = request.number("association");
            if (id.has_value() == request.flag("all")) {
                return fail(ErrorCode::invalid_argument, "rekey needs an association, or all");
            }
            return operations_.rekey(id);
        }
        case CommandId::close:
            return operations_.close(*request.number("association"), request.word("how") == "abort"
                                                                         ? CloseHow::abort
                                                                         : CloseHow::graceful);
        case CommandId::drain:
            return operations_.drain();
        case CommandId::leave:
            return operations_.leave();
        case CommandId::reload:
            return operations_.reload();
        case CommandId::log_level:
            return operations_.set_log_level(request.word("module"), *request.word("level"));
    }
    return fail(ErrorCode::internal, "no such command");
}

}  // namespace sdg::admin
