// Any octets as a request line: a checked request or a refusal, and the answer to either is one
// line of JSON.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace sdg::admin;
    const auto request = parse_request({reinterpret_cast<const char*>(data), size});
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
