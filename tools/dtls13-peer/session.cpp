#include "tools/dtls13-peer/session.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "foundation/descriptor.h"

namespace sdg::tools {
namespace {

using namespace keymgmt;
using dtls13::Connection;
using dtls13::Octets;
using dtls13::Role;
using dtls13::View;

constexpr size_t kLargestDatagram = 65536;
constexpr std::chrono::milliseconds kSendAgain{500};

void say(const std::string& line) {
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

std::string hex(View octets) {
    std::string out;
    for (const uint8_t octet : octets) {
        out += fmt::format("{:02x}", octet);
    }
    return out;
}

class Peer {
 public:
    explicit Peer(const PeerOptions& options)
        : options_(options),
          drops_(options.seed),
          end_(clock_.now() + options.limit),
          socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

    int run() {
        if (!open() || !make_connection()) {
            return 2;
        }
        connection_->start();
        while (!is_over()) {
            flush();
            if (!wait()) {
                say("failed out of time");
                return 1;
            }
            follow_up();
        }
        flush();
        if (connection_->state() == Connection::State::failed) {
            say("failed " + connection_->failure().reason);
            return 1;
        }
        say("closed");
        return was_established_ ? 0 : 1;
    }

 private:
    [[nodiscard]] bool is_over() const {
        return connection_->state() == Connection::State::closed ||
               connection_->state() == Connection::State::failed;
    }
    bool open() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(options_.port);
        if (::inet_pton(AF_INET, options_.address.c_str(), &address.sin_addr) != 1) {
            say("failed not an IPv4 address: " + options_.address);
            return false;
        }
        const auto* generic = reinterpret_cast<const sockaddr*>(&address);
        if (!options_.is_server) {
            return ::connect(socket_.get(), generic, sizeof address) == 0;
        }
        if (::bind(socket_.get(), generic, sizeof address) != 0) {
            say("failed the address cannot be bound");
            return false;
        }
        socklen_t length = sizeof address;
        ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length);
        say(fmt::format("listening {}", ntohs(address.sin_port)));
        // The first who comes is the peer.
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        std::array<char, 1> octet{};
        length = sizeof address;
        const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(options_.limit);
        return ::poll(&waiting, 1, static_cast<int>(limit.count())) == 1 &&
               ::recvfrom(socket_.get(), octet.data(), octet.size(), MSG_PEEK,
                          reinterpret_cast<sockaddr*>(&address), &length) >= 0 &&
               ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
    }
    bool make_connection() {
        if (!options_.capture.empty()) {
            capture_.open(options_.capture);
        }
        const auto credentials = tls13::Credentials::load(options_.credentials);
        const auto names = tls13::PeerNames::parse(options_.peer_names);
        if (!credentials || !names) {
            say("failed " + (credentials ? names.error() : credentials.error()).message);
            return false;
        }
        auto configuration = dtls13::configuration_from(options_.credentials, **credentials);
        if (!configuration) {
            say("failed " + configuration.error().message);
            return false;
        }
        configuration->always_hello_retry = options_.hello_retry;
        configuration->mutual = options_.mutual;
        configuration->extended_key_update = options_.extended_key_update;
        configuration->packing.max_datagram = options_.mtu;
        configuration->packing.several_messages_per_record = !options_.one_message_per_record;
        if (!options_.key_log.empty()) {
            key_log_.open(options_.key_log, std::ios::app);
            configuration->key_log_shared_secrets = capture_.is_open();
            configuration->key_log = [this](std::string_view line) {
                key_log_ << line << '\n' << std::flush;
            };
        }
        auto check = dtls13::check_against(*credentials, *names, {}, {});
        auto made = Connection::create(
            {.role = options_.is_server ? Role::server : Role::client,
             .configuration =
                 std::make_shared<const dtls13::Configuration>(std::move(*configuration)),
             .check_peer = check,
             .peer_address = {}},
            clock_, random_);
        if (!made) {
            say("failed " + made.error().message);
            return false;
        }
        connection_ = std::move(*made);
        if (options_.authenticate) {
            authentication_.emplace(*connection_, check,
                                    dtls13::Reauthentication::Options{.min_interval = {}}, clock_,
                                    random_);
        }
        return true;
    }
    void capture(bool from_server, View datagram, bool is_lost = false) {
        if (capture_.is_open()) {
            capture_ << (from_server ? "server " : "client ") << hex(datagram)
                     << (is_lost ? " lost\n" : "\n") << std::flush;
        }
    }
    void flush() {
        for (const Octets& datagram : connection_->take_datagrams()) {
            const bool is_lost = drops_.u32() % 100 < options_.drop_percent;
            capture(options_.is_server, datagram, is_lost);
            if (!is_lost) {
                // A refused or lost datagram is what DTLS is made for.
                static_cast<void>(::send(socket_.get(), datagram.data(), datagram.size(), 0));
            }
        }
    }
    // False: the time is up.
    bool wait() {
        TimePoint until = end_;
        for (const auto& at : {connection_->deadline(),
                               authentication_ ? authentication_->deadline() : std::nullopt}) {
            until = at ? std::min(until, *at) : until;
        }
        if (was_established_ && !options_.is_server && !got_data_) {
            until = std::min(until, sent_at_ + kSendAgain);
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(
            std::max(until - clock_.now(), TimePoint{}));
        pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiting, 1, static_cast<int>(left.count())) == 1) {
            Octets datagram(kLargestDatagram);
            const ssize_t length = ::recv(socket_.get(), datagram.data(), datagram.size(), 0);
            if (length >= 0) {
                datagram.resize(static_cast<size_t>(length));
                capture(!options_.is_server, datagram);
                connection_->receive(datagram);
            }
        }
        connection_->on_time();
        if (authentication_) {
            authentication_->on_time();
        }
        return clock_.now() < end_;
    }
    void follow_up() {
        for (const Octets& data : connection_->take_data()) {
            if (authentication_) {
                authentication_->on_data(data);
                continue;
            }
            say("data " + std::string(data.begin(), data.end()));
            got_data_ = true;
            if (options_.is_server) {
                static_cast<void>(connection_->send(data));
            }
        }
        if (connection_->state() != Connection::State::established) {
            return;
        }
        if (!was_established_) {
            was_established_ = true;
            report();
            begin_round();
        }
        if (connection_->receive_epoch() != epoch_ && !connection_->is_updating()) {
            epoch_ = connection_->receive_epoch();
            say(fmt::format("epoch {}", epoch_));
            begin_round();
        }
        if (authentication_) {
            authentication_->progress();
        }
        if (!options_.is_server) {
            end_round();
        }
    }
    void report() const {
        const dtls13::Negotiated& negotiated = connection_->negotiated();
        say(fmt::format("established {} {} {}{}", record::traits(negotiated.suite)->name,
                        dtls13::group_name(negotiated.group),
                        dtls13::signature_scheme_name(negotiated.peer_scheme),
                        negotiated.hello_retry ? " retry" : ""));
        if (!options_.export_label.empty()) {
            const auto value = connection_->export_secret(
                options_.export_label, dtls13::octets_of(options_.export_context),
                options_.export_length);
            say("exporter " + hex(value ? value->bytes() : View{}));
        }
    }
    // Client: what is done under each epoch's keys.
    void begin_round() {
        if (options_.is_server) {
            return;
        }
        got_data_ = options_.text.empty() || authentication_;
        if (!got_data_) {
            sent_at_ = clock_.now();
            static_cast<void>(connection_->send(dtls13::octets_of(options_.text)));
        }
        wants_authentication_ = authentication_.has_value();
    }
    void end_round() {
        if (wants_authentication_ && connection_->is_acknowledged() && authentication_->request()) {
            wants_authentication_ = false;
        }
        if (authentication_ && authentication_->completed() != authenticated_) {
            authenticated_ = authentication_->completed();
            say(fmt::format("authenticated {}", authenticated_));
        }
        // Application data has nobody who sends it again but us.
        if (!got_data_ && clock_.now() >= sent_at_ + kSendAgain) {
            sent_at_ = clock_.now();
            static_cast<void>(connection_->send(dtls13::octets_of(options_.text)));
        }
        // What has come back shows that the server is established; not every one says so.
        const bool is_acknowledged = connection_->is_acknowledged() ||
                                     (!options_.text.empty() && options_.updates == updates_);
        if (!got_data_ || !is_acknowledged || connection_->is_updating() || wants_authentication_ ||
            (authentication_ && authentication_->is_waiting())) {
            return;
        }
        if (updates_ < options_.updates) {
            ++updates_;
            if (auto started = connection_->start_key_update(); !started) {
                say("failed " + started.error().message);
                connection_->close();
            }
        } else {
            connection_->close();
        }
    }

    const PeerOptions& options_;
    SteadyClock clock_;
    SystemRandom random_;
    SeededRandom drops_;
    TimePoint end_;
    Descriptor socket_;
    std::ofstream key_log_;
    std::ofstream capture_;
    std::unique_ptr<Connection> connection_;
    std::optional<dtls13::Reauthentication> authentication_;
    bool was_established_ = false;
    bool got_data_ = false;
    bool wants_authentication_ = false;
    TimePoint sent_at_{};
    uint64_t authenticated_ = 0;
    uint64_t epoch_ = dtls13::kFirstApplicationEpoch;
    unsigned updates_ = 0;
};

}  // namespace

int run_peer(const PeerOptions& options) {
    return Peer(options).run();
}

}  // namespace sdg::tools
