// The laboratory key logs: every key in clear, for looking into captures.
//
// lab.keylog has one line per key: DTLS_CHUNK <verification tag on the wire> <epoch> <P|R> <suite>
// <key> <iv> <sn_key>, numbers but the epoch in hex. lab.tls_keylog has the secrets of the TLS and
// DTLS handshakes that the keys come from, as an SSLKEYLOGFILE does. Off unless these name files; a
// loud warning says so. Control thread.
//
// Captures that carry their keys along read the end of the file again: a key that has been retired
// is in no memory of ours.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "dataplane/keys/chunk_protection.h"
#include "foundation/result.h"
#include "foundation/secret_bytes.h"

namespace sdg::keymgmt {

class KeyLog {
 public:
    static constexpr size_t kLookBack = 256 * 1024;  // octets of the file: about 1,000 keys
    using Wanted = std::function<bool(uint32_t tag_on_wire)>;
    using Watch = std::function<void(uint32_t tag_on_wire, std::span<const uint8_t> line)>;

    // Appends; creates with mode 0600. An existing file must be a regular one with owner-only
    // rights, otherwise permission_denied.
    [[nodiscard]] static Result<std::shared_ptr<KeyLog>> open(const std::filesystem::path& path);
    ~KeyLog();
    KeyLog(const KeyLog&) = delete;
    KeyLog& operator=(const KeyLog&) = delete;

    // Errors (a full disk) are logged once and otherwise ignored: the log is a debugging aid.
    void write(uint32_t tag_on_wire, uint16_t epoch, keys::KeyRole role,
               const record::KeyMaterial& material);
    // A line of an SSLKEYLOGFILE, without its end.
    void write_line(std::string_view line);

    // Those of the last kLookBack octets of the file, one after the other. What cannot be read is
    // left out.
    [[nodiscard]] SecretBytes lines(const Wanted& wanted) const;
    // Is told of every further line; empty: nobody.
    void set_watch(Watch watch) { watch_ = std::move(watch); }

 private:
    explicit KeyLog(int descriptor) : descriptor_(descriptor) {}
    void append(std::string& line);

    int descriptor_;
    bool failed_ = false;
    Watch watch_;
};

}  // namespace sdg::keymgmt
