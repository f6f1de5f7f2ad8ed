#include "control/metrics/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <openssl/crypto.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "control/keymgmt/owner_only_file.h"
#include "control/metrics/page_files.h"
#include "foundation/secret_bytes.h"

namespace sdg::metrics {
namespace {

constexpr unsigned kThreads = 4;
constexpr size_t kMaxToken = 4096;  // octets

// A few threads and a short queue. A full queue stops accept(), so that clients wait in the kernel.
class BoundedQueue final : public httplib::TaskQueue {
 public:
    BoundedQueue() {
        for (unsigned i = 0; i < kThreads; ++i) {
            threads_.emplace_back([this] { run(); });
        }
    }
    void enqueue(std::function<void()> task) override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return tasks_.size() < HttpServer::kMaxWaiting; });
        tasks_.push_back(std::move(task));
        changed_.notify_all();
    }
    void shutdown() override {
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        changed_.notify_all();
        for (std::thread& thread : threads_) {
            thread.join();
        }
    }

 private:
    void run() {
        while (true) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return ended_ || !tasks_.empty(); });
            if (tasks_.empty()) {
                return;
            }
            const std::function<void()> task = std::move(tasks_.front());
            tasks_.pop_front();
            lock.unlock();
            changed_.notify_all();
            task();
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
    bool ended_ = false;
};

Result<SecretBytes> read_token(const std::filesystem::path& path) {
    auto content = keymgmt::read_owner_only_file(path, kMaxToken);
    if (!content) {
        return content;
    }
    auto octets = content->bytes();
    while (!octets.empty() && (octets.back() == '\n' || octets.back() == '\r')) {
        octets = octets.first(octets.size() - 1);
    }
    if (octets.empty()) {
        return fail(ErrorCode::invalid_argument, "{}: expected a token, got nothing",
                    path.string());
    }
    return SecretBytes::copy_of(octets);
}

// TLS 1.2 or later with this chain and key; null: they are none. An encrypted key is refused, not
// asked a terminal for. Sessions are resumed by tickets, not kept.
TlsContextPtr make_tls(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    TlsContextPtr out(SSL_CTX_new(TLS_server_method()));
    if (!out) {
        return nullptr;
    }
    SSL_CTX_set_default_passwd_cb(out.get(), [](char*, int, int, void*) { return -1; });
    SSL_CTX_set_options(out.get(), SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(out.get(), SSL_SESS_CACHE_OFF);
    const bool good = SSL_CTX_set_min_proto_version(out.get(), TLS1_2_VERSION) == 1 &&
                      SSL_CTX_use_certificate_chain_file(out.get(), certificate.c_str()) == 1 &&
                      SSL_CTX_use_PrivateKey_file(out.get(), key.c_str(), SSL_FILETYPE_PEM) == 1 &&
                      SSL_CTX_check_private_key(out.get()) == 1;
    return good ? std::move(out) : nullptr;
}

bool has_token(const httplib::Request& request, const SecretBytes& token) {
    constexpr std::string_view scheme = "Bearer ";
    const std::string given = request.get_header_value("Authorization");
    const auto wanted = token.bytes();
    return given.starts_with(scheme) && given.size() - scheme.size() == wanted.size() &&
           CRYPTO_memcmp(given.data() + scheme.size(), wanted.data(), wanted.size()) == 0;
}

// On every answer. Scripts and styles only from our own files, and no markup made by scripts: what
// peers call themselves is among the figures.
constexpr std::array<std::pair<const char*, const char*>, 8> kSafety{{
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
     "require-trusted-types-for 'script'; trusted-types 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"},
    {"Cache-Control", "no-store"},
}};

// Whether a Host header names an address or "localhost": no name that somebody else can point here.
bool is_plain_host(std::string_view host) {
    if (host.starts_with('[')) {
        return true;
    }
    const std::string name(host.substr(0, host.rfind(':')));
    return name == "localhost" || IpAddress::parse(name).has_value();
}

}  // namespace

// Shared by the HttpServer and its threads, so that a thread that is left behind finds it alive.
struct HttpServer::State {
    std::unique_ptr<httplib::Server> http;
    std::optional<SecretBytes> token;
    std::shared_ptr<const Clock> clock;
    std::mutex mutex;
    std::shared_ptr<const Snapshot> snapshot;  // guarded by mutex, held for a copy only
    std::thread thread;
    std::future<void> ended;
    // When the page's figures were asked for last, of the clock; the least: never. Written by the
    // server's threads, read by the control thread.
    std::atomic<TimePoint> asked_at{TimePoint::min()};

    std::shared_ptr<const Snapshot> current() {
        const std::lock_guard lock(mutex);
        return snapshot;
    }
    // Null when the last one is too old, or there is none yet.
    std::shared_ptr<const Snapshot> fresh() {
        auto out = current();
        return out && clock->now() - out->made_at < kStale ? out : nullptr;
    }

