#include "control/keymgmt/dtls13/method.h"

#include <utility>

#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt::dtls13 {
namespace {

class DtlsMethod final : public Method {
 public:
    explicit DtlsMethod(std::shared_ptr<const SessionEnvironment> environment)
        : environment_(std::move(environment)) {}

    [[nodiscard]] uint8_t id() const override { return packet::kMethodDtls13; }

    [[nodiscard]] Result<std::unique_ptr<Session>> start(SessionContext context) override {
        return std::make_unique<DtlsSession>(std::move(context), environment_);
    }

 private:
    std::shared_ptr<const SessionEnvironment> environment_;
};

}  // namespace

Result<std::shared_ptr<Method>> make_dtls_method(
    std::shared_ptr<const SessionEnvironment> environment) {
    if (auto usable = environment->configuration(); !usable) {
        return tl::unexpected(usable.error());
    }
    return std::make_shared<DtlsMethod>(std::move(environment));
}

}  // namespace sdg::keymgmt::dtls13
