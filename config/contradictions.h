// Third pass: entries that are right by themselves and wrong together. See the .cpp for the list;
// each rule is one function named after what must hold.
#pragma once

#include "config/configuration.h"
#include "config/error_list.h"
#include "config/yaml_tree.h"

namespace sdg::config {

// document is where configuration came from: it gives the positions. Indexes in configuration may
// be `unresolved` (config/bind.h); rules that need them are skipped for that entry.
void find_contradictions(const Configuration& configuration, const YamlEntry& document,
                         ErrorList& errors);

// Where the value of a path ("ports[0].mtu") is written; when it is not there, where the closest
// section around it is.
[[nodiscard]] Position locate(const YamlEntry& document, std::string_view path);

}  // namespace sdg::config
