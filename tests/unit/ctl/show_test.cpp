// Answers with rates as people read them.
#include "tools/ctl/show.h"

#include <gtest/gtest.h>

namespace sdg::ctl {
namespace {

using nlohmann::json;

json worker() {
    return {{"worker", 0},
            {"drops", {{"no_route", 5}, {"record_forged", 0}}},
            {"per_second",
             {{"handled", 1234.5},
              {"received", 600},
              {"transmitted", 700},
              {"opened", 500},
              {"sealed", 650},
              {"cycles_per_packet", 812.25},
              {"idle_share", 0.4321},
              {"drops", {{"no_route", 2.5}}}}}};
}

TEST(Show, workers_have_rates_and_what_was_dropped) {
    const std::string text = show_workers({{"workers", {worker()}}});
    for (const char* what : {"1234.5", "812.2", "43.2%", "no_route", "2.5"}) {
        EXPECT_NE(text.find(what), std::string::npos) << what << '\n' << text;
    }
    EXPECT_EQ(text.find("record_forged"), std::string::npos);
}

TEST(Show, before_the_second_sample_there_are_no_rates) {
    json first = worker();
    first["per_second"] = nullptr;
    const std::string text = show_workers({{"workers", {first}}});
    EXPECT_NE(text.find("no_route"), std::string::npos);
    EXPECT_EQ(text.find("1234"), std::string::npos);
    const std::string ports = show_ports({{"ports",
                                           {{{"port", "n2"},
                                             {"link_up", true},
                                             {"mtu", 1500},
                                             {"per_second", nullptr},
                                             {"counters", {{"rx_packets", 7}}}}}}});
    EXPECT_NE(ports.find("n2"), std::string::npos);
    EXPECT_NE(ports.find("rx_packets"), std::string::npos);
}

TEST(Show, ports_are_told_in_megabits) {
    const std::string text =
        show_ports({{"ports",
                     {{{"port", "n2"},
                       {"link_up", false},
                       {"mtu", 1500},
                       {"per_second", {{"rx_packets", 10}, {"rx_octets", 1250000}}},
                       {"counters", json::object()}}}}});
    EXPECT_NE(text.find("10.00"), std::string::npos) << text;
    EXPECT_NE(text.find("down"), std::string::npos);
}

}  // namespace
}  // namespace sdg::ctl
