// Answers as people read them. Pure; text of peers is shown without control characters.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sdg::ctl {

// Columns: a heading and the member of each row. Numbers are set to the right. A row without the
// member, or with null, has "-".
using Columns = std::vector<std::pair<std::string_view, std::string_view>>;
[[nodiscard]] std::string table(const nlohmann::json& rows, const Columns& columns);
// "name   value" lines of an object; objects and lists in it are indented below their name.
[[nodiscard]] std::string listing(const nlohmann::json& object, unsigned indent = 0);

}  // namespace sdg::ctl
