// Answers with rates as tables for people. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace sdg::ctl {

// Of the last second, "-" before there are rates; then what was dropped, by reason.
[[nodiscard]] std::string show_workers(const nlohmann::json& result);
[[nodiscard]] std::string show_ports(const nlohmann::json& result);
[[nodiscard]] std::string show_busiest(const nlohmann::json& result);

}  // namespace sdg::ctl
