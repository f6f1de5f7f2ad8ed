// The part of key_source.h that talks to OpenSSL's store. Use key_source.h.
#pragma once

#include "control/restart/key_source.h"

namespace sdg::restart {

[[nodiscard]] Result<SecretBytes> unwrap_with_token(const KeyToken& token);

// The URI as messages may show it: without query and without attributes named pin-*.
[[nodiscard]] std::string presentable_uri(std::string_view uri);

}  // namespace sdg::restart
