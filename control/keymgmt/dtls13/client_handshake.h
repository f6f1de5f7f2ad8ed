// The client's side of a handshake (RFC 8446, appendix A.1; RFC 9147, section 5).
//
//   start --> wait_server_hello --> wait_encrypted_extensions --> wait_certificate_request
//         --> wait_certificate --> wait_certificate_verify --> wait_finished --> complete
// A HelloRetryRequest goes back to wait_server_hello, once. Every other message is
// unexpected_message. Control thread.
#pragma once

#include "control/keymgmt/dtls13/handshake.h"
#include "control/keymgmt/dtls13/key_exchange.h"

namespace sdg::keymgmt::dtls13 {

class ClientHandshake {
 public:
    explicit ClientHandshake(HandshakeContext context) : context_(context) {}

    // Sends the ClientHello.
    [[nodiscard]] Checked<void> start();
    [[nodiscard]] Checked<void> on_message(const Reassembly::Message& message);
    // Epoch 3 may be sent and received; the server may not know yet.
    [[nodiscard]] bool is_complete() const { return state_ == State::complete; }

 private:
    enum class State {
        wait_server_hello,
        wait_encrypted_extensions,
        wait_certificate_request,
        wait_certificate,
        wait_certificate_verify,
        wait_finished,
        complete,
    };

    [[nodiscard]] Checked<void> send_client_hello(std::optional<View> cookie);
    [[nodiscard]] Checked<void> on_server_hello(View body);
    [[nodiscard]] Checked<void> on_hello_retry(const ServerHello& hello, View body);
    [[nodiscard]] Checked<void> on_encrypted_extensions(View body);
    [[nodiscard]] Checked<void> on_certificate_request(View body);
    [[nodiscard]] Checked<void> on_finished(View body);

    HandshakeContext context_;
    State state_ = State::wait_server_hello;
    HelloRandom random_{};
    std::vector<KeyShare> shares_;
    std::vector<SignatureScheme> server_schemes_;  // of its CertificateRequest
    bool is_asked_ = false;                        // for our certificate
};

}  // namespace sdg::keymgmt::dtls13
