// What the operator sees and does, on a gateway with traffic: rates, the busiest associations,
// retransmissions, authentication by command, the status page's figures.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "control/relay/pair.h"
#include "gateway/admin_operations.h"
#include "gateway/figures.h"
#include "gateway/page_figures.h"
#include "tests/sim/log_capture.h"
#include "tests/sim/rekeys.h"
#include "tests/sim/traffic.h"
#include "tests/sim/world.h"
#include "tests/support/eal.h"

namespace sdg::sim {
namespace {

using nlohmann::json;

class Operator : public testing::Test {
 protected:
    static void SetUpTestSuite() { test::eal(2048); }

    static World::Settings with(Keys keys, uint64_t seed) {
        World::Settings out;
        out.seed = seed;
        out.keys_a = keys;
        out.keys_b = keys;
        return out;
    }
    static uint64_t first_id(const World& world) { return world.a->relay().pairs().front()->id(); }
};

TEST_F(Operator, with_method_192_a_rekey_authenticates_anew) {
    World world(with(Keys::tls13, 51));
    const LogCapture log;
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 3, 500));
    gateway::AdminOperations operations(*world.a);
    const uint64_t id = first_id(world);
    const auto protection = [&] {
        return (*operations.association(id))["legs"]["backend"]["protection"];
    };
    EXPECT_EQ(protection()["authentications"], 1);
    ASSERT_TRUE(operations.reauthenticate(id));
    ASSERT_TRUE(world.run_until([&] { return protection()["authentications"] == 2; }, seconds(5)));
    EXPECT_TRUE(log.has("the peer is to authenticate anew")) << log.text();
    EXPECT_FALSE(client.closed());
}

TEST_F(Operator, without_certificates_nobody_can_authenticate_anew) {
    World world(with(Keys::preshared, 52));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 3, 500));
    gateway::AdminOperations operations(*world.a);
    const auto refused = operations.reauthenticate(first_id(world));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
    EXPECT_EQ(operations.reauthenticate(4711).error().code, ErrorCode::not_found);
}

TEST_F(Operator, rates_are_those_of_the_last_second) {
    World world(with(Keys::preshared, 53));
    Peer& client = world.connect();
    gateway::AdminOperations operations(*world.a);
    EXPECT_TRUE(operations.workers()["workers"][0]["per_second"].is_null());
    operations.poll();
    expect_relayed(world, client, make_messages(20, 20, 500));
    world.run_for(seconds(2));
    operations.poll();
    const json busy = operations.workers()["workers"][0]["per_second"];
    EXPECT_GT(busy["sealed"], 0);
    EXPECT_GT(busy["handled"], busy["sealed"]);
    EXPECT_GT(busy["cycles_per_packet"], 0);
    EXPECT_GT(busy["idle_share"], 0);
    EXPECT_LE(busy["idle_share"], 1);
    EXPECT_GT(operations.ports()["ports"][0]["per_second"]["rx_packets"], 0);
    operations.poll();
    EXPECT_EQ(operations.workers()["workers"][0]["per_second"], busy) << "not before a second";
}

TEST_F(Operator, the_busiest_come_first_and_looks_are_a_second_apart) {
    World world(with(Keys::preshared, 54));
    Peer& quiet = world.connect();
    Peer& busy = world.connect();
    quiet.send({1, 60, false, {1}});
    busy.send({1, 60, false, {1}});
    const auto relayed = [&](size_t n) {
        size_t received = 0;
        for (const auto& peer : world.server->peers()) {
            received += peer->received().size();
        }
        return received == n;
    };
    ASSERT_TRUE(world.run_until([&] { return relayed(2); }, seconds(10)));
    gateway::AdminOperations operations(*world.a);
    const json first = operations.busiest();
    EXPECT_EQ(first["total"], 2);
    EXPECT_TRUE(first["interval_s"].is_null());
    EXPECT_TRUE(first["associations"][0]["messages_per_s"].is_null());
    const uint64_t second_id = world.a->relay().pairs().back()->id();

    for (uint8_t i = 0; i < 40; ++i) {
        busy.send({1, 60, false, {i, i}});
    }
    ASSERT_TRUE(world.run_until([&] { return relayed(42); }, seconds(10)));
    const bool second_is_busy = world.a->relay().find(second_id)->to_backend().messages > 1;
    world.run_for(seconds(2));
    const json look = operations.busiest();
    EXPECT_EQ(look["associations"][0]["association"] == second_id, second_is_busy);
    EXPECT_GT(look["associations"][0]["messages_per_s"], 5);
    EXPECT_EQ(look["associations"][1]["messages_per_s"], 0);
    EXPECT_EQ(operations.busiest(), look);
}

TEST_F(Operator, retransmissions_are_those_of_a_lossy_leg_only) {
    World::Settings settings = with(Keys::preshared, 55);
    settings.trunk = {.loss = 0.05};
    World world(settings);
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(9, 300, 800));
    gateway::AdminOperations operations(*world.a);
    const json legs = (*operations.association(first_id(world)))["legs"];
    EXPECT_GT(legs["backend"]["path"]["chunks_retransmitted"], 0);
    EXPECT_LT(legs["backend"]["path"]["chunks_retransmitted"],
              legs["backend"]["path"]["chunks_sent"]);
    EXPECT_EQ(legs["accepted"]["path"]["chunks_retransmitted"], 0);
    EXPECT_EQ(world.a->host().counters().data_chunks_sent_again,
              legs["backend"]["path"]["chunks_retransmitted"]);
}

