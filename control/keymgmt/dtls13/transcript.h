// The transcript hash of a handshake (RFC 8446, section 4.4.1; RFC 9147, section 5.2): messages
// with their TLS header of four octets, without DTLS's message_seq and fragment fields.
//
// Control thread. Before the suite is known the messages themselves are kept; they are few and
// bounded by the reassembly.
#pragma once

#include "control/keymgmt/dtls13/code_points.h"
#include "control/keymgmt/dtls13/key_derivation.h"
#include "control/keymgmt/dtls13/openssl_types.h"

namespace sdg::keymgmt::dtls13 {

// The form in which a message enters transcripts: type, length (three octets), body.
[[nodiscard]] Octets tls_message(HandshakeType type, View body);

class Transcript {
 public:
    // The hash to use from now on. Once.
    [[nodiscard]] Checked<void> choose(const Hash& hash);
    [[nodiscard]] Checked<void> add(HandshakeType type, View body);
    // Replaces everything so far by message_hash(digest of the first ClientHello) (section 4.4.1).
    [[nodiscard]] Checked<void> restart_with(View client_hello_hash);
    // Hash of everything added. Only after choose().
    [[nodiscard]] Checked<Digest> current() const;

 private:
    Hash hash_;
    DigestContext running_;
    Octets pending_;
};

}  // namespace sdg::keymgmt::dtls13
