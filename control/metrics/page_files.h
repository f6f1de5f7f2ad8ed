// The files of the status page (control/metrics/page/), built into the program. Any thread.
#pragma once

#include <span>
#include <string_view>

namespace sdg::metrics {

struct PageFile {
    std::string_view path;  // "/" is the page itself
    std::string_view type;
    std::string_view content;
};

[[nodiscard]] std::span<const PageFile> page_files();

}  // namespace sdg::metrics
