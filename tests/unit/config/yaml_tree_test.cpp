// The bounded tree: positions, kinds, and the ways a hostile file could try to be large.
#include "config/yaml_tree.h"

#include <gtest/gtest.h>

#include "config/load.h"

namespace sdg::config {
namespace {

std::string nested(size_t levels) {
    return std::string(levels, '[') + "x" + std::string(levels, ']');
}

TEST(YamlTree, keeps_kinds_quotes_and_positions) {
    const auto root = parse_yaml("a: 1\nb:\n  - \"1\"\n  - {c: ~}\n");
    ASSERT_TRUE(root);
    const YamlNode& map = *root->value;
    ASSERT_EQ(map.kind, YamlNode::Kind::map);
    ASSERT_EQ(map.entries.size(), 2u);
    EXPECT_EQ(map.entries[0].key, "a");
    EXPECT_FALSE(map.entries[0].value->quoted);
    EXPECT_EQ(map.entries[0].value_position.column, 4u);
    const YamlNode& list = *map.find("b")->value;
    ASSERT_EQ(list.kind, YamlNode::Kind::list);
    EXPECT_TRUE(list.entries[0].value->quoted);
    EXPECT_EQ(list.entries[0].value_position.line, 3u);
    EXPECT_EQ(list.entries[0].value_position.column, 5u);
    EXPECT_EQ(list.entries[1].value->find("c")->value->kind, YamlNode::Kind::empty);
    EXPECT_EQ(map.find("d"), nullptr);
}

TEST(YamlTree, duplicate_keys_are_kept_for_the_reader) {
    const auto root = parse_yaml("a: 1\na: 2\n");
    ASSERT_TRUE(root);
    EXPECT_EQ(root->value->entries.size(), 2u);
}

TEST(YamlTree, nesting_is_bounded_while_parsing) {
    EXPECT_TRUE(parse_yaml(nested(max_nesting)));
    const auto deep = parse_yaml(nested(max_nesting + 1));
    ASSERT_FALSE(deep);
    EXPECT_EQ(deep.error().expected, "at most 16 levels of nesting");
    EXPECT_EQ(deep.error().position.column, max_nesting + 1);
    EXPECT_FALSE(parse_yaml(std::string(900'000, '[')));
    EXPECT_FALSE(parse_yaml(std::string(900'000, '{')));
    std::string block;
    for (int i = 0; i < 1000; ++i) {
        block += "- ";
    }
    EXPECT_FALSE(parse_yaml(block + "x"));
}

TEST(YamlTree, nesting_through_aliases_counts) {
    const std::string inner = "a: &a " + nested(10) + "\n";
    EXPECT_TRUE(parse_yaml(inner + "b: [[*a]]\n"));
    EXPECT_FALSE(parse_yaml(inner + "b: [[[[[[*a]]]]]]\n"));
}

TEST(YamlTree, alias_bomb_is_refused) {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int k = 0; k < 10; ++k) {
            text += before + (k == 9 ? " ]\n" : " , ");
        }
    }
    const auto bomb = parse_yaml(text);
    ASSERT_FALSE(bomb);
    EXPECT_EQ(bomb.error().expected, "at most 100000 values, aliases followed");
}

TEST(YamlTree, alias_inside_its_own_anchor_is_refused) {
    const auto loop = parse_yaml("a: &a [*a ]\n");
    ASSERT_FALSE(loop);
    EXPECT_EQ(loop.error().got, "an alias inside its own anchor");
    EXPECT_EQ(loop.error().position.column, 8u);
}

TEST(YamlTree, unknown_alias_is_not_yaml) {
    const auto root = parse_yaml("a: *nowhere\n");
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().expected, "valid YAML");
}

TEST(YamlTree, second_document_is_refused) {
    const auto root = parse_yaml("a: 1\n---\nb: 2\n");
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().expected, "one YAML document");
    EXPECT_EQ(root.error().position.line, 3u);
}

TEST(YamlTree, zero_octets_are_refused_with_their_place) {
    using namespace std::string_view_literals;
    const auto root = parse_yaml("a: 1\nb\0: 2\n"sv);
    ASSERT_FALSE(root);
    EXPECT_EQ(root.error().got, "a zero octet");
    EXPECT_EQ(root.error().position.line, 2u);
    EXPECT_EQ(root.error().position.column, 2u);
}

TEST(YamlTree, key_that_is_no_word_is_refused) {
    EXPECT_FALSE(parse_yaml("[a, b]: 1\n"));
    EXPECT_FALSE(parse_yaml("? {a: b}\n: 1\n"));
    EXPECT_FALSE(parse_yaml("~: 1\n"));
}

}  // namespace
}  // namespace sdg::config
