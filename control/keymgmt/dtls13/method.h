// Method 1 of a policy: makes a DtlsSession per association.
#pragma once

#include <memory>

#include "control/keymgmt/dtls13/session.h"
#include "control/keymgmt/method.h"

namespace sdg::keymgmt::dtls13 {

// The environment's clock and random outlive the method and its sessions. invalid_argument: the
// credentials have nothing that the engine can do (only CCM suites, only rsa_pss_pss signatures).
[[nodiscard]] Result<std::shared_ptr<Method>> make_dtls_method(
    std::shared_ptr<const SessionEnvironment> environment);

}  // namespace sdg::keymgmt::dtls13
