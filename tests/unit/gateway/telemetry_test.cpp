// The gateway's endpoints on a real telemetry socket. Its own program: EAL starts once in a
// process.
#include "gateway/telemetry.h"

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_telemetry.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <atomic>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "dataplane/port/eal.h"
#include "foundation/descriptor.h"

namespace sdg::gateway {
namespace {

using nlohmann::json;

class EalWithTelemetry : public testing::Environment {
 public:
    void SetUp() override {
        port::EalSettings settings;
        settings.memory_mib = 64;
        settings.hugepages = port::HugepageUse::never;
        settings.telemetry = true;
        auto started = port::Eal::start(settings);
        ASSERT_TRUE(started) << started.error().message;
        eal_ = std::move(*started);
    }
    void TearDown() override { eal_.reset(); }

 private:
    std::unique_ptr<port::Eal> eal_;
};
const auto* const kEnvironment = testing::AddGlobalTestEnvironment(new EalWithTelemetry);

// What dpdk-telemetry.py does.
class Client {
 public:
    Client() : socket_(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
        const std::string path = std::string(rte_eal_get_runtime_dir()) + "/dpdk_telemetry.v2";
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        const timeval patience{10, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        EXPECT_EQ(
            ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0)
            << path << ": " << std::strerror(errno);
        greeting_ = receive();
    }

    // The value of the answer's only member.
    [[nodiscard]] json ask(const std::string& command) {
        EXPECT_EQ(::send(socket_.get(), command.data(), command.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(command.size()));
        const json answer = receive();
        return answer.is_object() && answer.size() == 1 ? answer.begin().value() : answer;
    }
    [[nodiscard]] const json& greeting() const { return greeting_; }

 private:
    [[nodiscard]] json receive() {
        std::array<char, 16384> buffer;
        const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        EXPECT_GT(length, 0);
        return json::parse(buffer.data(), buffer.data() + std::max<ssize_t>(length, 0), nullptr,
                           false);
    }

    Descriptor socket_;
    json greeting_;
};

using metrics::Family;
using metrics::Type;

std::shared_ptr<metrics::Snapshot> snapshot_of(std::vector<Family> families) {
    auto out = std::make_shared<metrics::Snapshot>();
    out->families = std::move(families);
    return out;
}

std::shared_ptr<metrics::Snapshot> sample() {
    const auto of = [](const char* worker, const char* reason, double value) {
        return metrics::Sample{{{"worker", worker}, {"reason", reason}}, value};
    };
    return snapshot_of({
        {"sctp_gateway_info", Type::gauge, "", {{{{"version", "0.9"}}, 1}}},
        {"sctp_gateway_uptime_seconds", Type::gauge, "", {{{}, 7.9}}},
        {"sctp_gateway_relayed_messages_total",
         Type::counter,
         "",
         {{{{"direction", "to_backend"}}, 5}, {{{"direction", "from_backend"}}, 1e15}}},
        {"sctp_gateway_worker_frames_received_total",
         Type::counter,
         "",
         {{{{"worker", "0"}}, 10}, {{{"worker", "1"}}, 11}}},
        {"sctp_gateway_dropped_packets_total",
         Type::counter,
         "",
         {of("0", "no_route", 1), of("0", "record_forged", 2), of("1", "no_route", 3),
          of("1", "record_forged", 4)}},
    });
}

class TelemetryTest : public testing::Test {
 protected:
    void SetUp() override {
        auto opened = Telemetry::open();
        ASSERT_TRUE(opened) << opened.error().message;
        telemetry_ = std::move(*opened);
    }
    std::unique_ptr<Telemetry> telemetry_;
};

TEST_F(TelemetryTest, nothing_is_answered_before_figures_are_published) {
    Client client;
    for (const char* command :
         {"/gateway/metrics", "/gateway/workers", "/gateway/worker_list", "/gateway/worker,0"}) {
        EXPECT_TRUE(client.ask(command).is_null()) << command;
    }
}

TEST_F(TelemetryTest, figures_are_called_as_their_metrics) {
    telemetry_->publish(sample());
    Client client;
    EXPECT_EQ(client.ask("/gateway/metrics"),
              json({{"version", "0.9"},
                    {"uptime_seconds", 7},
                    {"relayed_messages_to_backend", 5},
                    {"relayed_messages_from_backend", 1'000'000'000'000'000}}));
    telemetry_->publish(snapshot_of({}));
    EXPECT_EQ(client.ask("/gateway/metrics"), json::object());
}

TEST_F(TelemetryTest, worker_is_named_by_its_index) {
    telemetry_->publish(sample());
    Client client;
    EXPECT_EQ(client.ask("/gateway/worker_list"), json({0, 1}));
    EXPECT_EQ(client.ask("/gateway/worker,1"), json({{"worker", "1"},
                                                     {"worker_frames_received", 11},
                                                     {"dropped_packets_no_route", 3},
                                                     {"dropped_packets_record_forged", 4}}));
    for (const char* wrong : {"", ",", ",2", ",-1", ",1x", ",x", ",99999999999999999999", ", 1"}) {
        EXPECT_TRUE(client.ask(std::string("/gateway/worker") + wrong).is_null()) << wrong;
    }
}

TEST_F(TelemetryTest, workers_are_added_up) {
    telemetry_->publish(sample());
    Client client;
    EXPECT_EQ(client.ask("/gateway/workers"), json({{"worker_frames_received", 21},
                                                    {"dropped_packets_no_route", 4},
                                                    {"dropped_packets_record_forged", 6}}));
}

TEST_F(TelemetryTest, ports_backends_listeners_and_policies_are_named_likewise) {
    telemetry_->publish(snapshot_of({
        {"sctp_gateway_port_link_up",
         Type::gauge,
         "",
         {{{{"port", "n2"}}, 1}, {{{"port", "untrusted"}}, 0}}},
        {"sctp_gateway_backend_failures_total", Type::counter, "", {{{{"backend", "amf"}}, 3}}},
        {"sctp_gateway_listener_associations", Type::gauge, "", {{{{"listener", "nodes"}}, 2}}},
    }));
    Client client;
    EXPECT_EQ(client.ask("/gateway/port_list"), json({0, 1}));
    EXPECT_EQ(client.ask("/gateway/port,1"), json({{"port", "untrusted"}, {"port_link_up", 0}}));
    EXPECT_TRUE(client.ask("/gateway/port,2").is_null());
    EXPECT_EQ(client.ask("/gateway/backend,0"),
              json({{"backend", "amf"}, {"backend_failures", 3}}));
    EXPECT_EQ(client.ask("/gateway/listener,0"),
              json({{"listener", "nodes"}, {"listener_associations", 2}}));
    EXPECT_EQ(client.ask("/gateway/policy_list"), json::array()) << "none has certificates";
    EXPECT_TRUE(client.ask("/gateway/policy,0").is_null());
    EXPECT_EQ(client.ask("/gateway/metrics"), json::object()) << "nothing is told twice";
}

TEST_F(TelemetryTest, an_answer_that_dpdk_cannot_hold_is_null_and_not_cut) {
    std::vector<Family> families;
    for (int i = 0; i < 300; ++i) {
        families.push_back({"sctp_gateway_f" + std::to_string(i), Type::gauge, "", {{{}, 1}}});
    }
    telemetry_->publish(snapshot_of(std::move(families)));
    EXPECT_TRUE(Client().ask("/gateway/metrics").is_null());
}

TEST_F(TelemetryTest, every_endpoint_is_listed_with_help) {
    Client client;
    std::vector<std::string> ours;
    for (const json& command : client.ask("/")) {
        if (command.get<std::string>().starts_with("/gateway/")) {
            ours.push_back(command);
        }
    }
    EXPECT_EQ(ours.size(), 12U);
    for (const std::string& command : ours) {
        EXPECT_FALSE(client.ask("/help," + command).empty()) << command;
    }
    EXPECT_EQ(client.greeting()["pid"], ::getpid());
}

TEST_F(TelemetryTest, nothing_is_answered_after_the_end) {
    telemetry_->publish(sample());
    Client client;
    EXPECT_FALSE(client.ask("/gateway/metrics").is_null());
    telemetry_.reset();
    EXPECT_TRUE(client.ask("/gateway/metrics").is_null());
    // And a second gateway of the process, as tests have it, may come.
    EXPECT_TRUE(Telemetry::open());
}

TEST_F(TelemetryTest, answer_is_never_a_mixture_of_two_publications) {
    Client client;
    std::atomic<bool> stop{false};
    const auto both = [](double n) {
        return snapshot_of(
            {{"a", Type::counter, "", {{{}, n}}}, {"b", Type::counter, "", {{{}, n}}}});
    };
    telemetry_->publish(both(0));
    std::thread publisher([&] {
        for (double n = 1; !stop.load(); ++n) {
            telemetry_->publish(both(n));
        }
    });
    for (int i = 0; i < 200; ++i) {
        const json answer = client.ask("/gateway/metrics");
        EXPECT_EQ(answer["a"], answer["b"]);
    }
    stop.store(true);
    publisher.join();
}

}  // namespace
}  // namespace sdg::gateway
