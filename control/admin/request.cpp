#include "control/admin/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <limits>

namespace sdg::admin {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 2> kHow{"graceful", "abort"};
constexpr std::array<std::string_view, 4> kLevels{"error", "warn", "info", "debug"};
constexpr size_t kMaxWord = 64;

constexpr std::array kPage{Argument{"after", ArgumentType::number, false, {}},
                           Argument{"limit", ArgumentType::number, false, {}}};
constexpr std::array kOne{Argument{"association", ArgumentType::number, true, {}}};
constexpr std::array kRekey{Argument{"association", ArgumentType::number, false, {}},
                            Argument{"all", ArgumentType::boolean, false, {}}};
constexpr std::array kClose{Argument{"association", ArgumentType::number, true, {}},
                            Argument{"how", ArgumentType::word, false, kHow}};
constexpr std::array kReload{Argument{"dry_run", ArgumentType::boolean, false, {}}};
constexpr std::array kLogLevel{Argument{"level", ArgumentType::word, true, kLevels},
                               Argument{"module", ArgumentType::word, false, {}}};

constexpr std::array<std::string_view, 2> kLegs{"accepted", "backend"};
constexpr std::array kCapture{Argument{"association", ArgumentType::number, false, {}},
                              Argument{"leg", ArgumentType::word, false, kLegs},
                              Argument{"port", ArgumentType::word, false, {}},
                              Argument{"plaintext", ArgumentType::boolean, false, {}},
                              Argument{"keys", ArgumentType::boolean, false, {}},
                              Argument{"seconds", ArgumentType::number, false, {}},
                              Argument{"packets", ArgumentType::number, false, {}},
                              Argument{"octets", ArgumentType::number, false, {}},
                              Argument{"snap", ArgumentType::number, false, {}}};
constexpr std::array kOneCapture{Argument{"capture", ArgumentType::number, true, {}}};

constexpr auto kCommands = std::to_array<Command>({
    {CommandId::status, "status", false, {}},
    {CommandId::associations, "associations", false, kPage},
    {CommandId::association, "association", false, kOne},
    {CommandId::busiest, "busiest", false, {}},
    {CommandId::backends, "backends", false, {}},
    {CommandId::ports, "ports", false, {}},
    {CommandId::workers, "workers", false, {}},
    {CommandId::certificates, "certificates", false, {}},
    {CommandId::log, "log", false, {}},
    {CommandId::rekey, "rekey", true, kRekey},
    {CommandId::reauthenticate, "reauthenticate", true, kOne},
    {CommandId::close, "close", true, kClose},
    {CommandId::drain, "drain", true, {}},
    {CommandId::leave, "leave", true, {}},
    {CommandId::reload, "reload", true, kReload},
    {CommandId::log_level, "log_level", true, kLogLevel},
    {CommandId::captures, "captures", false, {}},
    {CommandId::capture, "capture", true, kCapture},
    {CommandId::capture_stop, "capture_stop", true, kOneCapture},
});

// nullopt unless it is a whole number that an int64 holds.
std::optional<uint64_t> whole_number(const json& value) {
    if (!value.is_number_integer()) {
        return std::nullopt;
    }
    if (value.is_number_unsigned()) {
        const auto number = value.get<uint64_t>();
        return number <= uint64_t{std::numeric_limits<int64_t>::max()} ? std::optional(number)
                                                                       : std::nullopt;
    }
    const auto number = value.get<int64_t>();
    return number < 0 ? std::nullopt : std::optional(static_cast<uint64_t>(number));
}

bool is_word(const json& value) {
    if (!value.is_string()) {
        return false;
    }
    const auto& text = value.get_ref<const std::string&>();
    return !text.empty() && text.size() <= kMaxWord && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '.';
    });
}

std::string expected(const Argument& argument) {
    switch (argument.type) {
        case ArgumentType::number:
            return "a whole number";
        case ArgumentType::boolean:
            return "true or false";
        case ArgumentType::word:
            return argument.words.empty()
                       ? "a name"
                       : fmt::format("one of {}", fmt::join(argument.words, ", "));
    }
    return {};
}

bool fits(const Argument& argument, const json& value) {
    switch (argument.type) {
        case ArgumentType::number:
            return whole_number(value).has_value();
        case ArgumentType::boolean:
            return value.is_boolean();
        case ArgumentType::word:
            return is_word(value) &&
                   (argument.words.empty() ||
                    std::ranges::find(argument.words, value.get_ref<const std::string&>()) !=
                        argument.words.end());
    }
    return false;
}

