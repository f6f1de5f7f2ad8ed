// dtls13-shim: the engine under BoringSSL's test runner (ssl/test/PORTING.md in its sources).
//
// The runner listens on TCP; the shim connects, sends its id (64 bits, little endian), and then
// both frame datagrams and commands, each an octet and what belongs to it (network byte order):
//
//   P  a datagram: length (32 bits), octets
//   T  time passes: nanoseconds (64 bits); answered by t, before anything is sent because of it
//   E  what our next time-out must be: nanoseconds (64 bits), all ones for none
//   M  a new MTU, U  a new first time-out: not implemented
//
// Once established, the shim sends back what it gets with every bit turned over. Exit code 0: as
// wanted; 1: not, with the reason on standard error; 89: not implemented.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>

#include "control/keymgmt/dtls13/connection.h"
#include "dataplane/packet/byte_order.h"
#include "foundation/descriptor.h"
#include "tools/dtls13-peer/shim_options.h"

namespace sdg::tools {
namespace {

using namespace keymgmt::dtls13;

constexpr int kFailed = 1;
constexpr std::string_view kFirstWords = "hello";
constexpr uint64_t kNoTimeout = UINT64_MAX;
constexpr uint32_t kLargestDatagram = 1 << 20;

struct CloseFile {
    void operator()(FILE* file) const { std::fclose(file); }
};

// PEM files; or, without, a certificate that says nothing, for a client that may be asked for one.
std::optional<OwnIdentity> load_identity(const ShimOptions& options) {
    OwnIdentity out;
    const auto add = [&](X509* certificate) {
        Octets der(static_cast<size_t>(std::max(i2d_X509(certificate, nullptr), 0)));
        uint8_t* at = der.data();
        i2d_X509(certificate, &at);
        out.chain.push_back(std::move(der));
    };
    if (options.certificate_file.empty()) {
        out.key.reset(EVP_EC_gen("P-256"), FreeCrypto{});
        const CertificatePointer certificate(X509_new());
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
        X509_set_pubkey(certificate.get(), out.key.get());
        if (X509_sign(certificate.get(), out.key.get(), EVP_sha256()) <= 0) {
            return std::nullopt;
        }
        add(certificate.get());
        return out;
    }
    using File = std::unique_ptr<FILE, CloseFile>;
    const File certificates(std::fopen(options.certificate_file.c_str(), "r"));
    const File key(std::fopen(options.key_file.c_str(), "r"));
    if (!certificates || !key) {
        return std::nullopt;
    }
    while (const CertificatePointer one{
        PEM_read_X509(certificates.get(), nullptr, nullptr, nullptr)}) {
        add(one.get());
    }
    ERR_clear_error();
    out.key.reset(PEM_read_PrivateKey(key.get(), nullptr, nullptr, nullptr), FreeCrypto{});
    return out.key ? std::optional(std::move(out)) : std::nullopt;
}

// Servers of older versions begin with it.
bool is_hello_verify_request(View datagram) {
    constexpr uint8_t kHelloVerifyRequest = 3;
    return datagram.size() > kClearHeader &&
           static_cast<ContentType>(datagram[0]) == ContentType::handshake &&
           datagram[kClearHeader] == kHelloVerifyRequest;
}

class Shim {
 public:
    explicit Shim(const ShimOptions& options)
        : options_(options),
          socket_(::socket(options.ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}

    int run() {
        if (!open() || !make_connection()) {
            return kFailed;
        }
        connection_->start();
        int result = -1;
        while (result < 0) {
            result = flush() ? step() : kFailed;
        }
        // Both have to see everything before the sockets go, or the last words are lost.
        static_cast<void>(flush());
        ::shutdown(socket_.get(), SHUT_WR);
        std::array<uint8_t, 4096> rest{};
        while (::recv(socket_.get(), rest.data(), rest.size(), 0) > 0) {
        }
        return result;
    }

 private:
    static int fail(const std::string& reason) {
        fmt::print(stderr, "{}\n", reason);
        return kFailed;
    }
    bool open() {
        sockaddr_in four{.sin_family = AF_INET,
                         .sin_port = htons(options_.port),
                         .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
                         .sin_zero = {}};
        sockaddr_in6 six{.sin6_family = AF_INET6,
                         .sin6_port = htons(options_.port),
                         .sin6_flowinfo = 0,
                         .sin6_addr = IN6ADDR_LOOPBACK_INIT,
                         .sin6_scope_id = 0};
        const auto* address = options_.ipv6 ? reinterpret_cast<const sockaddr*>(&six)
                                            : reinterpret_cast<const sockaddr*>(&four);
        const int on = 1;
        ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket_.get(), address, options_.ipv6 ? sizeof six : sizeof four) != 0) {
            fail("the runner cannot be reached");
            return false;
        }
        Octets id;
        for (size_t i = 0; i < sizeof options_.id; ++i) {
            id.push_back(static_cast<uint8_t>(options_.id >> (8 * i)));
        }
        return write(id);
    }
    bool make_connection() {
        auto configuration = std::make_shared<Configuration>();
        auto identity = load_identity(options_);
        if (!identity) {
            fail("the certificate or its key cannot be read");
            return false;
        }
        configuration->identity = std::move(*identity);
        if (!options_.groups.empty()) {
            configuration->groups = options_.groups;
        }
        if (!options_.signature_schemes.empty()) {
            configuration->signature_schemes = options_.signature_schemes;
        }
        // A client of ours would insist on being asked.
        configuration->mutual = options_.mutual && options_.is_server;
        configuration->first_timeout = options_.first_timeout;
        // The runner's clock jumps.
        configuration->handshake_timeout = {};
        configuration->cookie_lifetime = std::chrono::hours(1);
        // The runner's default leaves room for any record.
        configuration->packing.max_datagram =
            options_.mtu.value_or(kMaxPlaintext + kProtectionOverhead);
        auto made = Connection::create(
            {.role = options_.is_server ? Role::server : Role::client,
             .configuration = configuration,
             .check_peer = [this](std::span<const CertificatePointer>, Role) -> Checked<void> {
                 return options_.verify_fails
                            ? refuse(options_.has_own_check ? AlertDescription::certificate_unknown
                                                            : AlertDescription::handshake_failure,
                                     "the runner says so")
                            : Checked<void>{};
             },
             .peer_address = {}},
            clock_, random_);
        if (!made) {
            fail(made.error().message);
            return false;
        }
        connection_ = std::move(*made);
        return true;
    }

