// What is different between the running configuration and a new one, and whether it can change
// while associations are up.
//
// Every key of the schema belongs to a rule: a test fails for one that does not. Live keys are
// those of listeners, backends and protection policies and a few more; what DPDK, the tables and
// the descriptors of the process were made from at start needs a restart. Whether a live change is
// possible at this moment (files, addresses) is the gateway's business.
//
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/outline.h"

namespace sdg::config {

struct ChangeRule {
    std::string_view path;  // a key of the schema; the rule holds for everything below it
    bool is_live = false;
    std::string_view reason = {};  // why it needs a restart
};
// Of the key with this path ("listeners[].port"), or null. Sections with keys of both kinds have no
// rule of their own.
[[nodiscard]] const ChangeRule* change_rule(std::string_view schema_path);

struct Change {
    enum class Kind { added, removed, changed };

    std::string key;  // as in the outline: "listeners[nodes].max_associations"
    Kind kind = Kind::changed;
    std::string from;  // of a changed one; empty when it may be a secret
    std::string to;
    Position position;  // in the new file; of a removed one: what it was in
    bool is_live = false;
    std::string reason;  // why not
};
// "listeners[nodes].max_associations: 1000 -> 5", "backends[amf]: removed".
[[nodiscard]] std::string to_string(const Change& change);

// In the order of the new file, what is removed first. A section or entry that is new or gone is
// one change, whatever it has in it.
[[nodiscard]] std::vector<Change> difference(const Outline& running, const Outline& candidate);

}  // namespace sdg::config
