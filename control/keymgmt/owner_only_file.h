// Reading a file that holds secrets: only when nobody else could have read or written it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt {

enum class GroupRead : uint8_t {
    refused,
    allowed,  // systemd shows the access list entry of a credential's reader as group read
};

// The whole file. permission_denied unless it is a regular file (not a symbolic link), owned by the
// effective user or root, with no rights for group and others; resource_exhausted when larger than
// max_octets; not_found and io as they say. The message names the file and how to mend it.
[[nodiscard]] Result<SecretBytes> read_owner_only_file(const std::filesystem::path& path,
                                                       size_t max_octets,
                                                       GroupRead group = GroupRead::refused);

}  // namespace sdg::keymgmt
