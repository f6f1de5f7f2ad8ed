#include "gateway/operator_side.h"

#include "config/scalar.h"
#include "control/log.h"
#include "gateway/figures.h"
#include "gateway/page_figures.h"

namespace sdg::gateway {
namespace {
constexpr std::chrono::nanoseconds kPublish = std::chrono::seconds(1);
}  // namespace

Result<std::unique_ptr<OperatorSide>> OperatorSide::start(
    const config::Configuration& configuration, Gateway& gateway, Reload& reload) {
    std::unique_ptr<OperatorSide> out(new OperatorSide(gateway, reload));
    if (configuration.admin) {
        if (auto opened = out->open_socket(*configuration.admin); !opened) {
            return tl::unexpected(opened.error());
        }
    }
    if (configuration.metrics) {
        if (auto served = out->serve_metrics(*configuration.metrics); !served) {
            return tl::unexpected(served.error());
        }
    }
    if (configuration.eal.telemetry) {
        auto telemetry = Telemetry::open();
        if (!telemetry) {
            return tl::unexpected(telemetry.error());
        }
        out->telemetry_ = std::move(*telemetry);
    }
    if (out->http_ || out->telemetry_) {
        out->publish_figures();
    }
    return out;
}

Result<void> OperatorSide::open_socket(const config::Admin& admin) {
    const admin::AuditLog audit(admin.audit_log);
    if (auto writable = audit.reserve(); !writable) {
        return writable;
    }
    captures_ = std::make_unique<Captures>(gateway_, audit);
    operations_.take_captures_to(*captures_);
    dispatcher_ = std::make_unique<admin::Dispatcher>(operations_, audit);
    auto server = admin::Server::open(
        {.socket = admin.socket, .group = admin.group},
        [this](std::string_view line, admin::Caller& caller) {
            return dispatcher_->answer(line, caller);
        },
        gateway_.clock(), [this](uint64_t client) { captures_->on_client_gone(client); });
    if (!server) {
        return tl::unexpected(server.error());
    }
    server_ = std::move(*server);
    log::of("admin").info("socket {}", admin.socket.string());
    return {};
}

Result<void> OperatorSide::serve_metrics(const config::Metrics& metrics) {
    auto http = metrics::HttpServer::start({.address = metrics.address,
                                            .port = metrics.port,
                                            .certificate = metrics.certificate,
                                            .private_key = metrics.private_key,
                                            .token_file = metrics.token_file,
                                            .page = metrics.page},
                                           std::make_shared<SteadyClock>());
    if (!http) {
        return tl::unexpected(http.error());
    }
    http_ = std::move(*http);
    auto& log = log::of("admin");
    log.info("metrics at {}://{}:{}", metrics.certificate ? "https" : "http",
             metrics.address.to_string(), metrics.port);
    if (!config::is_loopback(metrics.address) && !(metrics.certificate && metrics.token_file)) {
        log.warn("metrics: {} can be reached by other hosts, and {}", metrics.address.to_string(),
                 metrics.token_file ? "the token is sent in clear (no certificate is set)"
                                    : "nobody is asked for a token");
    }
    return {};
}

void OperatorSide::poll() {
    operations_.poll();
    if (server_) {
        server_->poll();
        captures_->poll();
    }
    if ((http_ || telemetry_) && gateway_.clock().now() - published_ >= kPublish) {
        publish_figures();
    }
}

Result<void> OperatorSide::on_signal(admin::CommandId command, std::string_view signal,
                                     const admin::Peer& sender) {
    if (dispatcher_) {
        return dispatcher_->on_signal(command, signal, sender);
    }
    Result<nlohmann::json> done = nullptr;
    if (command == admin::CommandId::reload) {
        reload_.run(false);  // tells itself what came of it
    } else if (command == admin::CommandId::rekey) {
        done = operations_.rekey(std::nullopt);
    } else if (command == admin::CommandId::leave) {
        done = operations_.leave();
    } else {
        done = operations_.drain();
    }
    return done ? Result<void>() : tl::unexpected(done.error());
}

void OperatorSide::publish_figures() {
    published_ = gateway_.clock().now();
    auto snapshot = figures(gateway_);
    if (http_ && http_->wants_page_figures()) {
        snapshot->page_figures = page_figures(gateway_, operations_);
    }
    if (telemetry_) {
        telemetry_->publish(snapshot);
    }
    if (http_) {
        http_->publish(std::move(snapshot));
    }
}

}  // namespace sdg::gateway
