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

json sample() {
    return {{"version", 1},
            {"uptime_s", 7},
            {"records", {{"sealed", UINT64_MAX}, {"opened", 3}}},
            {"drops", {{"no_route", 0}, {"record_forged", 5}}},
            {"relay", {{"pairs", 2}}},
            {"sctp", {{"init_received", 4}}},
            {"bridge", {{"sent", 6}}},
            {"associations", {{"now", 4}}},
            {"ports", json::array()},
            {"workers", {{{"index", 0}, {"received", 10}}, {{"index", 1}, {"received", 11}}}}};
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
    for (const char* command : {"/gateway/info", "/gateway/relay", "/gateway/worker_list",
                                "/gateway/worker,0", "/gateway/drops"}) {
        EXPECT_TRUE(client.ask(command).is_null()) << command;
    }
}

TEST_F(TelemetryTest, sections_are_those_that_were_published) {
    telemetry_->publish(sample(), TimePoint{});
    Client client;
    EXPECT_EQ(client.ask("/gateway/info"), json({{"version", 1}, {"uptime_s", 7}}));
    for (const char* section : {"associations", "records", "drops", "relay", "sctp", "bridge"}) {
        EXPECT_EQ(client.ask(std::string("/gateway/") + section), sample()[section]) << section;
    }
    telemetry_->publish({{"relay", {{"pairs", 3}}}}, TimePoint{});
    EXPECT_EQ(client.ask("/gateway/relay"), json({{"pairs", 3}}));
    EXPECT_TRUE(client.ask("/gateway/drops").is_null()) << "a section that was not published";
}

TEST_F(TelemetryTest, worker_is_named_by_its_index) {
    telemetry_->publish(sample(), TimePoint{});
    Client client;
    EXPECT_EQ(client.ask("/gateway/worker_list"), json({0, 1}));
    EXPECT_EQ(client.ask("/gateway/worker,1"), json({{"index", 1}, {"received", 11}}));
    for (const char* wrong : {"", ",", ",2", ",-1", ",1x", ",x", ",99999999999999999999", ", 1"}) {
        EXPECT_TRUE(client.ask(std::string("/gateway/worker") + wrong).is_null()) << wrong;
    }
}

TEST_F(TelemetryTest, ports_backends_listeners_and_certificates_are_named_likewise) {
    json figures = sample();
    figures["ports"] = {{{"name", "n2"}, {"link_up", true}, {"counters", {{"rx_packets", 5}}}}};
    figures["backends"] = {{{"name", "amf"}, {"state", "down"}, {"failures", 3}}};
    figures["listeners"] = {{{"name", "nodes"}, {"associations", 2}}};
    telemetry_->publish(figures, TimePoint{});
    Client client;
    EXPECT_EQ(client.ask("/gateway/port_list"), json({0}));
    EXPECT_EQ(client.ask("/gateway/port,0"),
              json({{"name", "n2"}, {"link_up", 1}, {"rx_packets", 5}}));
    EXPECT_TRUE(client.ask("/gateway/port,1").is_null());
    EXPECT_EQ(client.ask("/gateway/backend,0"),
              json({{"name", "amf"}, {"state", "down"}, {"failures", 3}}));
    EXPECT_EQ(client.ask("/gateway/listener,0"), json({{"name", "nodes"}, {"associations", 2}}));
    EXPECT_EQ(client.ask("/gateway/certificate_list"), json::array()) << "none is configured";
    EXPECT_TRUE(client.ask("/gateway/certificate,0").is_null());
}

TEST_F(TelemetryTest, every_endpoint_is_listed_with_help) {
    Client client;
    std::vector<std::string> ours;
    for (const json& command : client.ask("/")) {
        if (command.get<std::string>().starts_with("/gateway/")) {
            ours.push_back(command);
        }
    }
    EXPECT_EQ(ours.size(), 18U);
    for (const std::string& command : ours) {
        EXPECT_FALSE(client.ask("/help," + command).empty()) << command;
    }
    EXPECT_EQ(client.greeting()["pid"], ::getpid());
}

TEST_F(TelemetryTest, nothing_is_answered_after_the_end) {
    telemetry_->publish(sample(), TimePoint{});
    Client client;
    EXPECT_FALSE(client.ask("/gateway/info").is_null());
    telemetry_.reset();
    EXPECT_TRUE(client.ask("/gateway/info").is_null());
    // And a second gateway of the process, as tests have it, may come.
    EXPECT_TRUE(Telemetry::open());
}

TEST_F(TelemetryTest, publishing_is_due_once_a_second) {
    constexpr TimePoint start = std::chrono::hours(1);
    EXPECT_TRUE(telemetry_->is_due(start));
    telemetry_->publish(sample(), start);
    EXPECT_FALSE(telemetry_->is_due(start));
    EXPECT_FALSE(telemetry_->is_due(start + std::chrono::milliseconds(999)));
    EXPECT_TRUE(telemetry_->is_due(start + std::chrono::seconds(1)));
}

TEST_F(TelemetryTest, answer_is_never_a_mixture_of_two_publications) {
    Client client;
    std::atomic<bool> stop{false};
    telemetry_->publish({{"relay", {{"a", 0}, {"b", 0}}}}, TimePoint{});
    std::thread publisher([&] {
        for (uint64_t n = 1; !stop.load(); ++n) {
            telemetry_->publish({{"relay", {{"a", n}, {"b", n}}}}, TimePoint{});
        }
    });
    for (int i = 0; i < 200; ++i) {
        const json relay = client.ask("/gateway/relay");
        EXPECT_EQ(relay["a"], relay["b"]);
    }
    stop.store(true);
    publisher.join();
}

}  // namespace
}  // namespace sdg::gateway
