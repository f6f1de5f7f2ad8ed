#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/difference.h"
#include "config/load.h"
#include "config/schema.h"

namespace sdg::config {
namespace {

// A table cell must not end at a character of its own text.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') {
            out += '\\';
        }
        out += c;
    }
    return out;
}

// What a value may be: for a list of words, what one element may be.
std::string value_words(const Key& key) {
    if (key.type == ValueType::list) {
        const Key* element = find_key(fmt::format("{}[]", key.path));
        if (element != nullptr && element->type != ValueType::section) {
            return fmt::format("{}, each {}", expectation(key), expectation(*element));
        }
    }
    return expectation(key);
}

std::string default_words(const Key& key) {
    if (key.presence == Presence::required) {
        return "required";
    }
    return key.default_text.empty() ? "-" : fmt::format("`{}`", key.default_text);
}

bool has_keys(const Key& key) {
    return key.type == ValueType::section ||
           (key.type == ValueType::list && find_key(fmt::format("{}[]", key.path)) != nullptr &&
            find_key(fmt::format("{}[]", key.path))->type == ValueType::section);
}

std::string section_path(const Key& key) {
    return key.type == ValueType::list ? fmt::format("{}[]", key.path) : std::string(key.path);
}

bool is_live(const Key& key) {
    const ChangeRule* rule = change_rule(key.path);
    return rule != nullptr && rule->is_live;
}

// What a reload does with changes of a section's own keys.
std::string change_words(std::string_view path) {
    std::vector<std::string> live;
    std::vector<std::string> fixed;
    for (const Key* key : keys_below(path)) {
        if (!has_keys(*key)) {
            (is_live(*key) ? live : fixed).push_back(fmt::format("`{}`", last_part(key->path)));
        }
    }
    if (fixed.empty()) {
        return live.empty() ? std::string() : "*Change:* live.";
    }
    return live.empty()
               ? "*Change:* restart."
               : fmt::format("*Change:* {} live, the others by restart.", fmt::join(live, ", "));
}

void add_table(std::string& out, std::string_view path) {
    out += "| key | value | default | meaning |\n| --- | --- | --- | --- |\n";
    for (const Key* key : keys_below(path)) {
        out += fmt::format("| `{}` | {} | {} | {} |\n", last_part(key->path),
                           cell(value_words(*key)), default_words(*key), cell(key->description));
    }
    out += '\n';
    for (const Key* key : keys_below(path)) {
        if (has_keys(*key)) {
            const std::string below = section_path(*key);
            const std::string change = change_words(below);
            out += fmt::format("## {}\n\n{}\n\n{}{}", below, key->description, change,
                               change.empty() ? "" : "\n\n");
            add_table(out, below);
        }
    }
}

}  // namespace

std::string schema_page() {
    std::string out = fmt::format(
        "# Configuration\n"
        "\n"
        "<!-- Made from config/schema.cpp by `sctp-gateway-schema`; a test fails when it is not "
        "current. -->\n"
        "\n"
        "One YAML file. Anything that is not in these tables is an error, and so are a key given "
        "twice, a value of\n"
        "the wrong type or out of range, and entries that contradict each other. All errors of a "
        "file are reported\n"
        "together (at most {}), each as\n"
        "\n"
        "    FILE:LINE:COLUMN: KEY: expected X, got Y\n"
        "\n"
        "`sctp-gateway --check-config FILE` does only that. Relative file names start at the "
        "folder of the configuration\n"
        "file; names inside `device` are DPDK's and start at the working folder. Anchors and "
        "aliases may be used; merge keys (`<<`),\n"
        "tags and several documents may not. Bounds: {} octets, {} levels of nesting. Quote IPv6 "
        "addresses that end in a colon,\n"
        "and do not quote numbers. Commented examples: config/examples.\n"
        "\n"
        "A default of `-` means that the key may be absent and what happens then is in its "
        "meaning.\n"
        "\n"
        "*Change* says what SIGHUP and `sctp-gateway-ctl reload` do with another value: *live*, it "
        "is applied while\n"
        "associations are up; *restart*, the reload is refused. See docs/operations.md.\n"
        "\n"
        "## Top level\n"
        "\n",
        max_reported_errors, max_file_octets, max_nesting);
    add_table(out, "");
    out.pop_back();  // one line end at the end of the page
    return out;
}

}  // namespace sdg::config
