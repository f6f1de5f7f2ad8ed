// Second pass: the checked tree into a Configuration, with the schema's defaults where a key is
// absent, references resolved to indexes and file names resolved against folder.
//
// The tree must have passed check_against_schema(). References to nothing are reported; their index
// is then `unresolved`.
#pragma once

#include <cstddef>
#include <filesystem>

#include "config/configuration.h"
#include "config/error_list.h"
#include "config/yaml_tree.h"

namespace sdg::config {

inline constexpr size_t unresolved = static_cast<size_t>(-1);

[[nodiscard]] Configuration bind(const YamlEntry& document, const std::filesystem::path& folder,
                                 ErrorList& errors);

}  // namespace sdg::config
