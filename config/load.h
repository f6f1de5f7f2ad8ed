// Reads a configuration file, or explains everything that is wrong with it.
//
// Any thread, no global state, no exception leaves. All errors of a file are collected and given
// together, in the order of the file, at most max_reported_errors of them (then one line counts the
// rest). Contradictions between entries are looked for once every entry is right by itself.
// Bounds against hostile files: max_file_octets, max_nesting, max_nodes (aliases count as often as
// they are used).
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "config/configuration.h"
#include "config/outline.h"

namespace sdg::config {

inline constexpr size_t max_file_octets = size_t{1} << 20;
inline constexpr size_t max_nesting = 16;
inline constexpr size_t max_nodes = 100'000;
inline constexpr size_t max_reported_errors = 20;

struct ConfigError {
    std::string file;
    size_t line = 0;    // from 1; 0: the file as a whole
    size_t column = 0;  // from 1
    std::string key;    // "listeners[0].port"; empty: the file as a whole
    std::string expected;
    std::string got;

    friend bool operator==(const ConfigError&, const ConfigError&) = default;
};

// "FILE:LINE:COLUMN: KEY: expected X, got Y", leaving out what is not known.
[[nodiscard]] std::string to_string(const ConfigError& error);
// One per line, each line ended.
[[nodiscard]] std::string to_string(const std::vector<ConfigError>& errors);

using LoadResult = tl::expected<Configuration, std::vector<ConfigError>>;

[[nodiscard]] LoadResult load(const std::filesystem::path& path);
// name stands for the file in errors, and its folder is the one relative file names start from.
[[nodiscard]] LoadResult load_text(std::string_view text, const std::filesystem::path& name);

// The same, with what config/difference.h compares.
struct LoadedFile {
    Configuration configuration;
    Outline outline;
};
using LoadFileResult = tl::expected<LoadedFile, std::vector<ConfigError>>;
[[nodiscard]] LoadFileResult load_file(const std::filesystem::path& path);
[[nodiscard]] LoadFileResult load_file_text(std::string_view text,
                                            const std::filesystem::path& name);

}  // namespace sdg::config
