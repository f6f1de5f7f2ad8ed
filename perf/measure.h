// Small tools that the benchmarks share: one core, medians, results that are not there.
#pragma once

#include <fmt/format.h>
#include <sched.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "dataplane/record/key_material.h"
#include "foundation/random.h"
#include "foundation/result.h"

namespace sdg::perf {

template <class T>
T expect(Result<T> result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
    return std::move(*result);
}

inline void expect(const Result<void>& result) {
    if (!result) {
        throw std::runtime_error(result.error().message);
    }
}

inline void stay_on_this_core() {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &set);
    sched_setaffinity(0, sizeof set, &set);
}

// Of the time stamp counter.
inline double ticks_per_ns() {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const uint64_t first = __rdtsc();
    while (Clock::now() - start < std::chrono::milliseconds(50)) {
    }
    const uint64_t last = __rdtsc();
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
    return static_cast<double>(last - first) / elapsed.count();
}

// Empty: 0. Reorders its copy only.
inline double median(std::vector<double> values) {
    if (values.empty()) {
        return 0;
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

inline record::KeyMaterial make_material(record::Suite suite, uint64_t seed) {
    SeededRandom random(seed);
    const record::SuiteTraits& wanted = *record::traits(suite);
    record::KeyMaterial keys{suite, SecretBytes{wanted.key_length}, SecretBytes{wanted.iv_length},
                             SecretBytes{wanted.sn_key_length}};
    random.fill(keys.key.mutable_bytes());
    random.fill(keys.iv.mutable_bytes());
    random.fill(keys.sn_key.mutable_bytes());
    return keys;
}

// Work with what its exceptions say as a program says it: one line on standard error, exit code 1.
template <class Work>
int exit_code_of(const char* program, Work&& work) {
    try {
        work();
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}: {}\n", program, error.what());
        return 1;
    }
    return 0;
}

// What a burst of signalling is made of, in octets of content: 60 % short, 30 % middle, 10 % long,
// mixed evenly. index: of the packet.
inline uint32_t imix_size(uint64_t index) {
    constexpr std::array<uint32_t, 10> kSizes{100, 300, 100, 100, 1200, 100, 300, 100, 300, 100};
    return kSizes[index % kSizes.size()];
}

// To FILE, or standard output for "-".
inline void write_json(const std::string& path, const nlohmann::json& figures) {
    if (path == "-") {
        fmt::print("{}\n", figures.dump(2));
        return;
    }
    std::ofstream file{path};
    file << figures.dump(2) << '\n';
    if (!file.flush()) {
        throw std::runtime_error(fmt::format("cannot write {}", path));
    }
}

}  // namespace sdg::perf