    void metrics(const httplib::Request& request, httplib::Response& response) {
        if (token && !has_token(request, *token)) {
            response.status = 401;
            response.set_header("WWW-Authenticate", "Bearer");
            return;
        }
        const auto snapshot_now = fresh();
        if (!snapshot_now) {
            response.status = 503;
            return;
        }
        response.set_content(to_text(snapshot_now->families),
                             "text/plain; version=0.0.4; charset=utf-8");
    }
    void figures(const httplib::Request& request, httplib::Response& response) {
        if (token && !has_token(request, *token)) {
            response.status = 401;
            response.set_header("WWW-Authenticate", "Bearer");
            return;
        }
        if (!token && !is_plain_host(request.get_header_value("Host"))) {
            response.status = 403;
            response.set_content("without a token, ask by an address or as localhost\n",
                                 "text/plain");
            return;
        }
        asked_at.store(clock->now());
        const auto now = fresh();
        if (!now) {
            response.status = 503;
            response.set_content("the control loop hangs\n", "text/plain");
        } else if (now->page_figures.empty()) {
            response.status = 202;
        } else {
            response.set_content(now->page_figures, "application/json");
        }
    }
    void health(httplib::Response& response) {
        const bool alive = fresh() != nullptr;
        response.status = alive ? 200 : 503;
        response.set_content(alive ? "ok\n" : "the control loop hangs\n", "text/plain");
    }
    void readiness(httplib::Response& response) {
        const auto now = fresh();
        response.status = now && now->ready ? 200 : 503;
        response.set_content((now ? now->state : "the control loop hangs") + "\n", "text/plain");
    }
};

Result<std::unique_ptr<HttpServer>> HttpServer::start(const Settings& settings,
                                                      std::shared_ptr<const Clock> clock) {
    auto state = std::make_shared<State>();
    state->clock = std::move(clock);
    if (settings.token_file) {
        auto token = read_token(*settings.token_file);
        if (!token) {
            return tl::unexpected(token.error());
        }
        state->token = std::move(*token);
    }
    TlsContextPtr tls;
    if (settings.certificate && settings.private_key) {
        // Only looked at, for its rights; OpenSSL reads it itself.
        constexpr size_t max_key = 64 * 1024;
        if (auto key = keymgmt::read_owner_only_file(*settings.private_key, max_key); !key) {
            return tl::unexpected(key.error());
        }
        tls = make_tls(*settings.certificate, *settings.private_key);
        if (!tls) {
            return fail(ErrorCode::invalid_argument,
                        "metrics: {} and {} are no certificate with its private key, both PEM",
                        settings.certificate->string(), settings.private_key->string());
        }
    }
    state->http = make_bounded_server(settings.limits, std::move(tls));
    httplib::Server& http = *state->http;
    http.new_task_queue = [] { return new BoundedQueue; };
    http.set_post_routing_handler([](const auto&, httplib::Response& response) {
        for (const auto& [name, value] : kSafety) {
            response.set_header(name, value);
        }
    });
    http.set_socket_options([](int descriptor) {
        const int yes = 1;
        ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    // The handlers hold the state by a plain pointer: the threads hold it by a shared one.
    State* const raw = state.get();
    http.Get("/metrics",
             [raw](const auto& request, auto& response) { raw->metrics(request, response); });
    http.Get("/healthz", [raw](const auto&, auto& response) { raw->health(response); });
    http.Get("/readyz", [raw](const auto&, auto& response) { raw->readiness(response); });
    if (settings.page) {
        http.Get("/figures",
                 [raw](const auto& request, auto& response) { raw->figures(request, response); });
        for (const PageFile& file : page_files()) {
            std::string pattern(file.path);
            if (const size_t dot = pattern.find('.'); dot != std::string::npos) {
                pattern.insert(dot, "\\");  // paths are regular expressions
            }
            http.Get(pattern, [&file](const auto&, auto& response) {
                response.set_content(file.content.data(), file.content.size(),
                                     std::string(file.type));
            });
        }
    }

    std::unique_ptr<HttpServer> out(new HttpServer);
    const std::string address = settings.address.to_string();
    if (settings.port == 0) {
        const int port = http.bind_to_any_port(address);
        out->port_ = static_cast<uint16_t>(std::max(port, 0));
    } else if (http.bind_to_port(address, settings.port)) {
        out->port_ = settings.port;
    }
    if (out->port_ == 0) {
        return fail(ErrorCode::io,
                    "metrics cannot be served at [{}]:{}: address not here, in use "
                    "or not allowed",
                    address, settings.port);
    }
    std::promise<void> end;
    state->ended = end.get_future();
    state->thread = std::thread([state, end = std::move(end)]() mutable {
        // Scrapes may wait; threads made by this one inherit it.
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
        state->http->listen_after_bind();
        end.set_value();
    });
    // stop() before that would be lost.
    while (!state->http->is_running() &&
           state->ended.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
    }
    out->state_ = std::move(state);
    return out;
}

HttpServer::~HttpServer() {
    if (!state_) {
        return;
    }
    state_->http->stop();
    if (state_->ended.wait_for(std::chrono::seconds(1)) == std::future_status::ready) {
        state_->thread.join();
    } else {
        state_->thread.detach();
    }
}

bool HttpServer::wants_page_figures() const {
    const TimePoint asked = state_->asked_at.load();
    return asked != TimePoint::min() && state_->clock->now() - asked < kWanted;
}

void HttpServer::publish(std::shared_ptr<const Snapshot> snapshot) {
    std::shared_ptr<const Snapshot> previous;  // destroyed without the lock
    const std::lock_guard lock(state_->mutex);
    previous = std::exchange(state_->snapshot, std::move(snapshot));
}

}  // namespace sdg::metrics
