// Its own program: EAL starts once in a process.
#include "dataplane/port/eal.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <algorithm>
#include <filesystem>

namespace sdg::port {
namespace {

bool has(const std::vector<std::string>& args, const std::string& wanted) {
    return std::find(args.begin(), args.end(), wanted) != args.end();
}

TEST(EalArguments, workers_float_unless_pinned) {
    EalSettings settings;
    settings.workers = 2;
    auto args = eal_arguments(settings, {0, 1}, false);
    EXPECT_EQ(args[2], "0@(0,1),1@(0,1),2@(0,1)");
    settings.worker_cpus = {1, 0};
    settings.control_cpu = 1;
    args = eal_arguments(settings, {0, 1}, false);
    EXPECT_EQ(args[2], "0@1,1@1,2@0");
}

TEST(EalArguments, memory_and_bus_options_follow_the_settings) {
    EalSettings settings;
    settings.memory_mib = 64;
    settings.extra_args = {"--log-level=debug"};
    auto args = eal_arguments(settings, {0}, false);
    EXPECT_TRUE(has(args, "--no-huge") && has(args, "--no-shconf") && has(args, "--no-pci"));
    EXPECT_TRUE(has(args, "64"));
    EXPECT_FALSE(has(args, "--in-memory")) << "EAL refuses it together with --no-huge";
    EXPECT_EQ(args.back(), "--log-level=debug");
    settings.uses_pci = true;
    args = eal_arguments(settings, {0}, true);
    EXPECT_TRUE(has(args, "--in-memory"));
    EXPECT_FALSE(has(args, "--no-huge") || has(args, "--no-pci"));
}

TEST(EalArguments, telemetry_is_off_unless_wanted) {
    EalSettings settings;
    EXPECT_TRUE(has(eal_arguments(settings, {0}, false), "--no-telemetry"));
    settings.telemetry = true;
    EXPECT_FALSE(has(eal_arguments(settings, {0}, false), "--no-telemetry"));
}

TEST(Eal, refuses_settings_that_cannot_be) {
    EalSettings settings;
    settings.workers = 0;
    EXPECT_FALSE(Eal::start(settings));
    settings.workers = 2;
    settings.worker_cpus = {1};
    const auto wrong = Eal::start(settings);
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().message, "EAL: 1 CPUs named for 2 workers");
    settings = {};
    settings.hugepages = HugepageUse::require;
    settings.memory_mib = static_cast<uint32_t>(free_hugepages_mib()) + 1;
    const auto none = Eal::start(settings);
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().message.find("hugepages are required"), std::string::npos);
}

// Last: the process has no EAL afterwards.
TEST(Eal, starts_quietly_and_leaves_nothing_behind) {
    testing::internal::CaptureStderr();
    std::string folder;
    {
        EalSettings settings;
        settings.memory_mib = 64;
        settings.hugepages = HugepageUse::never;
        settings.file_prefix = "sdg-eal-test";
        const auto eal = Eal::start(settings);
        ASSERT_TRUE(eal) << eal.error().message;
        EXPECT_FALSE((*eal)->uses_hugepages());
        EXPECT_EQ(rte_lcore_count(), 2U);
        EXPECT_TRUE(rte_lcore_is_enabled(Eal::worker_lcore(0)));
        folder = rte_eal_get_runtime_dir();
        EXPECT_FALSE(Eal::start(settings)) << "twice in a process";
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_FALSE(std::filesystem::exists(folder)) << folder;
}

}  // namespace
}  // namespace sdg::port
