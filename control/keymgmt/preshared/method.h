// Method 0 from a pre-shared key: makes a KeySession per association with derived keys.
#pragma once

#include <memory>

#include "control/keymgmt/method.h"
#include "control/keymgmt/preshared/session.h"

namespace sdg::keymgmt {

// The key is kept for the life of the method and shared with its sessions.
[[nodiscard]] std::shared_ptr<Method> make_preshared_method(SecretBytes preshared_key,
                                                            record::Suite suite,
                                                            const KeySessionOptions& options);

}  // namespace sdg::keymgmt
