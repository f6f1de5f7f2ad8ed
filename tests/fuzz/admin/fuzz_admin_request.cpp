// Any octets as a request line: a checked request or a refusal, and the answer to either is one
// line of JSON. The same octets as what an error tells, which may come from a peer.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/admin/request.h"

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void require_line(const std::string& text) {
    require(text.find('\n') == text.size() - 1);
    require(nlohmann::json::parse(text, nullptr, false).is_object());
}

void answer_with(std::string_view octets) {
    using namespace sdg;
    for (const auto code :
         {ErrorCode::invalid_argument, ErrorCode::not_found, ErrorCode::already_exists,
          ErrorCode::permission_denied, ErrorCode::resource_exhausted, ErrorCode::unavailable,
          ErrorCode::refused, ErrorCode::protocol, ErrorCode::timed_out, ErrorCode::fenced,
          ErrorCode::corrupt, ErrorCode::io, ErrorCode::internal}) {
        const std::string line =
            admin::error_line(octets.size(), {code, std::string(octets)}, {{"peer", octets}});
        require_line(line);
        require(nlohmann::json::parse(line)["error"]["code"] == admin::code_name(code));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg::admin;
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    answer_with(line);
    const auto request = parse_request(line);
    if (!request) {
        require(!request.error().error.message.empty());
        require_line(error_line(request.error().id, request.error().error));
        return 0;
    }
    require(request->command != nullptr);
    for (const Argument& argument : request->command->arguments) {
        if (argument.type == ArgumentType::number) {
            require(!argument.required || request->number(argument.name).has_value());
        } else if (argument.type == ArgumentType::word) {
            require(!argument.required || request->word(argument.name).has_value());
        } else {
            (void)request->flag(argument.name);
        }
    }
    require_line(answer_line(request->id, request->arguments));
    return 0;
}