// The beginning of the line that tells of this figure of the statistics.
std::string metric_of(const std::string& section, const std::string& key) {
    static const std::map<std::string, std::string> other_names{
        {"workers.received", "worker_frames_received_total{"},
        {"workers.transmitted", "worker_frames_transmitted_total{"},
        {"workers.opened", "worker_records_opened_total{"},
        {"workers.sealed", "worker_records_sealed_total{"},
        {"workers.clear_received", "worker_clear_packets_received_total{"},
        {"workers.clear_sent", "worker_clear_packets_sent_total{"},
        {"workers.handed_over", "worker_packets_handed_over_total{"},
        {"workers.handled", "worker_packets_handled_total{"},
        {"bridge.received_known", "bridge_received_packets_total{association=\"known\"}"},
        {"bridge.received_unknown", "bridge_received_packets_total{association=\"unknown\"}"},
        {"bridge.sent", "bridge_sent_packets_total "},
        {"bridge.send_no_mbuf", "bridge_send_refused_total{reason=\"no_mbuf\"}"},
        {"bridge.send_ring_full", "bridge_send_refused_total{reason=\"ring_full\"}"},
        {"bridge.send_too_long", "bridge_send_refused_total{reason=\"too_long\"}"},
        {"relay.messages_to_backend", "relayed_messages_total{direction=\"to_backend\"}"},
        {"relay.messages_from_backend", "relayed_messages_total{direction=\"from_backend\"}"},
        {"relay.octets_to_backend", "relayed_bytes_total{direction=\"to_backend\"}"},
        {"relay.octets_from_backend", "relayed_bytes_total{direction=\"from_backend\"}"},
        {"relay.pairs", "associations "},
        {"relay.pairs_accepted", "associations_accepted_total "},
        {"relay.pairs_relaying", "associations_relaying_total "},
        {"relay.pairs_restarted", "associations_restarted_total "},
        {"relay.pairs_restored", "associations_restored_total "},
        {"relay.backend_failures", "backend_failures_total{"},
        {"relay.closed_gracefully", "associations_closed_total{how=\"graceful\"}"},
        {"relay.closed_by_abort", "associations_closed_total{how=\"abort\"}"},
        {"backends.state", "backend_up{"},
        {"backends.associations", "backend_associations{"},
        {"listeners.associations", "listener_associations{"},
        {"listeners.accepted", "listener_associations_accepted_total{"},
        {"certificates.not_after", "certificate_expiry_timestamp_seconds{"},
    };
    if (const auto found = other_names.find(section + "." + key); found != other_names.end()) {
        return found->second;
    }
    if (section == "drops") {
        return "dropped_packets_total{worker=\"0\",reason=\"" + key + "\"}";
    }
    if (section == "sctp") {
        return "sctp_" + key + "_total ";
    }
    if (section == "relay") {
        return key + "_total ";
    }
    return section.substr(0, section.size() - 1) + "_" + key + "_total{";  // of a list
}

// Whatever is added to the statistics is wanted by those who scrape.
TEST_F(Operator, every_gauge_and_counter_has_a_metric) {
    World world(with(Keys::tls13, 56));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 3, 500));
    const auto snapshot = gateway::figures(*world.a);
    const std::string text = "\n" + metrics::to_text(snapshot->families);
    const json statistics = world.a->statistics();
    size_t looked_at = 0;
    for (const std::string section :
         {"workers", "drops", "bridge", "sctp", "relay", "backends", "listeners", "certificates"}) {
        const json& part = statistics[section];
        const json& figures = part.is_array() ? part[0] : part;
        for (const auto& [key, value] : figures.items()) {
            if (key == "index" || key == "name" || key == "policy" || key == "subject") {
                continue;  // what the labels say
            }
            EXPECT_NE(text.find("\nsctp_gateway_" + metric_of(section, key)), std::string::npos)
                << section << "." << key;
            ++looked_at;
        }
    }
    EXPECT_GT(looked_at, 100U);
    EXPECT_EQ(text.find("10.1.0."), std::string::npos) << "no peer among the labels";
    EXPECT_EQ(statistics["backends"][0]["state"], "up");
    EXPECT_EQ(statistics["listeners"][0]["associations"], 1);
    EXPECT_EQ(statistics["certificates"].size(), 1U);
}

TEST_F(Operator, the_page_has_what_the_commands_answer) {
    World world(with(Keys::tls13, 57));
    Peer& client = world.connect();
    expect_relayed(world, client, make_messages(1, 3, 500));
    gateway::AdminOperations operations(*world.a);
    const json page = json::parse(gateway::page_figures(*world.a, operations));
    EXPECT_EQ(page["version"], 1);
    EXPECT_EQ(page["busiest"]["associations"][0]["backend_identity"], "dns:b.example");
    EXPECT_EQ(page["status"]["associations"], 1);
    for (const char* list : {"workers", "ports", "backends", "certificates"}) {
        EXPECT_FALSE(page[list].empty()) << list;
    }
}

}  // namespace
}  // namespace sdg::sim
