// A YAML document as a bounded tree with positions, built straight from yaml-cpp's parser events.
//
// Why not YAML::Node: it hides positions of aliases and which scalars were quoted, and it builds
// whatever depth and size the text asks for. Here depth and expanded size (an alias counts with
// all that it stands for) are checked while the parser runs, so a hostile file stops it early.
// Duplicate keys are kept; whoever walks the tree reports them. No exception leaves.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace sdg::config {

struct Position {
    size_t line = 0;    // from 1
    size_t column = 0;  // from 1
};

struct YamlNode;
using YamlNodePtr = std::shared_ptr<const YamlNode>;  // shared by an anchor and its aliases

struct YamlEntry {
    std::string key;        // empty in a list
    Position key_position;  // in a list: the value's
    YamlNodePtr value;
    Position value_position;  // where it is written here: of an alias, not of its anchor
};

struct YamlNode {
    enum class Kind { empty, scalar, list, map };

    Kind kind = Kind::empty;
    bool quoted = false;  // a scalar that is text by its quotes: "1500" is no number
    std::string scalar;
    std::vector<YamlEntry> entries;
    size_t height = 1;    // levels of nesting from here down
    size_t expanded = 1;  // nodes from here down, aliases followed

    [[nodiscard]] const YamlEntry* find(std::string_view key) const;
};

struct YamlFault {
    Position position;
    std::string expected;
    std::string got;
};

// The single document of text. An empty document gives a node of kind empty.
[[nodiscard]] tl::expected<YamlEntry, YamlFault> parse_yaml(std::string_view text);

}  // namespace sdg::config