    // Frames.
    bool write(View octets) {
        while (!octets.empty()) {
            const ssize_t done = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
            if (done <= 0) {
                return false;
            }
            octets = octets.subspan(static_cast<size_t>(done));
        }
        return true;
    }
    bool read(std::span<uint8_t> octets) {
        return ::recv(socket_.get(), octets.data(), octets.size(), MSG_WAITALL) ==
               static_cast<ssize_t>(octets.size());
    }
    bool flush() {
        return std::ranges::all_of(connection_->take_datagrams(), [&](const Octets& datagram) {
            Writer frame;
            frame.u8('P').be16(static_cast<uint16_t>(datagram.size() >> 16));
            frame.be16(static_cast<uint16_t>(datagram.size())).bytes(datagram);
            return write(frame.take());
        });
    }
    std::optional<uint64_t> integer(size_t width) {
        std::array<uint8_t, 8> octets{};
        if (!read(std::span(octets).last(width))) {
            return std::nullopt;
        }
        Reader reader(octets);
        return be64(reader);
    }

    // Takes one frame; the exit code once all is over, negative until then.
    int step() {
        std::array<uint8_t, 1> opcode{};
        if (!read(opcode)) {
            // The runner has gone: after the handshake that is an end like any other.
            return is_up_ && !options_.checks_close_notify
                       ? 0
                       : fail("the runner has gone without close_notify");
        }
        switch (opcode[0]) {
            case 'P':
                return take_datagram();
            case 'T':
                return pass_time();
            case 'E':
                return expect_timeout();
            case 'M':
            case 'U':
                return kUnimplemented;
            default:
                return fail(fmt::format("opcode {}", opcode[0]));
        }
    }
    int take_datagram() {
        const auto length = integer(4);
        if (!length || *length > kLargestDatagram) {
            return fail("a datagram that does not end");
        }
        Octets datagram(static_cast<size_t>(*length));
        if (!read(datagram)) {
            return fail("a datagram that does not end");
        }
        if (!is_up_ && is_hello_verify_request(datagram)) {
            fail("not implemented: versions before DTLS 1.3");
            return kUnimplemented;
        }
        connection_->receive(datagram);
        return follow_up();
    }
    int pass_time() {
        const auto duration = integer(8);
        const Octets answer{'t'};
        if (!duration || !write(answer)) {
            return fail("the runner has gone");
        }
        clock_.advance(std::chrono::nanoseconds(static_cast<int64_t>(*duration)));
        connection_->on_time();
        return follow_up();
    }
    int expect_timeout() {
        const auto expected = integer(8);
        if (!expected) {
            return fail("the runner has gone");
        }
        const auto at = connection_->deadline();
        const uint64_t left =
            at ? static_cast<uint64_t>(std::max(*at - clock_.now(), TimePoint{}).count())
               : kNoTimeout;
        return left == *expected
                   ? -1
                   : fail(fmt::format("the next time-out is in {} ns, not in {}", left, *expected));
    }
    int follow_up() {
        using State = Connection::State;
        if (!is_up_ && connection_->state() == State::established) {
            is_up_ = true;
            if (const int result = begin(); result >= 0) {
                return result;
            }
        }
        for (Octets& data : connection_->take_data()) {
            for (uint8_t& octet : data) {
                octet ^= 0xff;
            }
            // What came with close_notify cannot be answered any more.
            if (connection_->state() == State::established && !connection_->send(data)) {
                return fail("the answer cannot be sent");
            }
        }
        switch (connection_->state()) {
            case State::failed:
                if (!is_up_ && connection_->failure().alert == AlertDescription::protocol_version) {
                    fail("not implemented: versions before DTLS 1.3");
                    return kUnimplemented;
                }
                return fail(fmt::format(
                    "{}: {} ({})",
                    connection_->failure().cause == Failure::Cause::ours ? "alert sent" : "failed",
                    alert_name(connection_->failure().alert), connection_->failure().reason));
            case State::closed:
                return 0;
            case State::handshaking:
            case State::established:
                break;
        }
        return -1;
    }
    // Established.
    int begin() {
        const Negotiated& negotiated = connection_->negotiated();
        const auto differs = [](const auto& expected, auto found) {
            return expected && *expected != found;
        };
        if (differs(options_.expected_group, static_cast<uint16_t>(negotiated.group)) ||
            differs(options_.expected_peer_scheme, static_cast<uint16_t>(negotiated.peer_scheme)) ||
            differs(options_.expected_hello_retry, negotiated.hello_retry)) {
            return fail(fmt::format("negotiated group {:#06x}, peer's scheme {:#06x}, {}retry",
                                    static_cast<unsigned>(negotiated.group),
                                    static_cast<unsigned>(negotiated.peer_scheme),
                                    negotiated.hello_retry ? "" : "no "));
        }
        if (options_.export_length > 0) {
            const auto value = connection_->export_secret(
                options_.export_label, octets_of(options_.export_context), options_.export_length);
            if (!value || !connection_->send(value->bytes())) {
                return fail("the exporter failed");
            }
        }
        if (options_.writes_first && !connection_->send(octets_of(kFirstWords))) {
            return fail("the first words cannot be sent");
        }
        if (options_.shuts_down) {
            connection_->close();
        }
        return -1;
    }

    const ShimOptions& options_;
    ManualClock clock_;
    SystemRandom random_;
    Descriptor socket_;
    std::unique_ptr<Connection> connection_;
    bool is_up_ = false;
};

}  // namespace
}  // namespace sdg::tools

int main(int count, char** arguments) {
    using namespace sdg::tools;
    std::string complaint;
    const auto options = parse_shim_options({arguments + 1, arguments + count}, complaint);
    if (!options) {
        fmt::print(stderr, "not implemented: {}\n", complaint);
        return kUnimplemented;
    }
    if (options->asks_if_supported) {
        fmt::print("No\n");
        return 0;
    }
    return Shim(*options).run();
}
