// The metrics port, plain with a token and with TLS without one: a client that says anything, in
// two pieces, ends or waits, beside others that say nothing. Whatever it is: an answer is one of
// HTTP or none, of bounded length, comes in bounded time, and has no figures for who does not have
// the token. What the library is given of a head has no header but those that it is meant to see.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/metrics/bounded_http.h"
#include "control/metrics/http_server.h"
#include "foundation/descriptor.h"
#include "tests/fuzz/packet/require.h"
#include "tests/support/pki.h"
#include "tests/support/shared_clock.h"

namespace {

using namespace sdg;
using fuzz::require;
using std::chrono::milliseconds;

enum Option : uint8_t {
    kTls = 1,
    kPieces = 2,  // in two, at half of it
    kWaits = 4,   // does not say that it has ended
    kHangs = 8,   // the control loop has told nothing for long
    kOthersShift = 4,
    kNoPage = 64,  // nobody has asked for the page's figures
};

constexpr std::string_view kToken = "s3cret";
constexpr std::string_view kFigure = "of_nobody_else 1";

;

struct Servers {
    test::Pki pki;
    std::shared_ptr<test::SharedClock> clock = std::make_shared<test::SharedClock>();
    std::unique_ptr<metrics::HttpServer> plain;
    std::unique_ptr<metrics::HttpServer> tls;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> client{SSL_CTX_new(TLS_client_method()),
                                                             &SSL_CTX_free};

    Servers() {
        pki.issue("server", "localhost");
        metrics::HttpServer::Settings settings;
        settings.address = *IpAddress::parse("127.0.0.1");
        // A client that waits is told so soon.
        settings.limits.first_octet = settings.limits.request = milliseconds(20);
        metrics::HttpServer::Settings with_tls = settings;
        with_tls.certificate = pki.folder() / "server.pem";
        with_tls.private_key = pki.folder() / "server.key";
        settings.token_file = pki.write_text("token", std::string(kToken));
        ::chmod(settings.token_file->c_str(), 0600);
        plain = std::move(*metrics::HttpServer::start(settings, clock));
        tls = std::move(*metrics::HttpServer::start(with_tls, clock));
        publish(true);
    }
    void publish(bool page) const {
        auto snapshot = std::make_shared<metrics::Snapshot>();
        snapshot->made_at = clock->now();
        snapshot->ready = true;
        snapshot->state = "ready";
        snapshot->families = {{"of_nobody_else", metrics::Type::gauge, "h", {{{}, 1}}}};
        snapshot->page_figures = page ? std::string(kFigure) : std::string();
        plain->publish(snapshot);
        tls->publish(snapshot);
    }
};

Servers& servers() {
    static Servers all;
    return all;
}

Descriptor connect_to(uint16_t port) {
    Descriptor out(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // Longer than any server's bound: an answer that takes longer is a finding.
    const timeval patience{10, 0};
    ::setsockopt(out.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(out.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return out;
}

struct FreeSsl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

class Client {
 public:
    Client(uint16_t port, bool tls) : socket_(connect_to(port)) {
        if (tls) {
            tls_.reset(SSL_new(servers().client.get()));
            SSL_set_fd(tls_.get(), socket_.get());
            up_ =
                SSL_connect(tls_.get()) == 1;  // not on a machine that takes longer than the bound
        }
    }
    void say(std::string_view octets) {
        if (tls_ && up_) {
            static_cast<void>(
                SSL_write(tls_.get(), octets.data(), static_cast<int>(octets.size())));
        } else if (!tls_) {
            static_cast<void>(::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL));
        }
    }
    void end() {
        if (tls_ && up_) {
            SSL_shutdown(tls_.get());
        }
        ::shutdown(socket_.get(), SHUT_WR);
    }
    std::string hear() {
        std::string out;
        std::array<char, 16384> buffer;
        while (up_) {
            errno = 0;
            const ssize_t n =
                tls_ ? SSL_read(tls_.get(), buffer.data(), static_cast<int>(buffer.size()))
                     : ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (n <= 0) {
                require(errno != EAGAIN);
                break;
            }
            out.append(buffer.data(), static_cast<size_t>(n));
            require(out.size() < 1'000'000);
        }
        return out;
    }

 private:
    Descriptor socket_;
    std::unique_ptr<SSL, FreeSsl> tls_;
    bool up_ = true;
};

void check_reduced(std::string_view text) {
    const std::string reduced = metrics::reduced_head(text);
    require(reduced.size() <= 3 * text.size() + 2);
    require(reduced.ends_with("\r\n"));
    std::string_view rest = reduced;
    const auto line = [&rest] {
        const size_t end = rest.find('\n');
        const std::string_view out = rest.substr(0, end == std::string_view::npos ? end : end + 1);
        rest.remove_prefix(out.size());
        return out;
    };
    line();
    while (!rest.empty()) {
        const std::string_view header = line();
        if (header == "\r\n") {
            require(rest.empty());
            continue;
        }
        require(std::ranges::any_of(metrics::kHeaders, [&](std::string_view name) {
            return header.size() > name.size() &&
                   ::strncasecmp(header.data(), name.data(), name.size()) == 0;
        }));
    }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    static_cast<void>(servers());
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2) {
        return 0;
    }
    const uint8_t options = data[0];
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    check_reduced(text);
    Servers& all = servers();
    if ((options & kHangs) != 0) {
        all.clock->advance(metrics::HttpServer::kWanted + std::chrono::seconds(1));
    } else {
        all.publish((options & kNoPage) == 0);
    }
    const bool tls = (options & kTls) != 0;
    const uint16_t port = (tls ? all.tls : all.plain)->port();
    std::vector<Descriptor> others;
    for (int i = options >> kOthersShift & 3; i > 0; --i) {
        others.push_back(connect_to(port));
    }
    Client client(port, tls);
    const size_t first = (options & kPieces) != 0 ? text.size() / 2 : text.size();
    client.say(text.substr(0, first));
    client.say(text.substr(first));
    if ((options & kWaits) == 0) {
        client.end();
    }
    const std::string answer = client.hear();
    require(answer.empty() || answer.starts_with("HTTP/1.1 "));
    require((options & kHangs) == 0 || answer.find(kFigure) == std::string::npos);
    require(!(tls ? all.plain : all.tls)->wants_page_figures() || (options & kHangs) == 0);
    require(tls || answer.find(kFigure) == std::string::npos ||
            text.find(kToken) != std::string_view::npos);
    return 0;
}
