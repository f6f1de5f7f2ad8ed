// The HTTP server on the loopback address: what is answered to whom, and that a slow client holds
// nobody up for long.
#include "control/metrics/http_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/pki.h"
#include "tests/support/shared_clock.h"

namespace sdg::metrics {
namespace {

;

class MetricsServer : public testing::Test {
 protected:
    MetricsServer() {
        std::string name = (std::filesystem::temp_directory_path() / "sdg-http-XXXXXX").string();
        folder_ = ::mkdtemp(name.data());
        settings.address = *IpAddress::parse("127.0.0.1");
    }
    ~MetricsServer() override {
        server.reset();
        std::filesystem::remove_all(folder_);
    }
    void start() {
        auto made = HttpServer::start(settings, clock);
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
    }
    void publish(bool ready = true, const std::string& page_figures = {}) {
        auto snapshot = std::make_shared<Snapshot>();
        snapshot->made_at = clock->now();
        snapshot->ready = ready;
        snapshot->state = ready ? "ready" : "draining";
        snapshot->families = {{"x", Type::gauge, "h", {{{}, 1}}}};
        snapshot->page_figures = page_figures;
        server->publish(std::move(snapshot));
    }
    [[nodiscard]] int status(const char* path, const httplib::Headers& headers = {}) const {
        httplib::Client client("127.0.0.1", server->port());
        const auto response = client.Get(path, headers);
        return response ? response->status : -1;
    }
    std::filesystem::path write(const char* name, const std::string& text) const {
        std::ofstream(folder_ / name) << text;
        ::chmod((folder_ / name).c_str(), 0600);
        return folder_ / name;
    }

