#include "control/metrics/bounded_http.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <httplib.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "foundation/clock.h"
#include "foundation/descriptor.h"
#include "foundation/source_network.h"

namespace sdg::metrics {
namespace {

// What a client may still send, and how long, while it takes its answer. Octets that nobody reads
// make the kernel reset the connection, answer included.
constexpr std::chrono::milliseconds kLinger{200};
constexpr size_t kLingerOctets = 65536;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\n\r\n";

struct FreeTls {
    void operator()(SSL* tls) const noexcept { SSL_free(tls); }
};

bool equal_without_case(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return ::tolower(x) == ::tolower(y); });
}

// An accepted socket, plain or TLS. Everything ends at the deadline that was set last.
class Connection {
 public:
    explicit Connection(Descriptor socket) : socket_(std::move(socket)) {
        ::fcntl(socket_.get(), F_SETFL, ::fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
    }

    void end_in(std::chrono::milliseconds time) { deadline_ = clock_.now() + time; }
    [[nodiscard]] bool expired() const { return clock_.now() >= deadline_; }
    // False: the deadline has passed.
    [[nodiscard]] bool wait_for(short events) const {
        pollfd wanted{.fd = socket_.get(), .events = events, .revents = 0};
        while (true) {
            const auto left =
                std::chrono::ceil<std::chrono::milliseconds>(deadline_ - clock_.now());
            if (left.count() <= 0) {
                return false;
            }
            if (::poll(&wanted, 1, static_cast<int>(left.count())) > 0) {
                return true;
            }
        }
    }

    [[nodiscard]] bool start_tls(SSL_CTX& context) {
        tls_.reset(SSL_new(&context));
        if (!tls_) {
            return false;
        }
        // Else a client that sends nothing but key updates would not let SSL_read() return.
        SSL_clear_mode(tls_.get(), SSL_MODE_AUTO_RETRY);
        return SSL_set_fd(tls_.get(), socket_.get()) == 1 &&
               repeat_tls([this] { return SSL_accept(tls_.get()); }) > 0;
    }
    // What is there, at least an octet; nullopt: the other end has closed, or the deadline.
    [[nodiscard]] std::optional<size_t> read(char* to, size_t size) {
        const ssize_t length =
            tls_ ? repeat_tls([&] { return SSL_read(tls_.get(), to, static_cast<int>(size)); })
                 : repeat_call(POLLIN, [&] { return ::recv(socket_.get(), to, size, 0); });
        return length > 0 ? std::optional(static_cast<size_t>(length)) : std::nullopt;
    }
    // All of it, or false.
    [[nodiscard]] bool write(std::string_view octets) {
        while (!octets.empty()) {
            // OpenSSL counts in int.
            const std::string_view part = octets.substr(0, size_t{1} << 20);
            const ssize_t length =
                tls_ ? repeat_tls([&] {
                    return SSL_write(tls_.get(), part.data(), static_cast<int>(part.size()));
                })
                     : repeat_call(POLLOUT, [&] {
                           return ::send(socket_.get(), part.data(), part.size(), MSG_NOSIGNAL);
                       });
            if (length <= 0) {
                return false;
            }
            octets.remove_prefix(static_cast<size_t>(length));
        }
        return true;
    }
    void say_no_more() {
        if (tls_ && !broken_) {
            (void)SSL_shutdown(tls_.get());
        }
        ::shutdown(socket_.get(), SHUT_WR);
    }
    void linger() {
        end_in(kLinger);
        std::array<char, 4096> ignored;
        for (size_t left = kLingerOctets; left > 0 && wait_for(POLLIN);) {
            const ssize_t length = ::recv(socket_.get(), ignored.data(), ignored.size(), 0);
            if (length <= 0) {
                return;
            }
            left -= std::min(left, static_cast<size_t>(length));
        }
    }
    [[nodiscard]] int socket() const { return socket_.get(); }

 private:
    template <typename Call>
    ssize_t repeat_call(short events, Call call) const {
        while (true) {
            // Looked at first: who always has octets ready has a deadline all the same.
            if (!wait_for(events)) {
                return -1;
            }
            const ssize_t result = call();
            if (result >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
                return result;
            }
        }
    }
    template <typename Call>
    ssize_t repeat_tls(Call call) {
        while (!expired()) {
            ERR_clear_error();
            const int result = call();
            if (result > 0) {
                return result;
            }
            const int error = SSL_get_error(tls_.get(), result);
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
                broken_ = true;
                break;
            }
            if (!wait_for(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT)) {
                break;
            }
        }
        return -1;
    }

    SteadyClock clock_;
    Descriptor socket_;
    std::unique_ptr<SSL, FreeTls> tls_;
    TimePoint deadline_{};
    bool broken_ = false;  // TLS can say nothing more
};

// What the library sees of a connection: the head that has been read, then its end.
class HeadStream final : public httplib::Stream {
 public:
    HeadStream(std::string head, Connection& connection)
        : head_(std::move(head)), connection_(connection) {}

    [[nodiscard]] bool is_readable() const override { return true; }
    [[nodiscard]] bool is_writable() const override { return true; }
    ssize_t read(char* to, size_t size) override {
        const size_t count = head_.copy(to, size, read_);
        read_ += count;
        return static_cast<ssize_t>(count);
    }
    ssize_t write(const char* from, size_t size) override {
        return connection_.write({from, size}) ? static_cast<ssize_t>(size) : -1;
    }
    // No handler asks who it is.
    void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
    void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
    [[nodiscard]] socket_t socket() const override { return connection_.socket(); }

