// AEAD and record number encryption of one epoch and direction (RFC 9147, sections 4.2.3 and 4.3;
// RFC 8446, section 5.2), by libcrypto's EVP.
//
// Keys are expanded once and live in EVP contexts, which wipe themselves. Control thread.
#pragma once

#include <optional>

#include "control/keymgmt/dtls13/key_derivation.h"
#include "control/keymgmt/dtls13/openssl_types.h"
#include "control/keymgmt/dtls13/record.h"

namespace sdg::keymgmt::dtls13 {

// Octets that protection adds to the content of a record as we send it, header included.
inline constexpr size_t kProtectionOverhead = kUnifiedHeader + 1 + record::kTagLength;

class RecordProtection {
 public:
    enum class Direction { seal, open };
    [[nodiscard]] static Checked<RecordProtection> create(record::Suite suite, Direction direction,
                                                          View traffic_secret);

    // Appends a whole record.
    [[nodiscard]] Checked<void> seal(RecordNumber number, ContentType type, View content,
                                     Octets& datagram);
    // The sequence number of a record, the one nearest to next_expected that its bits allow.
    // Nothing: too short to be a record.
    [[nodiscard]] std::optional<uint64_t> sequence_of(const WireRecord& record,
                                                      uint64_t next_expected);
    // TLSInnerPlaintext with its type and padding still on. Nothing: not authentic.
    [[nodiscard]] std::optional<Octets> open(const WireRecord& record, uint64_t sequence);

 private:
    struct Mask {
        uint8_t octets[2];
    };
    [[nodiscard]] std::optional<Mask> mask_of(View ciphertext);
    [[nodiscard]] bool set_nonce(uint64_t sequence);

    CipherContext aead_;
    CipherContext number_cipher_;
    bool chacha20_ = false;
    std::array<uint8_t, record::kIvLength> iv_{};
};

}  // namespace sdg::keymgmt::dtls13
