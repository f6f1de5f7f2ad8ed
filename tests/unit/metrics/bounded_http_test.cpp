// What one connection may cost the HTTP server: octets without end, octets that drip, answers that
// nobody takes, and headers that the library would spend much on; plain and over TLS.
#include "control/metrics/bounded_http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <poll.h>
#include <sys/stat.h>

#include <fstream>

#include "control/metrics/http_server.h"
#include "control/metrics/page_files.h"
#include "foundation/descriptor.h"
#include "tests/support/pki.h"

namespace sdg::metrics {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kServerThreads = 4;
// Less than the library's own patience for a single read or write, 5 s, and much more than the
// limits that are tried here.
constexpr auto kLong = 4500ms;

// A client's side of a connection that is not httplib's, so that it can behave badly.
class Rude {
 public:
    // small: of the kernel's buffer for what is received.
    explicit Rude(uint16_t port, bool small = false)
        : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        if (small) {
            const int size = 4096;
            ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
        EXPECT_EQ(
            ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
    }
    void start_tls() {
        context_.reset(SSL_CTX_new(TLS_client_method()));
        tls_.reset(SSL_new(context_.get()));
        SSL_set_fd(tls_.get(), socket_.get());
        ASSERT_EQ(SSL_connect(tls_.get()), 1);
    }
    // False: the server has closed.
    bool say(std::string_view octets) {
        return tls_ ? SSL_write(tls_.get(), octets.data(), static_cast<int>(octets.size())) > 0
                    : ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL) > 0;
    }
    // As much of the filling as the server takes, `most` octets at most; how much that was.
    size_t say_without_end(const std::string& filling, size_t most) {
        size_t said = 0;
        while (said < most && say(filling)) {
            said += filling.size();
        }
        return said;
    }
    // One octet of the text after another, again and again, until the server closes or `time` has
    // passed. Answers are left.
    std::chrono::nanoseconds drip(std::string_view text, std::chrono::milliseconds time) {
        const auto begun = std::chrono::steady_clock::now();
        const auto passed = [begun] { return std::chrono::steady_clock::now() - begun; };
        for (size_t i = 0; passed() < time; ++i) {
            pollfd wanted{.fd = socket_.get(), .events = POLLIN, .revents = 0};
            if (!say(text.substr(i % text.size(), 1)) || ::poll(&wanted, 1, 20) > 0) {
                break;
            }
        }
        return passed();
    }
    // All that comes until the server closes.
    std::string hear() {
        std::string out;
        std::array<char, 65536> buffer;
        while (true) {
            const ssize_t length = tls_ ? SSL_read(tls_.get(), buffer.data(), buffer.size())
                                        : ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (length <= 0) {
                return out;
            }
            out.append(buffer.data(), static_cast<size_t>(length));
        }
    }

 private:
    struct Free {
        void operator()(SSL* tls) const noexcept { SSL_free(tls); }
    };
    Descriptor socket_;
    TlsContextPtr context_;
    std::unique_ptr<SSL, Free> tls_;
};

class BoundedHttp : public testing::Test {
 protected:
    BoundedHttp() {
        ::signal(SIGPIPE, SIG_IGN);
        settings.address = *IpAddress::parse("127.0.0.1");
    }
    void use_tls() {
        pki.emplace();
        pki->issue("m", "metrics.example");
        settings.certificate = pki->folder() / "m.pem";
        settings.private_key = pki->folder() / "m.key";
    }
    void start(const std::string& help = "h") {
        auto made = HttpServer::start(settings, clock);
        ASSERT_TRUE(made) << made.error().message;
        server = std::move(*made);
        auto snapshot = std::make_shared<Snapshot>();
        snapshot->ready = true;
        snapshot->families = {{"x", Type::gauge, help, {{{}, 1}}}};
        server->publish(std::move(snapshot));
    }
    template <typename Client>
    int status(const char* path, const httplib::Headers& headers = {}) {
        Client client("127.0.0.1", server->port());
        if constexpr (std::is_same_v<Client, httplib::SSLClient>) {
            client.enable_server_certificate_verification(false);
        }
        const auto response = client.Get(path, headers);
        return response ? response->status : -1;
    }

