// OpenSSL 3 deprecates engines for providers; Debian 12 packages PKCS#11 as an engine only.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "control/restart/key_engine.h"

#include <openssl/engine.h>
#include <openssl/ui.h>

#include <memory>

namespace sdg::restart {
namespace {

struct Free {
    void operator()(ENGINE* engine) const noexcept { ENGINE_free(engine); }
};
using EnginePointer = std::unique_ptr<ENGINE, Free>;

EnginePointer find_engine() {
    ENGINE_load_dynamic();
    return EnginePointer(ENGINE_by_id("pkcs11"));
}

}  // namespace

EVP_PKEY* load_from_pkcs11_engine(const char* uri) {
    const EnginePointer engine = find_engine();
    // QUIET: on a failure it prints the URI with the PIN in it.
    if (!engine || ENGINE_ctrl_cmd_string(engine.get(), "QUIET", nullptr, 0) != 1 ||
        ENGINE_init(engine.get()) != 1) {
        return nullptr;
    }
    // UI_null: never a question on a terminal.
    EVP_PKEY* key =
        ENGINE_load_private_key(engine.get(), uri, const_cast<UI_METHOD*>(UI_null()), nullptr);
    ENGINE_finish(engine.get());
    return key;
}

bool has_pkcs11_engine() {
    return find_engine() != nullptr;
}

}  // namespace sdg::restart
