#include "config/load.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "config/bind.h"
#include "config/check.h"
#include "config/contradictions.h"
#include "config/error_list.h"
#include "config/yaml_tree.h"

namespace sdg::config {
namespace {

tl::unexpected<std::vector<ConfigError>> one_error(const std::filesystem::path& file,
                                                   Position position, std::string expected,
                                                   std::string got) {
    return tl::unexpected(std::vector<ConfigError>{
        {file.string(), position.line, position.column, "", std::move(expected), std::move(got)}});
}

std::string size_words(size_t octets) {
    return fmt::format("at most {} octets", octets);
}

}  // namespace

LoadFileResult load_file_text(std::string_view text, const std::filesystem::path& name) {
    if (text.size() > max_file_octets) {
        return one_error(name, {}, size_words(max_file_octets), fmt::format("{}", text.size()));
    }
    const auto document = parse_yaml(text);
    if (!document) {
        const YamlFault& fault = document.error();
        return one_error(name, fault.position, fault.expected, fault.got);
    }
    ErrorList errors(name.string());
    check_against_schema(*document, errors);
    if (!errors.empty()) {
        return tl::unexpected(errors.take());
    }
    Configuration configuration = bind(*document, name.parent_path(), errors);
    find_contradictions(configuration, *document, errors);
    if (!errors.empty()) {
        return tl::unexpected(errors.take());
    }
    return LoadedFile{std::move(configuration), outline(*document)};
}

LoadFileResult load_file(const std::filesystem::path& path) {
    std::error_code problem;
    const auto status = std::filesystem::status(path, problem);
    if (std::filesystem::is_directory(status)) {
        return one_error(path, {}, "a file", "a folder");
    }
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        return one_error(path, {}, "a file that can be read", std::strerror(errno));
    }
    // One octet over the bound is enough to know; a file that never ends (/dev/zero) ends here too.
    std::string text(max_file_octets + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad()) {
        return one_error(path, {}, "a file that can be read", "an input error");
    }
    const auto count = static_cast<size_t>(stream.gcount());
    if (count > max_file_octets) {
        return one_error(path, {}, size_words(max_file_octets), "more");
    }
    text.resize(count);
    return load_file_text(text, path);
}

LoadResult load_text(std::string_view text, const std::filesystem::path& name) {
    auto loaded = load_file_text(text, name);
    return loaded ? LoadResult(std::move(loaded->configuration))
                  : LoadResult(tl::unexpected(std::move(loaded.error())));
}

LoadResult load(const std::filesystem::path& path) {
    auto loaded = load_file(path);
    return loaded ? LoadResult(std::move(loaded->configuration))
                  : LoadResult(tl::unexpected(std::move(loaded.error())));
}

}  // namespace sdg::config
