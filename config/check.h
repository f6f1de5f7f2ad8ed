// First pass: every value by itself against the schema. Unknown, repeated and missing keys, wrong
// types, values out of range. After it has found nothing, config/bind.h may trust each value.
#pragma once

#include "config/error_list.h"
#include "config/yaml_tree.h"

namespace sdg::config {

void check_against_schema(const YamlEntry& document, ErrorList& errors);

}  // namespace sdg::config
