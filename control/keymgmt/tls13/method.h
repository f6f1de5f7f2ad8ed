// Method 192 of a policy: makes a TlsSession per association.
#pragma once

#include <memory>

#include "control/keymgmt/method.h"
#include "control/keymgmt/tls13/session.h"

namespace sdg::keymgmt::tls13 {

// The environment's clock and random outlive the method and its sessions.
[[nodiscard]] std::shared_ptr<Method> make_tls_method(
    std::shared_ptr<const SessionEnvironment> environment);

}  // namespace sdg::keymgmt::tls13
