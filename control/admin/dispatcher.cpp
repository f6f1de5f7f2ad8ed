#include "control/admin/dispatcher.h"

#include <algorithm>

#include "control/log.h"

namespace sdg::admin {

std::string Dispatcher::answer(std::string_view line, Caller& caller) {
    const auto request = parse_request(line);
    if (!request) {
        return error_line(request.error().id, request.error().error);
    }
    nlohmann::json details = nullptr;
    const auto result = request->command->changes ? carry_out_audited(*request, caller, details)
                                                  : carry_out(*request, caller, details);
    return result ? answer_line(request->id, *result)
                  : error_line(request->id, result.error(), details);
}

Result<void> Dispatcher::on_signal(CommandId command, std::string_view signal, const Peer& sender) {
    Request request;
    request.command = &*std::ranges::find(commands(), command, &Command::id);
    request.arguments["signal"] = signal;
    if (command == CommandId::rekey) {
        request.arguments["all"] = true;
    }
    Caller caller;
    caller.peer = sender;
    nlohmann::json details = nullptr;
    // Who ends a gateway gets it ended: with a full disk, too.
    const bool is_end = command == CommandId::drain || command == CommandId::leave;
    const auto done = carry_out_audited(request, caller, details, is_end);
    if (!done) {
        return tl::unexpected(done.error());
    }
    return {};
}

Result<nlohmann::json> Dispatcher::carry_out_audited(const Request& request, Caller& caller,
                                                     nlohmann::json& details, bool also_unaudited) {
    const Peer who = caller.peer;
    if (auto writable = audit_.reserve(); !writable && !also_unaudited) {
        return tl::unexpected(writable.error());
    }
    auto result = carry_out(request, caller, details);
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

Result<nlohmann::json> Dispatcher::carry_out(const Request& request, Caller& caller,
                                             nlohmann::json& details) {
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
        case CommandId::busiest:
            return operations_.busiest();
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
        case CommandId::reauthenticate:
            return operations_.reauthenticate(*request.number("association"));
        case CommandId::close:
            return operations_.close(*request.number("association"), request.word("how") == "abort"
                                                                         ? CloseHow::abort
                                                                         : CloseHow::graceful);
        case CommandId::drain:
            return operations_.drain();
        case CommandId::leave:
            return operations_.leave();
        case CommandId::reload: {
            auto reloaded = operations_.reload(request.flag("dry_run"));
            if (reloaded.refusal.empty()) {
                return std::move(reloaded.report);
            }
            details = std::move(reloaded.report);
            return tl::unexpected(Error{ErrorCode::refused, std::move(reloaded.refusal)});
        }
        case CommandId::log_level:
            return operations_.set_log_level(request.word("module"), *request.word("level"));
        case CommandId::captures:
            return operations_.captures();
        case CommandId::capture:
            return operations_.capture({.association = request.number("association"),
                                        .leg = request.word("leg"),
                                        .port = request.word("port"),
                                        .plaintext = request.flag("plaintext"),
                                        .keys = request.flag("keys"),
                                        .seconds = request.number("seconds"),
                                        .packets = request.number("packets"),
                                        .octets = request.number("octets"),
                                        .snap = request.number("snap")},
                                       caller);
        case CommandId::capture_stop:
            return operations_.stop_capture(*request.number("capture"));
    }
    return fail(ErrorCode::internal, "no such command");
}

}  // namespace sdg::admin