    std::filesystem::path folder_;
    std::shared_ptr<test::SharedClock> clock = std::make_shared<test::SharedClock>();
    HttpServer::Settings settings;
    std::unique_ptr<HttpServer> server;
};

TEST_F(MetricsServer, metrics_are_the_last_snapshot) {
    start();
    publish();
    httplib::Client client("127.0.0.1", server->port());
    const auto response = client.Get("/metrics");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "# HELP x h\n# TYPE x gauge\nx 1\n");
    EXPECT_EQ(response->get_header_value("Content-Type"),
              "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(status("/else"), 404);
}

TEST_F(MetricsServer, the_page_comes_with_a_policy_that_lets_nothing_foreign_in) {
    start();
    httplib::Client client("127.0.0.1", server->port());
    for (const char* path : {"/", "/page.css", "/page.js", "/charts.js", "/tables.js", "/text.js",
                             "/icon.svg", "/figures", "/metrics", "/nothing"}) {
        const auto response = client.Get(path);
        ASSERT_TRUE(response) << path;
        const std::string policy = response->get_header_value("Content-Security-Policy");
        for (const char* rule : {"default-src 'none'", "script-src 'self';", "style-src 'self';",
                                 "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
                                 "require-trusted-types-for 'script'"}) {
            EXPECT_NE(policy.find(rule), std::string::npos) << path << ": " << rule;
        }
        EXPECT_EQ(response->get_header_value("X-Content-Type-Options"), "nosniff") << path;
        EXPECT_EQ(response->get_header_value("Cache-Control"), "no-store") << path;
        EXPECT_EQ(response->get_header_value("Connection"), "close") << path;
    }
    const auto page = client.Get("/");
    EXPECT_EQ(page->get_header_value("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page->body.find("style="), std::string::npos);
    EXPECT_EQ(client.Get("/page.js")->get_header_value("Content-Type"),
              "text/javascript; charset=utf-8");
    EXPECT_EQ(status("/pageXjs"), 404);
    EXPECT_EQ(status("/../page.js"), 404);
}

TEST_F(MetricsServer, figures_of_the_page_are_collected_while_somebody_asks) {
    start();
    publish();
    EXPECT_FALSE(server->wants_page_figures());
    EXPECT_EQ(status("/figures"), 202) << "nobody had asked";
    EXPECT_TRUE(server->wants_page_figures());
    publish(true, "{\"version\":1}");
    httplib::Client client("127.0.0.1", server->port());
    const auto response = client.Get("/figures");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "{\"version\":1}");
    EXPECT_EQ(response->get_header_value("Content-Type"), "application/json");
    clock->advance(HttpServer::kWanted);
    EXPECT_FALSE(server->wants_page_figures());
    EXPECT_EQ(status("/figures"), 503) << "the control loop hangs";
}

TEST_F(MetricsServer, a_name_pointed_here_by_somebody_else_gets_no_figures) {
    start();
    publish(true, "{}");
    for (const char* host : {"127.0.0.1:9641", "127.0.0.1", "localhost:9641", "[::1]:9641"}) {
        EXPECT_EQ(status("/figures", {{"Host", host}}), 200) << host;
    }
    for (const char* host : {"evil.example", "evil.example:9641", "127.0.0.1.evil.example:1"}) {
        EXPECT_EQ(status("/figures", {{"Host", host}}), 403) << host;
    }
    settings.token_file = write("token", "s3cret\n");
    start();
    publish(true, "{}");
    EXPECT_EQ(status("/figures"), 401);
    EXPECT_EQ(status("/figures", {{"Authorization", "Bearer wrong!"}}), 401);
    EXPECT_FALSE(server->wants_page_figures()) << "asked by somebody who may not";
    EXPECT_EQ(status("/figures", {{"Host", "gw.example"}, {"Authorization", "Bearer s3cret"}}), 200)
        << "who has the token may come by any name";
    EXPECT_EQ(status("/"), 200) << "the page asks for it";
}

TEST_F(MetricsServer, without_the_page_there_is_nothing_of_it) {
    settings.page = false;
    start();
    publish();
    EXPECT_EQ(status("/"), 404);
    EXPECT_EQ(status("/page.js"), 404);
    EXPECT_EQ(status("/figures"), 404);
    EXPECT_EQ(status("/metrics"), 200);
}

TEST_F(MetricsServer, browsers_that_connect_in_advance_hold_nobody_up) {
    start();
    publish();
    std::vector<int> silent;
    for (int i = 0; i < 3; ++i) {
        const int one = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(server->port());
        ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
        ASSERT_EQ(::connect(one, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        silent.push_back(one);
    }
    EXPECT_EQ(status("/metrics"), 200);
    for (const int one : silent) {
        ::close(one);
    }
}

TEST_F(MetricsServer, health_follows_the_control_loop_and_readiness_its_state) {
    start();
    EXPECT_EQ(status("/healthz"), 503) << "nothing published yet";
    publish();
    EXPECT_EQ(status("/healthz"), 200);
    EXPECT_EQ(status("/readyz"), 200);
    publish(false);
    EXPECT_EQ(status("/healthz"), 200);
    EXPECT_EQ(status("/readyz"), 503);
    publish();
    clock->advance(HttpServer::kStale);
    EXPECT_EQ(status("/healthz"), 503);
    EXPECT_EQ(status("/readyz"), 503);
    EXPECT_EQ(status("/metrics"), 503) << "old figures look like a gateway at rest";
}

TEST_F(MetricsServer, with_a_token_only_its_holder_gets_metrics) {
    settings.token_file = write("token", "s3cret\n");
    start();
    publish();
    EXPECT_EQ(status("/metrics"), 401);
    EXPECT_EQ(status("/metrics", {{"Authorization", "Bearer s3crex"}}), 401);
    EXPECT_EQ(status("/metrics", {{"Authorization", "Bearer s3cret2"}}), 401);
    EXPECT_EQ(status("/metrics", {{"Authorization", "s3cret"}}), 401);
    EXPECT_EQ(status("/metrics", {{"Authorization", "Bearer s3cret"}}), 200);
    EXPECT_EQ(status("/healthz"), 200) << "health is for every supervisor";
}

TEST_F(MetricsServer, a_token_that_others_can_read_or_an_empty_one_is_refused) {
    settings.token_file = write("token", "s3cret");
    ::chmod(settings.token_file->c_str(), 0644);
    const auto open_to_all = HttpServer::start(settings, clock);
    ASSERT_FALSE(open_to_all);
    EXPECT_EQ(open_to_all.error().code, ErrorCode::permission_denied);
    settings.token_file = write("token", "\n");
    ::chmod(settings.token_file->c_str(), 0600);
    EXPECT_FALSE(HttpServer::start(settings, clock));
}

TEST_F(MetricsServer, tls_is_spoken_with_the_certificate_that_is_configured) {
    test::Pki pki;
    pki.issue("m", "metrics.example");
    settings.certificate = pki.folder() / "m.pem";
    settings.private_key = pki.folder() / "m.key";
    start();
    publish();
    httplib::SSLClient client("127.0.0.1", server->port());
    client.enable_server_certificate_verification(false);
    const auto response = client.Get("/metrics");
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_NE(status("/metrics"), 200) << "no plain HTTP at the TLS port";
}

TEST_F(MetricsServer, a_key_that_is_not_the_certificates_is_refused) {
    test::Pki pki;
    pki.issue("m", "metrics.example");
    pki.issue("o", "other.example");
    settings.certificate = pki.folder() / "m.pem";
    settings.private_key = pki.folder() / "o.key";
    EXPECT_FALSE(HttpServer::start(settings, clock));
}

TEST_F(MetricsServer, a_port_in_use_is_an_error) {
    start();
    settings.port = server->port();
    // Only a listening socket counts: SO_REUSEADDR is for what is left in TIME_WAIT.
    const auto second = HttpServer::start(settings, clock);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("127.0.0.1"), std::string::npos);
}

TEST_F(MetricsServer, a_client_that_says_nothing_does_not_hold_up_the_end) {
    start();
    const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server->port());
    ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    ASSERT_EQ(::connect(silent, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(status("/healthz"), 503);  // accepted after the silent one, which now has a thread
    const auto begun = std::chrono::steady_clock::now();
    server.reset();
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(3));
    ::close(silent);
}

}  // namespace
}  // namespace sdg::metrics