 private:
    std::string head_;
    size_t read_ = 0;
    Connection& connection_;
};

std::string refusal(std::string_view status) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
}

// Who has connected.
IpAddress source_of(int socket) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0) {
        return {};
    }
    if (peer.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
        return IpAddress::v4(reinterpret_cast<const uint8_t*>(&v4.sin_addr));
    }
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(peer);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        return IpAddress::v4(v6.sin6_addr.s6_addr + 12);
    }
    return source_network(IpAddress::v6(v6.sin6_addr.s6_addr));
}

// Divides the threads among sources. What comes from one that has its share waits until one of its
// own connections has ended, and holds no thread.
class Shares {
 public:
    explicit Shares(unsigned threads) : threads_(threads) {}

    // The connection, when a thread may serve it now: release() follows. Null: it waits, or it is
    // closed because too many do.
    [[nodiscard]] Descriptor admit(const IpAddress& source, Descriptor socket) {
        const std::lock_guard lock(mutex_);
        Share& share = shares_[source];
        if (share.threads < threads_) {
            ++share.threads;
            return socket;
        }
        if (share.waiting.size() < kMaxWaiting) {
            share.waiting.push_back(std::move(socket));
        }
        return Descriptor();
    }
    // The source's next connection, for the thread that has served one. Null: there is none.
    [[nodiscard]] Descriptor release(const IpAddress& source) {
        const std::lock_guard lock(mutex_);
        const auto found = shares_.find(source);
        Share& share = found->second;
        if (!share.waiting.empty()) {
            Descriptor next = std::move(share.waiting.front());
            share.waiting.pop_front();
            return next;
        }
        if (--share.threads == 0) {
            shares_.erase(found);
        }
        return Descriptor();
    }

 private:
    static constexpr size_t kMaxWaiting = 16;  // of a source
    struct Share {
        unsigned threads = 0;
        std::deque<Descriptor> waiting;
    };

    const unsigned threads_;  // of a source
    std::mutex mutex_;
    std::unordered_map<IpAddress, Share> shares_;  // of sources with a thread
};

class BoundedServer final : public httplib::Server {
 public:
    BoundedServer(const HttpLimits& limits, TlsContextPtr tls)
        : limits_(limits), tls_(std::move(tls)), shares_(limits.threads_of_a_source) {}

 private:
    enum class Head : uint8_t { whole, too_long, too_slow, gone };

    bool process_and_close_socket(socket_t socket) override {
        const IpAddress source = source_of(socket);
        bool answered = false;
        for (Descriptor next = shares_.admit(source, Descriptor(socket)); next.get() >= 0;
             next = shares_.release(source)) {
            answered = serve(std::move(next));
        }
        return answered;
    }

    bool serve(Descriptor socket) {
        Connection connection(std::move(socket));
        connection.end_in(limits_.first_octet);
        if (!connection.wait_for(POLLIN)) {
            return false;
        }
        connection.end_in(limits_.request);
        if (tls_ && !connection.start_tls(*tls_)) {
            return false;
        }
        std::string head;
        const Head outcome = read_head(connection, head);
        connection.end_in(limits_.answer);
        bool answered = false;
        switch (outcome) {
            case Head::whole: {
                HeadStream stream(reduced_head(head), connection);
                bool closed = true;
                answered = process_request(stream, true, closed, nullptr);
                break;
            }
            case Head::too_long:
                answered = connection.write(refusal("431 Request Header Fields Too Large"));
                break;
            case Head::too_slow:
                answered = connection.write(refusal("408 Request Timeout"));
                break;
            case Head::gone:
                return false;
        }
        connection.say_no_more();
        connection.linger();
        return answered;
    }

    Head read_head(Connection& connection, std::string& head) const {
        std::array<char, 4096> buffer;
        while (head.size() < limits_.head) {
            const auto length =
                connection.read(buffer.data(), std::min(buffer.size(), limits_.head - head.size()));
            if (!length) {
                return connection.expired() ? Head::too_slow : Head::gone;
            }
            // The end may have begun in what was there.
            const size_t from = head.size() - std::min(head.size(), kHeadEnd.size() - 1);
            head.append(buffer.data(), *length);
            if (const size_t end = head.find(kHeadEnd, from); end != std::string::npos) {
                head.resize(end + kHeadEnd.size());
                return Head::whole;
            }
        }
        return Head::too_long;
    }

    HttpLimits limits_;
    TlsContextPtr tls_;
    Shares shares_;
};

}  // namespace

std::string reduced_head(std::string_view head) {
    const auto next_line = [&head] {
        const size_t end = head.find('\n');
        const std::string_view line = head.substr(0, end == std::string_view::npos ? end : end + 1);
        head.remove_prefix(line.size());
        return line;
    };
    std::string out(next_line());
    while (!head.empty()) {
        const std::string_view line = next_line();
        const std::string_view name = line.substr(0, line.find(':'));
        const bool known = std::ranges::any_of(
            kHeaders, [name](std::string_view one) { return equal_without_case(name, one); });
        if (!known || !line.ends_with(kLineEnd)) {
            continue;
        }
        for (const char octet : line) {
            out += octet == '%' ? "%25" : std::string_view(&octet, 1);
        }
    }
    out += kLineEnd;
    return out;
}

std::unique_ptr<httplib::Server> make_bounded_server(const HttpLimits& limits, TlsContextPtr tls) {
    return std::make_unique<BoundedServer>(limits, std::move(tls));
}

}  // namespace sdg::metrics