Result<void> check_arguments(const Command& command, const json& arguments) {
    if (!arguments.is_object()) {
        return fail(ErrorCode::invalid_argument, "arguments: expected an object");
    }
    for (const auto& [name, value] : arguments.items()) {
        const auto known = std::ranges::find(command.arguments, name, &Argument::name);
        if (known == command.arguments.end()) {
            return fail(ErrorCode::invalid_argument, "{} has no such argument", command.name);
        }
        if (!fits(*known, value)) {
            return fail(ErrorCode::invalid_argument, "{}: expected {}", name, expected(*known));
        }
    }
    for (const Argument& argument : command.arguments) {
        if (argument.required && !arguments.contains(argument.name)) {
            return fail(ErrorCode::invalid_argument, "{}: {} needs it", argument.name,
                        command.name);
        }
    }
    return {};
}

Result<void> take_members(const json& document, Request& out) {
    for (const auto& [name, value] : document.items()) {
        if (name != "version" && name != "id" && name != "command" && name != "arguments") {
            return fail(ErrorCode::invalid_argument, "the request has an unknown member");
        }
    }
    if (const auto version = document.find("version");
        version == document.end() || whole_number(*version) != kSchemaVersion) {
        return fail(ErrorCode::invalid_argument, "version: expected {}", kSchemaVersion);
    }
    if (document.contains("id") && !out.id) {
        return fail(ErrorCode::invalid_argument, "id: expected a whole number");
    }
    const auto command = document.find("command");
    if (command == document.end() || !is_word(*command)) {
        return fail(ErrorCode::invalid_argument, "command: expected a name");
    }
    const auto& name = command->get_ref<const std::string&>();
    const auto known = std::ranges::find(kCommands, name, &Command::name);
    if (known == kCommands.end()) {
        return fail(ErrorCode::not_found, "no command {}", name);
    }
    out.command = &*known;
    if (const auto arguments = document.find("arguments"); arguments != document.end()) {
        out.arguments = *arguments;
    }
    return check_arguments(*known, out.arguments);
}

json head(std::optional<uint64_t> id) {
    json out = {{"version", kSchemaVersion}};
    out["id"] = id ? json(*id) : json(nullptr);
    return out;
}

std::string line_of(const json& answer) {
    // Text may hold what a peer sent: what is no UTF-8 is replaced, never an exception.
    return answer.dump(-1, ' ', true, json::error_handler_t::replace) + '\n';
}

}  // namespace

std::span<const Command> commands() {
    return kCommands;
}

std::optional<uint64_t> Request::number(std::string_view name) const {
    const auto found = arguments.find(name);
    return found == arguments.end() ? std::nullopt : whole_number(*found);
}

std::optional<std::string> Request::word(std::string_view name) const {
    const auto found = arguments.find(name);
    return found == arguments.end() ? std::nullopt : std::optional(found->get<std::string>());
}

bool Request::flag(std::string_view name) const {
    const auto found = arguments.find(name);
    return found != arguments.end() && found->get<bool>();
}

tl::expected<Request, Refusal> parse_request(std::string_view line) {
    if (line.size() > kMaxRequest) {
        return tl::unexpected(
            Refusal{std::nullopt,
                    {ErrorCode::invalid_argument,
                     fmt::format("the request is longer than {} octets", kMaxRequest)}});
    }
    const json document = json::parse(line, nullptr, false);
    if (!document.is_object()) {
        return tl::unexpected(
            Refusal{std::nullopt,
                    {ErrorCode::invalid_argument, "the request is no JSON object on a line"}});
    }
    Request out;
    if (const auto id = document.find("id"); id != document.end()) {
        out.id = whole_number(*id);
    }
    if (auto taken = take_members(document, out); !taken) {
        return tl::unexpected(Refusal{out.id, taken.error()});
    }
    return out;
}

std::string answer_line(std::optional<uint64_t> id, const json& result) {
    json out = head(id);
    out["ok"] = true;
    out["result"] = result;
    return line_of(out);
}

std::string error_line(std::optional<uint64_t> id, const Error& error, const json& details) {
    json out = head(id);
    out["ok"] = false;
    out["error"] = {{"code", code_name(error.code)}, {"message", error.message}};
    if (!details.is_null()) {
        out["error"]["details"] = details;
    }
    return line_of(out);
}

std::string_view code_name(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid_argument:
            return "invalid_argument";
        case ErrorCode::not_found:
            return "not_found";
        case ErrorCode::already_exists:
            return "already_exists";
        case ErrorCode::permission_denied:
            return "permission_denied";
        case ErrorCode::resource_exhausted:
            return "resource_exhausted";
        case ErrorCode::unavailable:
            return "unavailable";
        case ErrorCode::refused:
            return "refused";
        case ErrorCode::protocol:
            return "protocol";
        case ErrorCode::timed_out:
            return "timed_out";
        case ErrorCode::fenced:
            return "fenced";
        case ErrorCode::corrupt:
            return "corrupt";
        case ErrorCode::io:
            return "io";
        case ErrorCode::internal:
            break;
    }
    return "internal";
}

}  // namespace sdg::admin
