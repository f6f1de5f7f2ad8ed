// What a configuration file says, key by key: the effective value of every key (the default where
// it is not written) and where it is written, so that two files can be compared.
//
// Entries of named lists are known by their names, not by their places: "listeners[nodes].port". A
// list of words, and a list whose entries have no names, is one value. Sections and named entries
// are there themselves, with an empty value, when their being there means something. Numbers and
// addresses that mean the same are the same text.
//
// Any thread; immutable once made.
#pragma once

#include <map>
#include <string>

#include "config/yaml_tree.h"

namespace sdg::config {

struct OutlineEntry {
    std::string schema_path;  // "listeners[].port"
    std::string value;
    Position position;  // line 0: a default
};
using Outline = std::map<std::string, OutlineEntry>;

// The document has passed every check.
[[nodiscard]] Outline outline(const YamlEntry& document);

// Where a key of the outline is written, or else what it is in: never nothing but for an empty
// file.
[[nodiscard]] Position position_of(const Outline& outline, std::string key);

}  // namespace sdg::config
