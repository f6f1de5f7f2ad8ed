// A gateway with one association (7), which notes what it was asked to do.
#pragma once

#include <string>
#include <vector>

#include "control/admin/operations.h"

namespace sdg::admin {

class FakeOperations final : public Operations {
 public:
    std::vector<std::string> done;
    mutable uint64_t after = 0;
    mutable size_t limit = 0;
    std::string secret_of_peer = "plain";

    [[nodiscard]] nlohmann::json status() const override { return {{"state", secret_of_peer}}; }
    [[nodiscard]] nlohmann::json associations(uint64_t from, size_t at_most) const override {
        after = from;
        limit = at_most;
        return {{"associations", nlohmann::json::array()}};
    }
    [[nodiscard]] Result<nlohmann::json> association(uint64_t id) const override {
        if (id != 7) {
            return fail(ErrorCode::not_found, "no association {}", id);
        }
        return nlohmann::json{{"association", id}};
    }
    [[nodiscard]] nlohmann::json busiest() override {
        return {{"associations", nlohmann::json::array()}};
    }
    [[nodiscard]] nlohmann::json backends() const override { return nlohmann::json::object(); }
    [[nodiscard]] nlohmann::json ports() const override { return nlohmann::json::object(); }
    [[nodiscard]] nlohmann::json workers() const override { return nlohmann::json::object(); }
    [[nodiscard]] nlohmann::json certificates() const override { return nlohmann::json::object(); }
    [[nodiscard]] nlohmann::json log_levels() const override { return nlohmann::json::object(); }

    Result<nlohmann::json> rekey(std::optional<uint64_t> id) override {
        return note(id ? "rekey " + std::to_string(*id) : "rekey all", id.value_or(7));
    }
    Result<nlohmann::json> reauthenticate(uint64_t id) override {
        return note("reauthenticate " + std::to_string(id), id);
    }
    Result<nlohmann::json> close(uint64_t id, CloseHow how) override {
        return note((how == CloseHow::abort ? "abort " : "close ") + std::to_string(id), id);
    }
    Result<nlohmann::json> drain() override { return note("drain", 7); }
    Result<nlohmann::json> leave() override { return note("leave", 7); }
    std::string refusal;  // of reload()
    Reloaded reload(bool trial) override {
        done.emplace_back(trial ? "reload, tried" : "reload");
        return {{{"result", refusal.empty() ? "applied" : "refused"}}, refusal};
    }
    Result<nlohmann::json> set_log_level(const std::optional<std::string>& module,
                                         const std::string& level) override {
        return note("level " + module.value_or("all") + " " + level, 7);
    }
    Result<nlohmann::json> capture(const CaptureWish& wish, Caller& caller) override {
        wished = wish;
        taken = std::move(caller.file);
        return note("capture by client " + std::to_string(caller.client), 7);
    }
    Result<nlohmann::json> stop_capture(uint64_t id) override {
        return note("stop " + std::to_string(id), id);
    }
    [[nodiscard]] nlohmann::json captures() const override { return nlohmann::json::object(); }

    CaptureWish wished;
    Descriptor taken;

 private:
    Result<nlohmann::json> note(std::string what, uint64_t id) {
        if (id != 7) {
            return fail(ErrorCode::not_found, "no association {}", id);
        }
        done.push_back(std::move(what));
        return nlohmann::json::object();
    }
};

}  // namespace sdg::admin
