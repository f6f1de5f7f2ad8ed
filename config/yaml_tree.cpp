#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <map>
#include <optional>
#include <streambuf>

#include "config/load.h"

namespace sdg::config {
namespace {

// Thrown out of the event handler to stop yaml-cpp's recursive parser; caught in parse_yaml.
struct Stop {
    YamlFault fault;
};

Position from(const YAML::Mark& mark) {
    if (mark.is_null()) {
        return {1, 1};
    }
    return {static_cast<size_t>(mark.line) + 1, static_cast<size_t>(mark.column) + 1};
}

// A read-only stream over the caller's bytes.
class ViewBuffer final : public std::streambuf {
 public:
    explicit ViewBuffer(std::string_view text) {
        char* begin = const_cast<char*>(text.data());  // streambuf's interface; never written to
        setg(begin, begin, begin + text.size());
    }
};

class TreeBuilder final : public YAML::EventHandler {
 public:
    void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        add_leaf(std::make_shared<YamlNode>(), from(mark), anchor);
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        const auto found = anchors_.find(anchor);
        if (found == anchors_.end()) {  // known to the parser, but its value is still being read
            throw Stop{{from(mark), "an alias of a value that is complete",
                        "an alias inside its own anchor"}};
        }
        attach(found->second, from(mark));
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        refuse_tag(mark, tag);
        auto node = std::make_shared<YamlNode>();
        node->kind = YamlNode::Kind::scalar;
        node->quoted = tag == "!";
        node->scalar = value;
        add_leaf(std::move(node), from(mark), anchor);
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::list, mark, tag, anchor);
    }
    void OnSequenceEnd() override { close(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value /*style*/) override {
        open(YamlNode::Kind::map, mark, tag, anchor);
    }
    void OnMapEnd() override { close(); }

    [[nodiscard]] YamlEntry take_root() {
        return root_ ? std::move(*root_)
                     : YamlEntry{{}, {1, 1}, std::make_shared<YamlNode>(), {1, 1}};
    }

 private:
    struct Level {
        std::shared_ptr<YamlNode> node;
        Position position;
        YAML::anchor_t anchor = 0;
        bool key_pending = false;  // in a map: the next value belongs to pending
        YamlEntry pending;
    };

    static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
        if (!tag.empty() && tag != "?" && tag != "!") {
            throw Stop{{from(mark), "a value without a YAML tag", fmt::format("tag {}", tag)}};
        }
    }

    void add_leaf(std::shared_ptr<YamlNode> node, Position position, YAML::anchor_t anchor) {
        if (anchor != 0) {
            anchors_[anchor] = node;
        }
        attach(std::move(node), position);
    }

    void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::anchor_t anchor) {
        refuse_tag(mark, tag);
        if (levels_.size() >= max_nesting) {
            refuse_depth(from(mark));
        }
        Level level;
        level.node = std::make_shared<YamlNode>();
        level.node->kind = kind;
        level.position = from(mark);
        level.anchor = anchor;
        levels_.push_back(std::move(level));
    }

    void close() {
        Level done = std::move(levels_.back());
        levels_.pop_back();
        if (done.anchor != 0) {
            anchors_[done.anchor] = done.node;
        }
        attach(std::move(done.node), done.position);
    }

    void attach(YamlNodePtr node, Position position) {
        if (levels_.empty()) {
            root_ = YamlEntry{{}, position, std::move(node), position};
            return;
        }
        Level& level = levels_.back();
        if (level.node->kind == YamlNode::Kind::map && !level.key_pending) {
            if (node->kind != YamlNode::Kind::scalar) {
                throw Stop{{position, "a plain word as key", "a key that is no plain word"}};
            }
            level.pending.key = node->scalar;
            level.pending.key_position = position;
            level.key_pending = true;
            return;
        }
        level.node->height = std::max(level.node->height, node->height + 1);
        level.node->expanded += node->expanded;
        // Levels still open above this one, and what the value brings along by an alias.
        if (levels_.size() + node->height > max_nesting + 1) {
            refuse_depth(position);
        }
        if (level.node->expanded > max_nodes) {
            throw Stop{
                {position, fmt::format("at most {} values, aliases followed", max_nodes), "more"}};
        }
        if (level.node->kind == YamlNode::Kind::map) {
            // yaml-cpp places "key:" without a value at the next token, lines further down.
            const bool elsewhere = node->kind == YamlNode::Kind::empty &&
                                   position.line != level.pending.key_position.line;
            level.pending.value = std::move(node);
            level.pending.value_position = elsewhere ? level.pending.key_position : position;
            level.node->entries.push_back(std::move(level.pending));
            level.pending = {};
            level.key_pending = false;
        } else {
            level.node->entries.push_back(YamlEntry{{}, position, std::move(node), position});
        }
    }

    [[noreturn]] static void refuse_depth(Position position) {
        throw Stop{{position, fmt::format("at most {} levels of nesting", max_nesting), "more"}};
    }

    std::vector<Level> levels_;
    std::map<YAML::anchor_t, YamlNodePtr> anchors_;
    std::optional<YamlEntry> root_;
};

}  // namespace

const YamlEntry* YamlNode::find(std::string_view key) const {
    const auto found =
        std::find_if(entries.begin(), entries.end(), [&](const auto& e) { return e.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

tl::expected<YamlEntry, YamlFault> parse_yaml(std::string_view text) {
    // A NUL would end C strings early further down; no text editor writes one.
    if (const size_t nul = text.find('\0'); nul != std::string_view::npos) {
        const std::string_view before = text.substr(0, nul);
        const auto lines = static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
        const size_t line_start = before.rfind('\n') + 1;  // npos + 1 is the start of the text
        return tl::unexpected(
            YamlFault{{lines + 1, nul - line_start + 1}, "a text file", "a zero octet"});
    }
    TreeBuilder builder;
    try {
        ViewBuffer buffer(text);
        std::istream stream(&buffer);
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder)) {
            return builder.take_root();
        }
        YamlEntry root = builder.take_root();
        TreeBuilder second;
        if (parser.HandleNextDocument(second)) {
            return tl::unexpected(
                YamlFault{second.take_root().value_position, "one YAML document", "a second one"});
        }
        return root;
    } catch (const Stop& stop) {
        return tl::unexpected(stop.fault);
    } catch (const YAML::Exception& problem) {
        return tl::unexpected(YamlFault{from(problem.mark), "valid YAML", problem.msg});
    } catch (const std::exception& problem) {
        // yaml-cpp lets a few library exceptions through (out of range in escapes, for one).
        return tl::unexpected(YamlFault{{1, 1}, "valid YAML", problem.what()});
    }
}

}  // namespace sdg::config
