#include "control/keymgmt/preshared/method.h"

#include <utility>

#include "control/keymgmt/preshared/derivation.h"
#include "dataplane/packet/code_points.h"

namespace sdg::keymgmt {
namespace {

class PresharedMethod final : public Method {
 public:
    PresharedMethod(SecretBytes key, record::Suite suite, const KeySessionOptions& options)
        : key_(std::make_shared<const SecretBytes>(std::move(key))),
          suite_(suite),
          options_(options) {}

    [[nodiscard]] uint8_t id() const override { return packet::kMethodPreshared; }

    [[nodiscard]] Result<std::unique_ptr<Session>> start(SessionContext context) override {
        auto source = [key = key_, suite = suite_, context](KeySession::Direction direction,
                                                            keys::KeyRole role, uint16_t epoch) {
            const keys::KmRole peer =
                context.role == keys::KmRole::client ? keys::KmRole::server : keys::KmRole::client;
            const keys::KmRole writer =
                direction == KeySession::Direction::send ? context.role : peer;
            return derive_preshared(*key, suite, context, writer, role, epoch);
        };
        return std::make_unique<KeySession>(context, std::move(source), options_);
    }

 private:
    std::shared_ptr<const SecretBytes> key_;
    record::Suite suite_;
    KeySessionOptions options_;
};

}  // namespace

std::shared_ptr<Method> make_preshared_method(SecretBytes preshared_key, record::Suite suite,
                                              const KeySessionOptions& options) {
    return std::make_shared<PresharedMethod>(std::move(preshared_key), suite, options);
}

}  // namespace sdg::keymgmt
