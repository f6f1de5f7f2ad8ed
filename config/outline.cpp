#include "config/outline.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "config/scalar.h"
#include "config/schema.h"

namespace sdg::config {
namespace {

// Sections that are there in any case: leaving them out means their defaults.
constexpr std::array<std::string_view, 11> kAlwaysThere{
    "eal",      "workers", "control",     "limits",   "budgets", "sctp",
    "shutdown", "log",     "log.modules", "security", "lab"};

std::string join(std::string_view path, std::string_view key) {
    return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

// Not written, or written without a value.
const YamlEntry* written(const YamlNode* node, std::string_view key) {
    const YamlEntry* found = node == nullptr ? nullptr : node->find(key);
    return found == nullptr || found->value->kind == YamlNode::Kind::empty ? nullptr : found;
}

std::string canonical(const Key& key, const std::string& text) {
    switch (key.type) {
        case ValueType::integer:
            if (const auto value = parse_integer(text)) {
                return fmt::format("{}", *value);
            }
            break;
        case ValueType::fraction:
            if (const auto value = parse_fraction(text)) {
                return fmt::format("{}", *value);
            }
            break;
        case ValueType::address:
        case ValueType::host_address:
            if (const auto value = parse_address(text)) {
                return value->to_string();
            }
            break;
        case ValueType::address_prefix:
        case ValueType::network_prefix:
            if (const auto value = parse_prefix(text)) {
                return fmt::format("{}/{}", value->address.to_string(), value->length);
            }
            break;
        default:
            break;
    }
    return text;
}

class Writer {
 public:
    Outline take() { return std::move(out_); }

    void section(const YamlNode* node, std::string_view schema_path, const std::string& path) {
        for (const Key* key : keys_below(schema_path)) {
            const std::string name(last_part(key->path));
            const YamlEntry* found = written(node, name);
            const std::string here = join(path, name);
            if (key->type == ValueType::section) {
                const bool always =
                    std::ranges::find(kAlwaysThere, key->path) != kAlwaysThere.end();
                if (found != nullptr && !always) {
                    add(here, *key, "", found->value_position);
                }
                if (found != nullptr || always) {
                    section(found == nullptr ? nullptr : found->value.get(), key->path, here);
                }
            } else if (key->type == ValueType::list) {
                list(found, *key, here);
            } else {
                add(here, *key,
                    canonical(*key, found != nullptr ? found->value->scalar
                                                     : std::string(key->default_text)),
                    found != nullptr ? found->value_position : Position{});
            }
        }
    }

 private:
    void add(const std::string& path, const Key& key, std::string value, Position position) {
        out_[path] = {std::string(key.path), std::move(value), position};
    }

    void list(const YamlEntry* found, const Key& key, const std::string& path) {
        const std::string element_path = fmt::format("{}[]", key.path);
        const Key& element = *find_key(element_path);
        const bool is_named =
            element.type == ValueType::section && find_key(element_path + ".name") != nullptr;
        const Position position = found != nullptr ? found->value_position : Position{};
        if (!is_named) {
            add(path, key,
                found != nullptr ? list_text(*found->value, element)
                                 : std::string(key.default_text),
                position);
            return;
        }
        std::vector<std::string> names;
        if (found != nullptr) {
            for (const YamlEntry& entry : found->value->entries) {
                const YamlEntry* name = written(entry.value.get(), "name");
                names.push_back(name == nullptr ? "" : name->value->scalar);
                const std::string here = fmt::format("{}[{}]", path, names.back());
                add(here, element, "", entry.value_position);
                section(entry.value.get(), element_path, here);
                out_.erase(here + ".name");
            }
        }
        // Everything refers to ports by their places.
        add(path, key, key.path == "ports" ? fmt::format("[{}]", fmt::join(names, ", ")) : "",
            position);
    }

    static std::string list_text(const YamlNode& node, const Key& element) {
        std::vector<std::string> texts;
        for (const YamlEntry& entry : node.entries) {
            if (element.type != ValueType::section) {
                texts.push_back(canonical(element, entry.value->scalar));
                continue;
            }
            std::vector<std::string> members;
            for (const Key* key : keys_below(element.path)) {
                const std::string name(last_part(key->path));
                if (const YamlEntry* found = written(entry.value.get(), name)) {
                    members.push_back(
                        fmt::format("{}: {}", name, canonical(*key, found->value->scalar)));
                }
            }
            texts.push_back(fmt::format("{{{}}}", fmt::join(members, ", ")));
        }
        return fmt::format("[{}]", fmt::join(texts, ", "));
    }

    Outline out_;
};

}  // namespace

Outline outline(const YamlEntry& document) {
    Writer writer;
    writer.section(document.value.get(), "", "");
    return writer.take();
}

Position position_of(const Outline& outline, std::string key) {
    while (!key.empty()) {
        const auto found = outline.find(key);
        if (found != outline.end() && found->second.position.line != 0) {
            return found->second.position;
        }
        const size_t dot = key.rfind('.');
        const size_t bracket = key.ends_with(']') ? key.rfind('[') : std::string::npos;
        key.resize(bracket != std::string::npos ? bracket : dot != std::string::npos ? dot : 0);
    }
    // A section that is not written, or a list: the first line of the file that says something.
    return {1, 1};
}

}  // namespace sdg::config
