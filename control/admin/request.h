// A request to the admin socket: one line of JSON, checked against the table of commands.
//
//   {"version": 1, "id": 7, "command": "close", "arguments": {"association": 12, "how": "abort"}}
//
// version is required; a request of another version is refused. id is the client's, optional, and
// comes back in the answer. Members, commands and arguments that are not known are errors, so that
// a misspelt argument never means its default. Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "foundation/result.h"

namespace sdg::admin {

inline constexpr unsigned kSchemaVersion = 1;
inline constexpr size_t kMaxRequest = 4096;  // octets of a line without its end
inline constexpr size_t kMaxPage = 200;      // associations in an answer
inline constexpr size_t kDefaultPage = 100;

enum class CommandId : uint8_t {
    status,
    associations,
    association,
    busiest,
    backends,
    ports,
    workers,
    certificates,
    log,
    rekey,
    reauthenticate,
    close,
    drain,
    leave,
    reload,
    log_level,
    captures,
    capture,
    capture_stop,
};

enum class ArgumentType : uint8_t {
    number,   // 0 .. 2^63 - 1
    boolean,  // only true says something
    word,     // one of words, or any name of a module when there are none
};

struct Argument {
    std::string_view name;
    ArgumentType type;
    bool required = false;
    std::span<const std::string_view> words = {};
};

struct Command {
    CommandId id;
    std::string_view name;
    bool changes;  // is written to the audit log
    std::span<const Argument> arguments;
};

[[nodiscard]] std::span<const Command> commands();

struct Request {
    std::optional<uint64_t> id;
    const Command* command = nullptr;                     // never null in a result
    nlohmann::json arguments = nlohmann::json::object();  // checked against command

    [[nodiscard]] std::optional<uint64_t> number(std::string_view name) const;
    [[nodiscard]] std::optional<std::string> word(std::string_view name) const;
    [[nodiscard]] bool flag(std::string_view name) const;
};

// What is left of a request that cannot be taken: the answer still carries its id.
struct Refusal {
    std::optional<uint64_t> id;
    Error error;  // invalid_argument, or not_found for the command
};

// line: without its end; longer than kMaxRequest is refused.
[[nodiscard]] tl::expected<Request, Refusal> parse_request(std::string_view line);

// Answers, one line each, ended.
//   {"version": 1, "id": 7, "ok": true, "result": {...}}
//   {"version": 1, "id": 7, "ok": false, "error": {"code": "not_found", "message": "..."}}
[[nodiscard]] std::string answer_line(std::optional<uint64_t> id, const nlohmann::json& result);
// details: for programs, as the error's member of that name; null: none.
[[nodiscard]] std::string error_line(std::optional<uint64_t> id, const Error& error,
                                     const nlohmann::json& details = nullptr);
[[nodiscard]] std::string_view code_name(ErrorCode code);

}  // namespace sdg::admin
