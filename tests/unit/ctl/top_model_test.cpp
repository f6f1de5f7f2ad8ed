// Rates from two answers, and what the screen is to warn of.
#include "tools/ctl/top_model.h"

#include <gtest/gtest.h>

#include "tests/unit/ctl/answers.h"

namespace sdg::ctl::top {
namespace {

TEST(TopModel, one_answer_has_counts_and_no_rates) {
    const Figures f = figures(nullptr, answers(1));
    EXPECT_EQ(f.state, "ready");
    EXPECT_EQ(f.associations, 2U);
    EXPECT_FALSE(f.messages_to_backend);
    ASSERT_EQ(f.workers.size(), 1U);
    EXPECT_FALSE(f.workers[0].packets);
    EXPECT_FALSE(f.workers[0].dropped);
    EXPECT_TRUE(f.drops.empty());
    ASSERT_EQ(f.listed.size(), 2U);
    EXPECT_EQ(f.listed[0].backend_identity, "dns:b.example");
    EXPECT_FALSE(f.listed[0].messages);
    EXPECT_TRUE(f.warnings.empty());
}

TEST(TopModel, two_answers_have_rates_by_the_time_between_them) {
    const Answers before = answers(1);
    Answers now = answers(3);
    now.status["messages_to_backend"] = 1400;
    now.status["octets_to_backend"] = 101000;
    now.workers[0]["handled"] = 4100;
    now.workers[0]["sealed"] = 2050;
    now.workers[0]["busy_cycles"] = 1050000;
    now.workers[0]["idle_cycles"] = 9150000;
    now.workers[0]["drops"]["no_route"] = 9;
    now.ports[0]["counters"]["rx_octets"] = 3000;
    now.ports[0]["counters"]["rx_missed"] = 8;
    now.associations[1]["messages_from_backend"] = 30;
    const Figures f = figures(&before, now);
    EXPECT_EQ(f.messages_to_backend, 200);
    EXPECT_EQ(f.messages_from_backend, 0);
    EXPECT_EQ(f.bits_to_backend, 4000);
    EXPECT_EQ(f.sealed, 25);
    EXPECT_EQ(f.workers[0].packets, 50);
    EXPECT_EQ(f.workers[0].cycles_per_packet, 500);
    EXPECT_EQ(f.workers[0].idle_share, 0.75);
    EXPECT_EQ(f.workers[0].dropped, 2);
    ASSERT_EQ(f.drops.size(), 1U) << "only those that move";
    EXPECT_EQ(f.drops[0].reason, "no_route");
    EXPECT_EQ(f.ports[0].bits_in, 8000);
    EXPECT_EQ(f.ports[0].lost, 4);
    EXPECT_EQ(f.listed[1].messages, 15);
    EXPECT_EQ(f.listed[0].messages, 0);
}

TEST(TopModel, a_restart_of_the_gateway_gives_no_rates) {
    const Answers before = answers(50);
    Answers now = answers(52);
    now.status["uptime_s"] = 1;
    const Figures f = figures(&before, now);
    EXPECT_FALSE(f.messages_to_backend);
    EXPECT_FALSE(f.workers[0].packets);
    EXPECT_FALSE(f.listed[0].messages);
}

TEST(TopModel, an_association_that_was_not_there_has_no_rate_yet) {
    Answers before = answers(1);
    before.associations.erase(0);
    const Figures f = figures(&before, answers(2));
    EXPECT_FALSE(f.listed[0].messages);
    EXPECT_EQ(f.listed[1].messages, 0);
}

TEST(TopModel, an_idle_worker_has_no_cycles_per_packet) {
    const Answers before = answers(1);
    Answers now = answers(2);
    now.workers[0]["idle_cycles"] = 9900000;
    const Figures f = figures(&before, now);
    EXPECT_FALSE(f.workers[0].cycles_per_packet);
    EXPECT_EQ(f.workers[0].idle_share, 1);
}

TEST(TopModel, what_wants_a_look_is_a_warning) {
    Answers now = answers(1);
    now.certificates[0]["expires_in_s"] = 3 * 86400;
    now.certificates.push_back({{"policy", "old"}, {"expires_in_s", -5}});
    now.backends[0]["state"] = "down";
    now.ports[0]["link_up"] = false;
    EXPECT_EQ(figures(nullptr, now).warnings,
              (std::vector<std::string>{"certificate of policy trunk expires in 3d00h",
                                        "certificate of policy old has expired",
                                        "backend amf is down", "link of port n2 is down"}));
}

TEST(TopModel, members_that_a_gateway_lacks_are_no_end) {
    Answers now = answers(2);
    const Answers before = answers(1);
    now.workers = {{{"worker", 0}}};
    now.ports = {{{"port", "x"}}};
    now.associations = {nlohmann::json::object()};
    now.status = nlohmann::json::object();
    const Figures f = figures(&before, now);
    EXPECT_EQ(f.listed.size(), 1U);
    EXPECT_EQ(f.state, "");
}

TEST(TopModel, text_of_peers_is_made_harmless) {
    Answers now = answers(1);
    now.associations[0]["backend_identity"] = "dns:\x1b[2Jx";
    EXPECT_EQ(figures(nullptr, now).listed[0].backend_identity, "dns:?[2Jx");
}

TEST(TopModel, figures_are_short) {
    EXPECT_EQ(short_count({}), "-");
    EXPECT_EQ(short_count(0), "0");
    EXPECT_EQ(short_count(0.5), "0.50");
    EXPECT_EQ(short_count(999), "999");
    EXPECT_EQ(short_count(12345), "12.3k");
    EXPECT_EQ(short_count(999999), "1.00M");
    EXPECT_EQ(short_count(2.5e15), "2500T");
    EXPECT_EQ(short_time(41), "41s");
    EXPECT_EQ(short_time(3 * 3600 + 125), "3h02m");
    EXPECT_EQ(short_time(4 * 86400 + 3600), "4d01h");
}

}  // namespace
}  // namespace sdg::ctl::top
