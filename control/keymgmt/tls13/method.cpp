#include "control/keymgmt/tls13/method.h"

#include <utility>

#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt::tls13 {
namespace {

class TlsMethod final : public Method {
 public:
    explicit TlsMethod(std::shared_ptr<const SessionEnvironment> environment)
        : environment_(std::move(environment)) {}

    [[nodiscard]] uint8_t id() const override { return packet::kMethodTls13; }

    [[nodiscard]] Result<std::unique_ptr<Session>> start(SessionContext context) override {
        return std::make_unique<TlsSession>(std::move(context), environment_);
    }

 private:
    std::shared_ptr<const SessionEnvironment> environment_;
};

}  // namespace

std::shared_ptr<Method> make_tls_method(std::shared_ptr<const SessionEnvironment> environment) {
    return std::make_shared<TlsMethod>(std::move(environment));
}

}  // namespace sdg::keymgmt::tls13
