// Method 0 with the raw parameters in a file: laboratory only, one association at a time.
//
// Other native stacks under development set method 0 up through the draft's socket options
// (SCTP_DTLS_SET_SEND_KEYS, SCTP_DTLS_ADD_RECV_KEYS); this is the same for the gateway. YAML:
//
//     suite: TLS_AES_128_GCM_SHA256
//     first_epoch: 3
//     send:                             # what we write with
//       primary: { key: <hex>, iv: <hex>, sn_key: <hex> }
//       restart: { key: <hex>, iv: <hex>, sn_key: <hex> }      # optional
//     receive:                          # what the peer writes with
//       primary: { ... }
//
// Owner-only rights are required. The same keys in both directions are accepted with a warning: two
// senders then share key and nonces. So are several associations one after the other: their numbers
// start at 0 again under the same key. Neither is safe outside a laboratory.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "control/keymgmt/method.h"
#include "control/keymgmt/preshared/session.h"

namespace sdg::keymgmt {

struct RawKeys {
    record::Suite suite = record::Suite::aes_128_gcm_sha256;
    uint16_t first_epoch = packet::kFirstEpoch;
    record::KeyMaterial send_primary;
    record::KeyMaterial receive_primary;
    std::optional<record::KeyMaterial> send_restart;
    std::optional<record::KeyMaterial> receive_restart;

    [[nodiscard]] bool same_both_ways() const;
};

// invalid_argument naming file and key, never the content.
[[nodiscard]] Result<RawKeys> parse_raw_keys(std::span<const uint8_t> text,
                                             const std::string& name);
[[nodiscard]] Result<RawKeys> read_raw_keys_file(const std::filesystem::path& path);

// Logs the warnings that belong to it.
[[nodiscard]] std::shared_ptr<Method> make_raw_keys_method(RawKeys keys, KeySessionOptions options);

}  // namespace sdg::keymgmt