    std::optional<test::Pki> pki;
    std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
    HttpServer::Settings settings;
    std::unique_ptr<HttpServer> server;
};

TEST_F(BoundedHttp, a_head_is_reduced_to_what_handlers_look_at) {
    EXPECT_EQ(reduced_head("GET / HTTP/1.1\r\nRange: bytes=0-\r\nhost: a\r\nX-Host: b\r\n"
                           "Content-Length: 7\r\nAUTHORIZATION: Bearer t\r\n\r\n"),
              "GET / HTTP/1.1\r\nhost: a\r\nAUTHORIZATION: Bearer t\r\n\r\n");
    EXPECT_EQ(reduced_head("GET / HTTP/1.1\r\nHost: a\nRange: bytes=0-\r\n\r\n"),
              "GET / HTTP/1.1\r\n\r\n")
        << "a line feed alone hides no header";
    EXPECT_EQ(reduced_head("GET /%41 HTTP/1.1\r\nHost: a%41\r\n\r\n"),
              "GET /%41 HTTP/1.1\r\nHost: a%2541\r\n\r\n");
    EXPECT_EQ(reduced_head("\r\n\r\n"), "\r\n\r\n");
    EXPECT_EQ(reduced_head("GET / HTTP/1.1\r\nHost\r\n : b\r\n\r\n"), "GET / HTTP/1.1\r\n\r\n");
}

TEST_F(BoundedHttp, what_does_not_end_is_cut_off_at_the_budget) {
    constexpr size_t much = size_t{64} << 20;
    for (const bool tls : {false, true}) {
        if (tls) {
            use_tls();
        }
        start();
        for (const auto& [begin, filling] : std::vector<std::pair<std::string, std::string>>{
                 {"GET /", std::string(4096, 'a')},
                 {"GET / HTTP/1.1\r\nAuthorization: Bearer ", std::string(4096, 'a')},
                 {"GET / HTTP/1.1\r\n", "a: b\r\nHost: c\r\n"}}) {
            Rude client(server->port());
            if (tls) {
                client.start_tls();
            }
            ASSERT_TRUE(client.say(begin));
            // What the kernel buffers of it is not the server's.
            EXPECT_LT(client.say_without_end(filling, much), much) << begin;
        }
        Rude client(server->port());
        if (tls) {
            client.start_tls();
        }
        client.say("GET /" + std::string(settings.limits.head, '1'));
        EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 431 ")) << "TLS " << tls;
    }
}

TEST_F(BoundedHttp, a_body_is_not_read) {
    start();
    Rude client(server->port());
    client.say("POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.say(std::string(4096, '0'));
    EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 404 "));
    Rude announces(server->port());
    announces.say("GET /healthz HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    EXPECT_TRUE(announces.hear().starts_with("HTTP/1.1 200 "));
}

// As many as there are threads, so that one that is not ended would keep all others waiting.
TEST_F(BoundedHttp, requests_that_drip_are_ended_by_the_deadline) {
    settings.limits.request = 500ms;
    settings.limits.threads_of_a_source = kServerThreads;
    start();
    std::vector<std::unique_ptr<Rude>> others;
    for (unsigned i = 1; i < kServerThreads; ++i) {
        others.push_back(std::make_unique<Rude>(server->port()));
        others.back()->say("GET /metrics HTTP/1.1\r\n");
    }
    Rude client(server->port());
    const auto held = client.drip("GET /metrics HTTP/1.1\r\nX: abcdefghijklmnopqrstuvwxyz", kLong);
    EXPECT_GE(held, 500ms);
    EXPECT_LT(held, kLong);
    EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 408 "));
    EXPECT_EQ(status<httplib::Client>("/healthz"), 200);
}

TEST_F(BoundedHttp, who_connects_and_says_nothing_is_closed) {
    settings.limits.first_octet = 300ms;
    for (const bool tls : {false, true}) {
        if (tls) {
            use_tls();
        }
        start();
        Rude client(server->port());
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_EQ(client.hear(), "");
        EXPECT_LT(std::chrono::steady_clock::now() - begun, 1900ms) << "TLS " << tls;
    }
}

TEST_F(BoundedHttp, a_tls_handshake_that_drips_is_ended_by_the_deadline) {
    settings.limits.request = 1s;
    settings.limits.threads_of_a_source = kServerThreads;
    use_tls();
    start();
    std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    hello.append(500, '\x11');
    std::vector<std::unique_ptr<Rude>> others;
    for (unsigned i = 1; i < kServerThreads; ++i) {
        others.push_back(std::make_unique<Rude>(server->port()));
        others.back()->say(hello.substr(0, 20));
    }
    Rude client(server->port());
    EXPECT_LT(client.drip(hello, kLong), kLong);
    EXPECT_EQ(status<httplib::SSLClient>("/healthz"), 200);
}

TEST_F(BoundedHttp, requests_that_drip_inside_tls_are_ended_by_the_deadline) {
    settings.limits.request = 1s;
    use_tls();
    start();
    Rude client(server->port());
    client.start_tls();
    EXPECT_LT(client.drip("GET /metrics HTTP/1.1\r\nX: abcdefghijklmnopqrstuvwxyz", kLong), kLong);
    EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 408 "));
}

TEST_F(BoundedHttp, an_answer_that_is_not_taken_holds_no_thread_for_long) {
    settings.limits.answer = 300ms;
    settings.limits.threads_of_a_source = kServerThreads;
    for (const bool tls : {false, true}) {
        if (tls) {
            use_tls();
        }
        start(std::string(size_t{8} << 20, 'h'));  // more than the kernel takes
        std::vector<std::unique_ptr<Rude>> clients;
        for (unsigned i = 0; i < kServerThreads; ++i) {
            clients.push_back(std::make_unique<Rude>(server->port(), true));
            if (tls) {
                clients.back()->start_tls();
            }
            clients.back()->say("GET /metrics HTTP/1.1\r\n\r\n");
        }
        const auto begun = std::chrono::steady_clock::now();
        EXPECT_EQ(
            tls ? status<httplib::SSLClient>("/healthz") : status<httplib::Client>("/healthz"),
            200);
        EXPECT_LT(std::chrono::steady_clock::now() - begun, kLong) << "TLS " << tls;
    }
}

TEST_F(BoundedHttp, one_client_never_holds_all_threads) {
    settings.limits.first_octet = 5s;
    start();
    const auto health_of = [this](const char* from) {
        httplib::Client client("127.0.0.1", server->port());
        client.set_interface(from);
        const auto response = client.Get("/healthz");
        return response ? response->status : -1;
    };
    const unsigned held = settings.limits.threads_of_a_source;
    constexpr unsigned waiting = 16;
    std::vector<std::unique_ptr<Rude>> silent;
    for (unsigned i = 0; i < held + waiting; ++i) {
        silent.push_back(std::make_unique<Rude>(server->port()));
    }
    EXPECT_EQ(Rude(server->port()).hear(), "") << "not even a place to wait";
    const auto begun = std::chrono::steady_clock::now();
    EXPECT_EQ(health_of("127.0.0.2"), 200);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, settings.limits.first_octet / 2);
    silent.pop_back();  // the last one that waits
    silent.erase(silent.begin());
    silent.back()->say("GET /healthz HTTP/1.1\r\n\r\n");
    for (auto& one : silent) {
        if (one != silent.back()) {
            one.reset();
        }
    }
    EXPECT_TRUE(silent.back()->hear().starts_with("HTTP/1.1 200 ")) << "who waited is served";
    EXPECT_EQ(health_of("127.0.0.1"), 200);
}

TEST_F(BoundedHttp, ranges_are_not_for_us) {
    start();
    httplib::Client client("127.0.0.1", server->port());
    const auto whole = client.Get("/page.js");
    std::string many = "bytes=0-";
    while (many.size() < 8000) {
        many += ",0-";
    }
    for (const std::string& range :
         {std::string("bytes=0-9"), many, "bytes=" + std::string(8000, '1') + "-",
          std::string(8000, '1')}) {
        const auto response = client.Get("/page.js", {{"Range", range}});
        ASSERT_TRUE(response) << range.substr(0, 20);
        EXPECT_EQ(response->status, 200);
        EXPECT_EQ(response->body.size(), whole->body.size());
    }
}

// The library's regular expressions recurse for each octet: not in any place of a head that reaches
// them.
TEST_F(BoundedHttp, heads_of_the_whole_budget_are_answered) {
    start();
    for (const char octet : {'1', '%', '&', '/', '-', ','}) {
        const std::string all(8000, octet);
        for (const std::string& head :
             {"GET /" + all + " HTTP/1.1\r\n", "GET /page.js" + all + " HTTP/1.1\r\n",
              "GET /?" + all + " HTTP/1.1\r\n", all + " / HTTP/1.1\r\n", all + "\r\n",
              "GET / HTTP/1.1\r\nHost: " + all + "\r\n",
              "GET /figures HTTP/1.1\r\nHost: " + all + "\r\n",
              "GET / HTTP/1.1\r\nAccept-Encoding: " + all + "\r\n",
              "GET /metrics HTTP/1.1\r\nAuthorization: " + all + "\r\n"}) {
            Rude client(server->port());
            client.say(head + "\r\n");
            EXPECT_TRUE(client.hear().starts_with("HTTP/1.1 ")) << head.substr(0, 40);
        }
    }
}

TEST_F(BoundedHttp, any_token_and_the_longest_one_is_compared_as_it_is) {
    const test::Pki files;
    settings.token_file = files.folder() / "token";
    const auto with = [](const std::string& token) {
        return httplib::Headers{{"Authorization", "Bearer " + token}};
    };
    for (const std::string& token :
         {std::string(4096, 't'), std::string("100%41+%u0041%"), std::string(1000, '%')}) {
        std::ofstream(*settings.token_file) << token;
        ::chmod(settings.token_file->c_str(), 0600);
        start();
        EXPECT_EQ(status<httplib::Client>("/metrics", with(token)), 200) << token;
        EXPECT_EQ(status<httplib::Client>("/metrics", with(token + "x")), 401);
        EXPECT_EQ(status<httplib::Client>("/metrics", with("100A+A%")), 401);
        EXPECT_EQ(status<httplib::Client>("/metrics"), 401);
    }
}

}  // namespace
}  // namespace sdg::metrics
