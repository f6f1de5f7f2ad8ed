#include "foundation/key_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sdg {
namespace {

struct Object final : InKeyMemory<Object> {
    explicit Object(uint8_t with) { octets.fill(with); }
    std::array<uint8_t, 1300> octets;
};

TEST(KeyMemory, places_are_aligned_and_do_not_overlap) {
    std::vector<std::unique_ptr<Object>> objects;
    for (int i = 0; i < 5000; ++i) {
        objects.push_back(std::make_unique<Object>(static_cast<uint8_t>(i)));
        EXPECT_EQ(reinterpret_cast<uintptr_t>(objects.back().get()) % 128, 0U);
    }
    for (int i = 0; i < 5000; ++i) {
        for (const uint8_t octet : objects[static_cast<size_t>(i)]->octets) {
            ASSERT_EQ(octet, static_cast<uint8_t>(i));
        }
    }
}

TEST(KeyMemory, what_is_given_back_is_used_again) {
    std::mt19937 random{1};
    std::vector<std::unique_ptr<Object>> objects(1000);
    for (auto& object : objects) {
        object = std::make_unique<Object>(1);
    }
    const size_t reserved = KeyMemory::reserved();
    for (int i = 0; i < 100'000; ++i) {
        objects[random() % objects.size()].reset();
        objects[random() % objects.size()] = std::make_unique<Object>(2);
    }
    EXPECT_EQ(KeyMemory::reserved(), reserved);
}

TEST(KeyMemory, blocks_are_left_out_of_core_dumps) {
    const Object* const object = new Object(3);
    if (KeyMemory::reserved() == 0) {
        delete object;
        GTEST_SKIP() << "with a sanitizer there are no blocks";
    }
    const auto address = reinterpret_cast<uintptr_t>(object);
    std::ifstream maps("/proc/self/smaps");
    std::string line;
    bool inside = false;
    std::string flags;
    while (std::getline(maps, line)) {
        unsigned long first = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &end) == 2) {
            inside = first <= address && address < end;
        } else if (inside && line.starts_with("VmFlags:")) {
            flags = line;
        }
    }
    delete object;
    EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;  // MADV_DONTDUMP
}

}  // namespace
}  // namespace sdg
