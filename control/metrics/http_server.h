// Metrics, health and the status page over HTTP or HTTPS: GET /metrics, /healthz, /readyz, /.
//
//   /metrics  the last snapshot; 401 without the token when there is one
//   /         the status page: files that are the same for everybody (page_files.h)
//   /figures  what it draws, JSON: 401 as /metrics; 202 while nobody has asked for long, so that
//             they are being collected; 403 without a token when asked for by another name than
//             an address or "localhost" (a foreign web page whose name has been pointed here)
//   /healthz  200 while the control loop publishes snapshots, else 503
//   /readyz   200 when the gateway takes new associations, else 503
//
// Has threads of its own (one that accepts, four that answer), which touch published snapshots and
// nothing else. A connection serves one request and is bounded in octets and time
// (bounded_http.h). At most kMaxWaiting connections wait for a thread; more wait in the kernel's
// queue. publish() is called by the control thread and never waits for a request.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "control/metrics/bounded_http.h"
#include "control/metrics/exposition.h"
#include "foundation/clock.h"
#include "foundation/ip_address.h"
#include "foundation/result.h"

namespace sdg::metrics {

class HttpServer {
 public:
    static constexpr size_t kMaxWaiting = 16;
    // A control loop that has published nothing for so long hangs.
    static constexpr std::chrono::seconds kStale{5};
    // How long after a request the status page's figures are collected.
    static constexpr std::chrono::seconds kWanted{10};

    struct Settings {
        IpAddress address;
        uint16_t port = 0;                                 // 0: any, see port()
        std::optional<std::filesystem::path> certificate;  // with private_key: TLS
        std::optional<std::filesystem::path> private_key;
        std::optional<std::filesystem::path> token_file;
        bool page = true;  // the status page and its figures; false: 404
        HttpLimits limits{};
    };

    // Listens when it returns. Reads key and token files, which must be readable by their owner
    // only; the error names the file or the address. clock: thread safe, outlives the process's
    // last request (the threads of a slow one are not waited for for long, see ~HttpServer).
    [[nodiscard]] static Result<std::unique_ptr<HttpServer>> start(
        const Settings& settings, std::shared_ptr<const Clock> clock);
    // Requests under way get a second to end; then their threads are left to the end of the
    // process.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    void publish(std::shared_ptr<const Snapshot> snapshot);
    // Somebody has asked for the status page's figures lately: the next snapshot is to have them.
    [[nodiscard]] bool wants_page_figures() const;
    [[nodiscard]] uint16_t port() const { return port_; }

 private:
    struct State;
    HttpServer() = default;

    std::shared_ptr<State> state_;
    uint16_t port_ = 0;
};

}  // namespace sdg::metrics
