#include "gateway/captures.h"

#include <fmt/format.h>
#include <rte_rcu_qsbr.h>

#include "control/keymgmt/key_log.h"
#include "control/log.h"

namespace sdg::gateway {
namespace {

using nlohmann::json;

template <class Value>
json or_null(const std::optional<Value>& value) {
    return value ? json(*value) : json(nullptr);
}

}  // namespace

Captures::~Captures() {
    if (capture_ && !capture_->outcome) {
        end("gateway_ends");
        recorder_.finish();
        recorder_.wait_finished();
        conclude(recorder_.progress());
    }
}

Result<json> Captures::start(const admin::CaptureWish& wish, admin::Caller& caller) {
    if (capture_ && !capture_->outcome) {
        return fail(ErrorCode::unavailable,
                    "one capture at a time: capture {} by uid {} (pid {}) runs", capture_->id,
                    capture_->by.uid, capture_->by.pid);
    }
    auto plan = plan_capture(wish, caller.peer, gateway_);
    if (!plan) {
        return tl::unexpected(plan.error());
    }
    if (caller.file.get() < 0) {
        return fail(ErrorCode::invalid_argument,
                    "the request must bring the open file along (SCM_RIGHTS)");
    }
    auto file = capture::FileSink::adopt(std::move(caller.file));
    if (!file) {
        return tl::unexpected(file.error());
    }
    Capture next;
    for (size_t w = 0; w < gateway_.workers().size(); ++w) {
        next.taps.push_back(std::make_shared<capture::Tap>(capture::Tap::Settings{
            .targets = plan->targets, .plain = plan->plaintext, .snap = plan->snap}));
    }
    keymgmt::KeyLog* const key_log = plan->keys ? gateway_.key_log() : nullptr;
    SecretBytes secrets;
    if (key_log != nullptr) {
        secrets = key_log->lines([&](uint32_t tag) { return plan->wants_key(tag); });
    }
    auto begun = recorder_.begin({.file = std::move(*file),
                                  .taps = next.taps,
                                  .section = plan->section,
                                  .interfaces = plan->interfaces,
                                  .secrets = std::move(secrets),
                                  .remove_user_data = !plan->keys,
                                  .limits = plan->limits});
    if (!begun) {
        return tl::unexpected(begun.error());
    }
    next.id = ++last_id_;
    next.client = caller.client;
    next.by = caller.peer;
    next.begun = gateway_.clock().now();
    next.plan = std::move(*plan);
    next.wish = {{"association", or_null(wish.association)},
                 {"leg", or_null(wish.leg)},
                 {"port", or_null(wish.port)},
                 {"content", wish.plaintext ? "plaintext"
                             : wish.keys    ? "frames_and_keys"
                                            : "frames"}};
    capture_ = std::move(next);
    if (key_log != nullptr) {
        key_log->set_watch([this](uint32_t tag, std::span<const uint8_t> line) {
            if (capture_->plan.wants_key(tag)) {
                recorder_.add_secrets(SecretBytes::copy_of(line));
            }
        });
    }
    if (wish.plaintext || wish.keys) {
        log::of("admin").warn("LAB: capture {} by uid {} takes {} to a file", capture_->id,
                              caller.peer.uid, wish.plaintext ? "plaintext" : "traffic keys");
    }
    for (size_t w = 0; w < capture_->taps.size(); ++w) {
        gateway_.workers()[w]->set_tap(capture_->taps[w].get());
    }
    return view(*capture_);
}

Result<json> Captures::stop(uint64_t id) {
    if (!capture_ || capture_->id != id || capture_->outcome) {
        return fail(ErrorCode::not_found, "no capture {} runs", id);
    }
    end("stopped");
    return view(*capture_);
}

void Captures::on_client_gone(uint64_t client) {
    if (capture_ && !capture_->outcome && capture_->client == client) {
        end("client_gone");
    }
}

void Captures::end(std::string reason) {
    Capture& capture = *capture_;
    if (!capture.reason.empty()) {
        return;
    }
    capture.reason = std::move(reason);
    for (const auto& worker : gateway_.workers()) {
        worker->set_tap(nullptr);
    }
    if (gateway_.key_log() != nullptr) {
        gateway_.key_log()->set_watch({});
    }
    capture.token = rte_rcu_qsbr_start(gateway_.protection().quiescence());
}

void Captures::poll() {
    if (!capture_ || capture_->outcome) {
        return;
    }
    Capture& capture = *capture_;
    const capture::Progress progress = recorder_.progress();
    if (progress.wants_end) {
        end(std::string(name(progress.reason)));
    } else if (gateway_.clock().now() - capture.begun >= capture.plan.duration) {
        end("seconds");
    }
    if (!capture.reason.empty() && !capture.quiescent &&
        rte_rcu_qsbr_check(gateway_.protection().quiescence(), capture.token, false) == 1) {
        capture.quiescent = true;
        recorder_.finish();
    }
    if (progress.finished) {
        conclude(progress);
    }
}

void Captures::conclude(const capture::Progress& progress) {
    Capture& capture = *capture_;
    capture.ended = gateway_.clock().now();
    capture.outcome = progress;
    capture.taps.clear();
    // What came up while it was being ended matters more.
    if (progress.reason == capture::EndReason::failed ||
        progress.reason == capture::EndReason::stalled) {
        capture.reason = name(progress.reason);
    }
    log::of("admin").info("capture {} has ended ({}): {} packets, {} octets, {} not kept{}{}",
                          capture.id, capture.reason, progress.packets, progress.octets,
                          progress.not_kept, progress.error.empty() ? "" : ": ", progress.error);
    json what = capture.wish;
    what["capture"] = capture.id;
    what["packets"] = progress.packets;
    what["octets"] = progress.octets;
    what["not_kept"] = progress.not_kept;
    if (auto written =
            audit_.write(capture.by, "capture_end", what, capture.reason, progress.error);
        !written) {
        log::of("admin").error("{}", written.error().message);
    }
}

json Captures::view(const Capture& capture) const {
    const capture::Progress progress = capture.outcome ? *capture.outcome : recorder_.progress();
    const TimePoint until = capture.outcome ? capture.ended : gateway_.clock().now();
    json out = capture.wish;
    out["capture"] = capture.id;
    out["state"] = capture.outcome ? "ended" : capture.reason.empty() ? "running" : "ending";
    out["reason"] = capture.reason.empty() ? json(nullptr) : json(capture.reason);
    out["error"] = progress.error.empty() ? json(nullptr) : json(progress.error);
    out["uid"] = capture.by.uid;
    out["pid"] = capture.by.pid;
    out["packets"] = progress.packets;
    out["octets"] = progress.octets;
    out["not_kept"] = progress.not_kept;
    out["age_s"] =
        static_cast<double>(
            std::chrono::duration_cast<std::chrono::milliseconds>(until - capture.begun).count()) /
        1000.0;
    out["limits"] = {{"seconds", capture.plan.duration.count()},
                     {"packets", capture.plan.limits.packets},
                     {"octets", capture.plan.limits.octets},
                     {"snap", capture.plan.snap}};
    return out;
}

json Captures::list() const {
    json out = json::array();
    if (capture_) {
        out.push_back(view(*capture_));
    }
    return out;
}

}  // namespace sdg::gateway
