// The admin commands on a gateway: what sctp-gateway-ctl sees and does.
//
// Control thread. The members of the answers are told in docs/operations.md; a member is added when
// there is more to tell, and never changes its meaning within a schema version.
#pragma once

#include "control/admin/operations.h"
#include "gateway/busiest.h"
#include "gateway/captures.h"
#include "gateway/gateway.h"
#include "gateway/rates.h"
#include "gateway/reload.h"

namespace sdg::gateway {

class AdminOperations final : public admin::Operations {
 public:
    // gateway outlives the object.
    explicit AdminOperations(Gateway& gateway)
        : gateway_(gateway), rates_(gateway), busiest_(gateway.relay(), gateway.clock()) {}

    // For the rates in answers; about once a second is enough.
    void poll() { rates_.poll(); }
    // reload outlives the object; without, every reload is refused.
    void reload_by(Reload& reload) { reload_ = &reload; }
    // captures outlives the object; without, there are none.
    void take_captures_to(Captures& captures) { captures_ = &captures; }

    [[nodiscard]] nlohmann::json status() const override;
    [[nodiscard]] nlohmann::json associations(uint64_t after, size_t limit) const override;
    [[nodiscard]] Result<nlohmann::json> association(uint64_t id) const override;
    [[nodiscard]] nlohmann::json busiest() override { return busiest_.look(); }
    [[nodiscard]] nlohmann::json backends() const override;
    [[nodiscard]] nlohmann::json ports() const override;
    [[nodiscard]] nlohmann::json workers() const override;
    [[nodiscard]] nlohmann::json certificates() const override;
    [[nodiscard]] nlohmann::json log_levels() const override;

    Result<nlohmann::json> rekey(std::optional<uint64_t> id) override;
    Result<nlohmann::json> reauthenticate(uint64_t id) override;
    Result<nlohmann::json> close(uint64_t id, admin::CloseHow how) override;
    Result<nlohmann::json> drain() override;
    Result<nlohmann::json> leave() override;
    Reloaded reload(bool trial) override;
    Result<nlohmann::json> set_log_level(const std::optional<std::string>& module,
                                         const std::string& level) override;
    Result<nlohmann::json> capture(const admin::CaptureWish& wish, admin::Caller& caller) override;
    Result<nlohmann::json> stop_capture(uint64_t id) override;
    [[nodiscard]] nlohmann::json captures() const override;

 private:
    Gateway& gateway_;
    Reload* reload_ = nullptr;
    Captures* captures_ = nullptr;
    Rates rates_;
    Busiest busiest_;
};

}  // namespace sdg::gateway
