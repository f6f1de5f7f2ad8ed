// The server's side of a handshake (RFC 8446, appendix A.2; RFC 9147, section 5).
//
//   wait_client_hello [--> wait_second_client_hello] --> wait_certificate
//         --> wait_certificate_verify --> wait_finished --> complete
// After a HelloRetryRequest everything needed is in the cookie: a fresh server with the same cookie
// key takes the second ClientHello (message 1) as well as the one that sent the request. Every
// other message is unexpected_message. Control thread.
#pragma once

#include "control/keymgmt/dtls13/cookie.h"
#include "control/keymgmt/dtls13/handshake.h"
#include "control/keymgmt/dtls13/key_exchange.h"

namespace sdg::keymgmt::dtls13 {

class ServerHandshake {
 public:
    // peer_address: bound to cookies. cookie_key: of the configuration, or of this connection.
    ServerHandshake(HandshakeContext context, Octets peer_address,
                    std::shared_ptr<const SecretBytes> cookie_key)
        : context_(context),
          peer_address_(std::move(peer_address)),
          cookie_key_(std::move(cookie_key)) {}

    [[nodiscard]] Checked<void> on_message(const Reassembly::Message& message);
    [[nodiscard]] bool is_complete() const { return state_ == State::complete; }
    // Nothing has been taken yet.
    [[nodiscard]] bool is_fresh() const { return state_ == State::wait_client_hello; }
    // Has asked again, and holds nothing that the cookie does not.
    [[nodiscard]] bool waits_for_cookie() const {
        return state_ == State::wait_second_client_hello;
    }

 private:
    enum class State {
        wait_client_hello,
        wait_second_client_hello,
        wait_certificate,
        wait_certificate_verify,
        wait_finished,
        complete,
    };

    [[nodiscard]] Checked<void> on_client_hello(const Reassembly::Message& message);
    [[nodiscard]] Checked<void> choose_suite(record::Suite suite, const HelloRandom& random);
    [[nodiscard]] Checked<void> ask_again(NamedGroup group, View body);
    [[nodiscard]] Checked<NamedGroup> go_on_from_cookie(const ClientHello& hello);
    [[nodiscard]] Checked<void> answer(const ClientHello& hello, NamedGroup group, View body);
    [[nodiscard]] Checked<void> say_hello(const KeyShareEntry& peer_share);
    [[nodiscard]] Checked<void> on_finished(View body);

    HandshakeContext context_;
    Octets peer_address_;
    std::shared_ptr<const SecretBytes> cookie_key_;
    State state_ = State::wait_client_hello;
};

}  // namespace sdg::keymgmt::dtls13
