// Text that peers may have written, for a terminal: UTF-8 without anything that a terminal would
// take for a command (C0, C1, DEL), that turns or hides what stands beside it (bidirectional
// overrides, zero width, combining marks), or that is no UTF-8; each such becomes '?'. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sdg::ctl {

[[nodiscard]] std::string printable(std::string_view text);
// Columns of a terminal that printable text takes: East Asian wide characters take two.
[[nodiscard]] size_t columns_of(std::string_view text);
// Exactly so many columns: cut, or filled up with spaces (in front when right).
[[nodiscard]] std::string fitted(std::string_view text, size_t columns, bool right = false);

}  // namespace sdg::ctl
