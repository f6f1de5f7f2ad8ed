// httplib's server with bounds on what one connection costs: octets, time, and what the library
// gets to see of a request.
//
// The library reads lines of any length, gives every single read its time-out anew, and answers a
// Range header with as many copies of a page as it names. So each connection's TLS handshake and
// the head of its request are read here, and the library is given the request line and the headers
// that our handlers look at (kHeaders) out of memory. There is no body; one request a connection.
//
//   Limits::head         octets of a head; more: 431, and the connection is closed
//   Limits::first_octet  until the first octet; browsers connect in advance and then say nothing
//   Limits::request      from there until the head is whole, a TLS handshake included; then: 408
//   Limits::answer       until the answer has been taken
//   Limits::threads_of_a_source  that one IPv4 address or IPv6 /64 may hold; what else comes from
//                        it waits for these, without a thread
//
// So a thread is held for `first_octet + request + answer` and kLinger at most by a connection,
// whatever a client does, and never all of them by one client. Time is the system's: it is waited
// in poll().
//
// The server's threads; a handler needs nothing of this.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace httplib {
class Server;
}

namespace sdg::metrics {

struct FreeTlsContext {
    void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
};
using TlsContextPtr = std::unique_ptr<SSL_CTX, FreeTlsContext>;

struct HttpLimits {
    size_t head = 8192;
    std::chrono::milliseconds first_octet{2000};
    std::chrono::milliseconds request{5000};
    std::chrono::milliseconds answer{5000};
    unsigned threads_of_a_source = 3;
};

// Of a request only these headers reach the library and the handlers.
inline constexpr std::array<std::string_view, 3> kHeaders{"Host", "Authorization",
                                                          "Accept-Encoding"};

// The request line and the lines of kHeaders, with the empty line that ends a head. A line is what
// the library takes for one: all up to a line feed; without a carriage return before it, a header
// is left out. The library decodes values as if they were URLs: "%" is encoded, so that they come
// out as they were sent.
[[nodiscard]] std::string reduced_head(std::string_view head);

// tls null: plain HTTP. Handlers, address and threads are set as of any httplib::Server; its own
// time-outs and keep-alive mean nothing.
[[nodiscard]] std::unique_ptr<httplib::Server> make_bounded_server(const HttpLimits& limits,
                                                                   TlsContextPtr tls);

}  // namespace sdg::metrics
