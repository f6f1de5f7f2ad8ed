// dtls-chunk-vectors FILE: runs a file of test vectors and says how many hold.
//
// Exit code 0: all hold; 1: some do not; 2: the file cannot be read or is not of the form.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <vector>

#include "tools/dtls-chunk-vectors/checks.h"

namespace sdg::vectors {
namespace {

class Tally {
 public:
    void add(const char* section, size_t index, const Failure& failure) {
        if (!failure) {
            ++passed_;
            return;
        }
        ++failed_;
        fmt::print("{}[{}]: {}\n", section, index, *failure);
    }
    [[nodiscard]] int conclude() const {
        fmt::print("{} passed, {} failed\n", passed_, failed_);
        return failed_ == 0 ? 0 : 1;
    }

 private:
    size_t passed_ = 0;
    size_t failed_ = 0;
};

// A vector holds when it does so on each of the architectures.
Failure check_everywhere(const RecordVector& vector,
                         const std::vector<record::Architecture>& architectures) {
    for (const record::Architecture architecture : architectures) {
        if (const auto failure = check(vector, architecture)) {
            return fmt::format("{} ({})", *failure, record::name(architecture));
        }
    }
    return std::nullopt;
}

int run(int argc, char** argv) {
    CLI::App app{
        "Runs a file of DTLS chunk test vectors: records both ways, key exports of method "
        "192, negotiations."};
    std::string path;
    bool all_architectures = false;
    app.add_option("FILE", path, "JSON file of vectors")->required();
    app.add_flag("--all-architectures", all_architectures,
                 "run the records on every code path that this processor has");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }

    const auto file = read_vector_file(path);
    if (!file) {
        fmt::print(stderr, "dtls-chunk-vectors: {}\n", file.error().message);
        return 2;
    }
    std::vector<record::Architecture> architectures{record::Architecture::best};
    if (all_architectures) {
        const auto supported = record::supported_architectures();
        architectures.assign(supported.begin(), supported.end());
    }
    Tally tally;
    for (size_t i = 0; i < file->records.size(); ++i) {
        tally.add("records", i, check_everywhere(file->records[i], architectures));
    }
    for (size_t i = 0; i < file->exports.size(); ++i) {
        tally.add("export_192", i, check(file->exports[i]));
    }
    for (size_t i = 0; i < file->negotiations.size(); ++i) {
        tally.add("negotiation", i, check(file->negotiations[i]));
    }
    return tally.conclude();
}

}  // namespace
}  // namespace sdg::vectors

int main(int argc, char** argv) {
    try {
        return sdg::vectors::run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "dtls-chunk-vectors: {}\n", error.what());
        return 2;
    }
}
