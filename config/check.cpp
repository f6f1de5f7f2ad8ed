#include "config/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <map>

#include "config/scalar.h"
#include "config/schema.h"

namespace sdg::config {
namespace {

using Kind = YamlNode::Kind;

std::string described(const YamlNode& node) {
    switch (node.kind) {
        case Kind::empty:
            return "nothing";
        case Kind::list:
            return "a list";
        case Kind::map:
            return "a section of keys";
        case Kind::scalar:
            break;
    }
    return node.quoted ? fmt::format("the quoted text {}", shown(node.scalar)) : shown(node.scalar);
}

bool in_range(const Key& key, double value) {
    return (key.minimum == 0 && key.maximum == 0) || (value >= key.minimum && value <= key.maximum);
}

// A single word against the type, range and choices of its key. Numbers and booleans are not
// quoted in YAML; everything else may be.
bool scalar_fits(const Key& key, const YamlNode& node) {
    const std::string_view text = node.scalar;
    switch (key.type) {
        case ValueType::boolean:
            return !node.quoted && parse_boolean(text).has_value();
        case ValueType::integer: {
            const auto value = node.quoted ? std::nullopt : parse_integer(text);
            return value && in_range(key, static_cast<double>(*value)) &&
                   (!key.power_of_two || std::has_single_bit(static_cast<uint64_t>(*value)));
        }
        case ValueType::fraction: {
            const auto value = node.quoted ? std::nullopt : parse_fraction(text);
            return value && in_range(key, *value);
        }
        case ValueType::text:
        case ValueType::file:
            return is_one_line(text);
        case ValueType::name:
            return is_name(text);
        case ValueType::choice:
            return std::find(key.choices.begin(), key.choices.end(), text) != key.choices.end();
        case ValueType::address: {
            const auto address = parse_address(text);
            return address && is_unicast(*address);
        }
        case ValueType::host_address: {
            const auto address = parse_address(text);
            return address && (is_unicast(*address) || is_loopback(*address));
        }
        case ValueType::address_prefix: {
            const auto prefix = parse_prefix(text);
            return prefix && is_host_in(*prefix);
        }
        case ValueType::network_prefix: {
            const auto prefix = parse_prefix(text);
            return prefix && is_network(*prefix);
        }
        case ValueType::mac_address:
            return parse_mac(text).has_value();
        case ValueType::peer_name:
            return is_peer_name(text);
        case ValueType::device:
            return is_device(text);
        case ValueType::crypto_device:
            return is_crypto_device(text);
        case ValueType::section:
        case ValueType::list:
            break;
    }
    return false;
}

class Checker {
 public:
    explicit Checker(ErrorList& errors) : errors_(errors) {}

    void section(std::string_view schema_path, const std::string& path, const YamlEntry& entry) {
        std::vector<const Key*> known = keys_below(schema_path);
        std::map<std::string_view, size_t> first_line;
        for (const YamlEntry& child : entry.value->entries) {
            const std::string child_path = below(path, child.key);
            const auto [first, is_new] = first_line.emplace(child.key, child.key_position.line);
            if (!is_new) {
                errors_.add(child.key_position, shortened(child_path), "the key once",
                            fmt::format("it again, first in line {}", first->second));
                continue;
            }
            const auto found = std::find_if(known.begin(), known.end(), [&](const Key* key) {
                return last_part(key->path) == child.key;
            });
            if (found == known.end()) {
                std::vector<std::string_view> names;
                names.reserve(known.size());
                for (const Key* key : known) {
                    names.push_back(last_part(key->path));
                }
                errors_.add(child.key_position, shortened(child_path),
                            fmt::format("one of {}", fmt::join(names, ", ")), "an unknown key");
                continue;
            }
            value(**found, child_path, child);
        }
        for (const Key* key : known) {
            const std::string name(last_part(key->path));
            if (key->presence == Presence::required && !first_line.contains(name)) {
                errors_.add(entry.value_position, below(path, name), expectation(*key), "nothing");
            }
        }
    }

    void value(const Key& key, const std::string& path, const YamlEntry& entry) {
        const YamlNode& node = *entry.value;
        if (key.type == ValueType::section) {
            // "lab:" with everything below it commented out is a section without keys.
            if (node.kind == Kind::map || node.kind == Kind::empty) {
                section(key.path, path, entry);
                return;
            }
        } else if (key.type == ValueType::list) {
            const bool nothing_is_fine = key.minimum == 0 && node.kind == Kind::empty;
            if (nothing_is_fine || (node.kind == Kind::list && list(key, path, entry))) {
                return;
            }
            if (node.kind == Kind::list) {
                errors_.add(entry.value_position, path, expectation(key),
                            fmt::format("a list of {}", node.entries.size()));
                return;
            }
        } else if (node.kind == Kind::scalar && scalar_fits(key, node)) {
            return;
        }
        errors_.add(entry.value_position, path, expectation(key), described(node));
    }

 private:
    // False when the number of elements is wrong; the elements are not looked at then.
    bool list(const Key& key, const std::string& path, const YamlEntry& entry) {
        const auto& elements = entry.value->entries;
        if (!in_range(key, static_cast<double>(elements.size()))) {
            return false;
        }
        const Key* element_key = find_key(fmt::format("{}[]", key.path));
        for (size_t i = 0; i < elements.size(); ++i) {
            value(*element_key, fmt::format("{}[{}]", path, i), elements[i]);
        }
        return true;
    }

    static std::string below(std::string_view path, std::string_view key) {
        return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
    }

    // A key nobody knows may be of any length and content; an error line stays one line.
    static std::string shortened(std::string_view path) {
        return is_one_line(path) && path.size() <= 120 ? std::string(path) : shown(path);
    }

    ErrorList& errors_;
};

}  // namespace

void check_against_schema(const YamlEntry& document, ErrorList& errors) {
    const YamlNode& node = *document.value;
    if (node.kind != Kind::map && node.kind != Kind::empty) {
        errors.add(document.value_position, "", "a section of keys", described(node));
        return;
    }
    Checker(errors).section("", "", document);
}

}  // namespace sdg::config
