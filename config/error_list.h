// Collects what is wrong with one file, bounded, and gives it in the order of the file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/yaml_tree.h"

namespace sdg::config {

class ErrorList {
 public:
    explicit ErrorList(std::string file) : file_(std::move(file)) {}

    void add(Position position, std::string_view key, std::string expected, std::string got);
    [[nodiscard]] bool empty() const { return errors_.empty(); }
    // Sorted by position; beyond max_reported_errors one closing entry counts the rest.
    [[nodiscard]] std::vector<ConfigError> take();

 private:
    std::string file_;
    std::vector<ConfigError> errors_;
    size_t not_kept_ = 0;
};

// A value as an error shows it: quoted, shortened, without control characters.
[[nodiscard]] std::string shown(std::string_view value);

}  // namespace sdg::config
