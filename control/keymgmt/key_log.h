// The laboratory key log: every key in clear, for looking into captures.
//
// One line per key: DTLS_CHUNK <verification tag on the wire> <epoch> <P|R> <suite> <key> <iv>
// <sn_key>, numbers but the epoch in hex. Off unless lab.keylog names a file; a loud warning says
// so. Control thread.
#pragma once

#include <filesystem>
#include <memory>

#include "dataplane/keys/chunk_protection.h"
#include "foundation/result.h"

namespace sdg::keymgmt {

class KeyLog {
 public:
    // Appends; creates with mode 0600. An existing file must be a regular one with owner-only
    // rights, otherwise permission_denied.
    [[nodiscard]] static Result<std::shared_ptr<KeyLog>> open(const std::filesystem::path& path);
    ~KeyLog();
    KeyLog(const KeyLog&) = delete;
    KeyLog& operator=(const KeyLog&) = delete;

    // Errors (a full disk) are logged once and otherwise ignored: the log is a debugging aid.
    void write(uint32_t tag_on_wire, uint16_t epoch, keys::KeyRole role,
               const record::KeyMaterial& material);

 private:
    explicit KeyLog(int descriptor) : descriptor_(descriptor) {}

    int descriptor_;
    bool failed_ = false;
};

}  // namespace sdg::keymgmt
