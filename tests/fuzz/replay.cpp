// Runs a fuzz target without libFuzzer: over the seeds in a folder, then over as many changes of
// them as are asked for, drawn from a fixed seed. So that every build tries every target, with its
// own compiler and sanitizers.
//
//   fuzz_x FOLDER [CHANGES]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" [[gnu::weak]] int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" [[gnu::weak]] size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                                        unsigned seed);

namespace {

using Octets = std::vector<uint8_t>;

constexpr size_t kMaxSize = 4096;

std::minstd_rand& draw() {
    static std::minstd_rand only{1};
    return only;
}
size_t below(size_t limit) {
    return limit == 0 ? 0 : draw()() % limit;
}

}  // namespace

// What libFuzzer has for its targets' own mutators, in small.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size) {
    Octets octets(data, data + size);
    const auto at = static_cast<ptrdiff_t>(below(octets.size()));
    const size_t what = octets.empty() ? 0 : below(4);
    if (what == 0 && octets.size() < max_size) {
        octets.insert(octets.begin() + at, static_cast<uint8_t>(draw()()));
    } else if (what == 1) {
        octets.erase(octets.begin() + at);
    } else if (!octets.empty()) {
        octets[static_cast<size_t>(at)] =
            static_cast<uint8_t>(what == 2 ? below(256) : below(2) * 255);
    }
    std::copy(octets.begin(), octets.end(), data);
    return octets.size();
}

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: fuzz_x FOLDER [CHANGES]\n", stderr);
        return 2;
    }
    if (LLVMFuzzerInitialize != nullptr) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::vector<Octets> seeds;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        if (std::getenv("REPLAY_VERBOSE") != nullptr) {
            std::fprintf(stderr, "%s\n", file.c_str());
        }
        LLVMFuzzerTestOneInput(seeds.back().data(), seeds.back().size());
    }
    const long changes = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 0;
    for (long i = 0; i < changes && !seeds.empty(); ++i) {
        const Octets& seed = seeds[below(seeds.size())];
        Octets input(std::max(kMaxSize, seed.size()));
        std::copy(seed.begin(), seed.end(), input.begin());
        size_t size = seed.size();
        for (size_t round = 0; round < 1 + below(4); ++round) {
            size = LLVMFuzzerCustomMutator != nullptr
                       ? LLVMFuzzerCustomMutator(input.data(), size, input.size(),
                                                 static_cast<unsigned>(draw()()))
                       : LLVMFuzzerMutate(input.data(), size, input.size());
        }
        if (const char* keep = std::getenv("REPLAY_KEEP")) {
            std::ofstream(keep, std::ios::binary | std::ios::trunc)
                .write(reinterpret_cast<const char*>(input.data()),
                       static_cast<std::streamsize>(size));
        }
        LLVMFuzzerTestOneInput(input.data(), size);
    }
    std::printf("%zu seeds, %ld changes of them\n", seeds.size(), changes);
    return seeds.empty() ? 1 : 0;
}
