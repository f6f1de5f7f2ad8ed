// `sctp-gateway-ctl top`: a live screen on the terminal.
#pragma once

#include <filesystem>

namespace sdg::ctl::top {

// Until the user quits. Returns the exit code: 0, or 2 when there is no terminal.
[[nodiscard]] int run(const std::filesystem::path& socket);

}  // namespace sdg::ctl::top
