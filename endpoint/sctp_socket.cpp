#include "endpoint/sctp_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>
#include <usrsctp.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>
#include <utility>

namespace sdg::endpoint {
namespace {

constexpr size_t kReadSize = 64U << 10;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;
    sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress to_native(const TransportAddress& from) {
    SocketAddress out;
    if (from.address.family == IpAddress::Family::v6) {
        sockaddr_in6 native{};
        native.sin6_family = AF_INET6;
        native.sin6_port = htons(from.port);
        std::memcpy(&native.sin6_addr, from.address.octets.data(), 16);
        std::memcpy(&out.storage, &native, sizeof(native));
        out.length = sizeof(native);
    } else {
        sockaddr_in native{};
        native.sin_family = AF_INET;
        native.sin_port = htons(from.port);
        std::memcpy(&native.sin_addr, from.address.octets.data(), 4);
        std::memcpy(&out.storage, &native, sizeof(native));
        out.length = sizeof(native);
    }
    return out;
}

TransportAddress from_native(const SocketAddress& native) {
    TransportAddress out;
    if (native.storage.ss_family == AF_INET6) {
        sockaddr_in6 in{};
        std::memcpy(&in, &native.storage, sizeof(in));
        out.address = IpAddress::v6(in.sin6_addr.s6_addr);
        out.port = ntohs(in.sin6_port);
    } else {
        sockaddr_in in{};
        std::memcpy(&in, &native.storage, sizeof(in));
        out.address = IpAddress::v4(reinterpret_cast<const uint8_t*>(&in.sin_addr));
        out.port = ntohs(in.sin_port);
    }
    return out;
}

void on_upcall(struct socket* /*unused*/, void* wakeup, int /*unused*/) {
    static_cast<const Wakeup*>(wakeup)->nudge();
}

bool set_option(struct socket* handle, int level, int option, const void* value, size_t length) {
    return usrsctp_setsockopt(handle, level, option, value, static_cast<socklen_t>(length)) == 0;
}

bool prepare(struct socket* handle, const Wakeup& wakeup) {
    const int on = 1;
    const int size = static_cast<int>(kSocketBuffer);
    bool good = usrsctp_set_non_blocking(handle, 1) == 0;
    good = good && set_option(handle, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof(on));
    good = good && set_option(handle, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof(on));
    good = good && set_option(handle, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    good = good && set_option(handle, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    for (const uint16_t type : {uint16_t{SCTP_ASSOC_CHANGE}, uint16_t{SCTP_SHUTDOWN_EVENT},
                                uint16_t{SCTP_PARTIAL_DELIVERY_EVENT}}) {
        sctp_event event{};
        event.se_assoc_id = SCTP_ALL_ASSOC;
        event.se_type = type;
        event.se_on = 1;
        good = good && set_option(handle, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof(event));
    }
    // usrsctp hands the pointer back untouched; the const comes back on in on_upcall.
    void* const argument = const_cast<Wakeup*>(&wakeup);  // NOLINT(*-const-cast)
    return good && usrsctp_set_upcall(handle, on_upcall, argument) == 0;
}

}  // namespace

Result<SctpStack> SctpStack::start(bool silent) {
    // usrsctp keeps quiet when it gets no raw socket, and nothing would ever arrive: try first.
    const int probe = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);
    if (probe < 0) {
        return fail(ErrorCode::permission_denied,
                    "no raw socket for SCTP ({}): run as root or with CAP_NET_RAW",
                    std::strerror(errno));
    }
    ::close(probe);
    usrsctp_init(0, nullptr, nullptr);
    usrsctp_sysctl_set_sctp_blackhole(silent ? 2 : 0);
    usrsctp_sysctl_set_sctp_sendspace(kSocketBuffer);
    usrsctp_sysctl_set_sctp_recvspace(kSocketBuffer);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(65536);
    return SctpStack();
}

SctpStack::SctpStack(SctpStack&& other) noexcept : running_(std::exchange(other.running_, false)) {
}

SctpStack::~SctpStack() {
    // Refuses as long as an association is being taken down; a second is plenty, and past it the
    // process is about to end anyway.
    for (int i = 0; running_ && i < 100 && usrsctp_finish() != 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

SctpSocket::SctpSocket(struct socket* handle, const Wakeup& wakeup)
    : handle_(handle), wakeup_(&wakeup), buffer_(kReadSize) {
}

Result<SctpSocket> SctpSocket::create(IpAddress::Family family, uint16_t streams,
                                      const Wakeup& wakeup) {
    const bool v6 = family == IpAddress::Family::v6;
    struct socket* const handle = usrsctp_socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_SCTP,
                                                 nullptr, nullptr, 0, nullptr);
    if (!handle) {
        return fail(ErrorCode::io, "usrsctp gives no socket: {}", std::strerror(errno));
    }
    SctpSocket out(handle, wakeup);
    sctp_initmsg init{};
    init.sinit_num_ostreams = streams;
    init.sinit_max_instreams = streams;
    // As signalling nodes are set up. A raw socket's receive buffer is small, so that a burst can
    // lose its tail even on a perfect link.
    // usrsctp's thread counts its sleeps of 10 ms, not the time: on a machine with too much to do
    // all this takes several times as long.
    sctp_rtoinfo rto{};
    rto.srto_initial = 500;  // ms
    rto.srto_min = 100;
    rto.srto_max = 5000;
    // One path: there is no other to give it up for (and usrsctp then sends nothing until a
    // HEARTBEAT is answered).
    sctp_paddrparams path{};
    path.spp_address.ss_family = v6 ? AF_INET6 : AF_INET;
    path.spp_pathmaxrxt = std::numeric_limits<uint16_t>::max();
    if (!prepare(handle, wakeup) ||
        !set_option(handle, IPPROTO_SCTP, SCTP_INITMSG, &init, sizeof(init)) ||
        !set_option(handle, IPPROTO_SCTP, SCTP_RTOINFO, &rto, sizeof(rto)) ||
        !set_option(handle, IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof(path))) {
        return fail(ErrorCode::io, "usrsctp refuses a socket option: {}", std::strerror(errno));
    }
    return out;
}

SctpSocket::SctpSocket(SctpSocket&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      wakeup_(other.wakeup_),
      buffer_(std::move(other.buffer_)),
      partial_(std::move(other.partial_)),
      peer_closed_(other.peer_closed_),
      octets_received_(other.octets_received_) {
}

SctpSocket& SctpSocket::operator=(SctpSocket&& other) noexcept {
    if (this != &other) {
        release();
        handle_ = std::exchange(other.handle_, nullptr);
        wakeup_ = other.wakeup_;
        buffer_ = std::move(other.buffer_);
        partial_ = std::move(other.partial_);
        peer_closed_ = other.peer_closed_;
        octets_received_ = other.octets_received_;
    }
    return *this;
}

SctpSocket::~SctpSocket() {
    release();
}

void SctpSocket::release() {
    if (handle_) {
        usrsctp_set_upcall(handle_, nullptr, nullptr);
        const linger now{1, 0};
        set_option(handle_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        usrsctp_close(std::exchange(handle_, nullptr));
    }
}

Result<void> SctpSocket::bind(const TransportAddress& local) {
    SocketAddress native = to_native(local);
    if (usrsctp_bind(handle_, native.get(), native.length) != 0) {
        return fail(ErrorCode::unavailable, "cannot bind {}: {}", local.to_string(),
                    std::strerror(errno));
    }
    return {};
}

Result<void> SctpSocket::listen() {
    if (usrsctp_listen(handle_, 128) != 0) {
        return fail(ErrorCode::io, "cannot listen: {}", std::strerror(errno));
    }
    return {};
}

Result<void> SctpSocket::connect(const TransportAddress& peer) {
    SocketAddress native = to_native(peer);
    if (usrsctp_connect(handle_, native.get(), native.length) != 0 && errno != EINPROGRESS) {
        return fail(ErrorCode::unavailable, "cannot connect to {}: {}", peer.to_string(),
                    std::strerror(errno));
    }
    return {};
}

std::optional<SctpSocket::Accepted> SctpSocket::accept() {
    SocketAddress native;
    native.length = sizeof(native.storage);
    struct socket* const handle = usrsctp_accept(handle_, native.get(), &native.length);
    if (!handle) {
        return std::nullopt;
    }
    Accepted out{SctpSocket(handle, *wakeup_), from_native(native)};
    if (!prepare(handle, *wakeup_)) {
        return std::nullopt;  // gone already
    }
    return out;
}

Result<bool> SctpSocket::send(const UserMessage& message) {
    sctp_sndinfo info{};
    info.snd_sid = message.stream;
    info.snd_flags = message.ordered ? 0 : SCTP_UNORDERED;
    info.snd_ppid = htonl(message.ppid);
    const ssize_t sent = usrsctp_sendv(handle_, message.bytes.data(), message.bytes.size(), nullptr,
                                       0, &info, sizeof(info), SCTP_SENDV_SNDINFO, 0);
    if (sent < 0) {
        if (errno == EWOULDBLOCK || errno == EAGAIN || errno == ENOBUFS) {
            return false;
        }
        return fail(ErrorCode::io, "cannot send {} octets on stream {}: {}", message.bytes.size(),
                    message.stream, std::strerror(errno));
    }
    if (static_cast<size_t>(sent) != message.bytes.size()) {
        return fail(ErrorCode::io, "only {} of {} octets were taken", sent, message.bytes.size());
    }
    return true;
}

Received SctpSocket::notification(const Bytes& bytes) {
    sctp_notification event{};
    std::memcpy(&event, bytes.data(), std::min(bytes.size(), sizeof(event)));
    if (event.sn_header.sn_type == SCTP_SHUTDOWN_EVENT) {
        return PeerShutdown{};
    }
    if (event.sn_header.sn_type != SCTP_ASSOC_CHANGE) {
        return NothingYet{};
    }
    const sctp_assoc_change& change = event.sn_assoc_change;
    switch (change.sac_state) {
        case SCTP_RESTART:
            partial_.clear();
            return AssociationRestarted{};
        case SCTP_COMM_UP:
            return AssociationUp{change.sac_outbound_streams, change.sac_inbound_streams};
        case SCTP_SHUTDOWN_COMP:
            return AssociationEnd::shutdown;
        case SCTP_CANT_STR_ASSOC:
            return AssociationEnd::not_started;
        default:
            // usrsctp hands over the ABORT chunk it received; without one the peer went silent.
            return change.sac_length > sizeof(sctp_assoc_change) ? AssociationEnd::aborted
                                                                 : AssociationEnd::lost;
    }
}

Result<Received> SctpSocket::receive() {
    while (true) {
        sctp_rcvinfo info{};
        socklen_t info_length = sizeof(info);
        unsigned int info_type = SCTP_RECVV_NOINFO;
        int flags = 0;
        SocketAddress from;
        from.length = sizeof(from.storage);
        const ssize_t got = usrsctp_recvv(handle_, buffer_.data(), buffer_.size(), from.get(),
                                          &from.length, &info, &info_length, &info_type, &flags);
        if (got < 0) {
            switch (errno) {
                case EWOULDBLOCK:
                    return NothingYet{};
                case ECONNRESET:
                case ECONNABORTED:
                    return AssociationEnd::aborted;
                case ETIMEDOUT:
                    return AssociationEnd::lost;
                case ECONNREFUSED:
                    return AssociationEnd::not_started;
                case ENOTCONN:
                    if (peer_closed_) {
                        return AssociationEnd::shutdown;
                    }
                    return NothingYet{};
                default:
                    return fail(ErrorCode::io, "cannot receive: {}", std::strerror(errno));
            }
        }
        if (got == 0) {
            // End of file: usrsctp says so when the SHUTDOWN handshake is done.
            return std::exchange(peer_closed_, true) ? Received(NothingYet{})
                                                     : Received(PeerShutdown{});
        }
        const auto end = buffer_.begin() + got;
        if ((flags & MSG_NOTIFICATION) != 0) {
            const Bytes bytes(buffer_.begin(), end);
            const Received event = notification(bytes);
            if (!std::holds_alternative<NothingYet>(event)) {
                return event;
            }
            sctp_notification header{};
            std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof(header)));
            if (header.sn_header.sn_type == SCTP_PARTIAL_DELIVERY_EVENT) {
                partial_.clear();
            }
            continue;
        }
        octets_received_ += static_cast<uint64_t>(got);
        partial_.insert(partial_.end(), buffer_.begin(), end);
        if ((flags & MSG_EOR) == 0) {
            continue;
        }
        if (info_type != SCTP_RECVV_RCVINFO) {
            return fail(ErrorCode::internal, "usrsctp gave no stream and PPID with a message");
        }
        UserMessage message;
        message.stream = info.rcv_sid;
        message.ordered = (info.rcv_flags & SCTP_UNORDERED) == 0;
        message.ppid = ntohl(info.rcv_ppid);
        message.bytes = std::exchange(partial_, {});
        return message;
    }
}

std::string SctpSocket::describe() const {
    struct sctp_status status {};
    socklen_t length = sizeof(status);
    if (usrsctp_getsockopt(handle_, IPPROTO_SCTP, SCTP_STATUS, &status, &length) != 0) {
        return {};
    }
    const sctp_paddrinfo& path = status.sstat_primary;
    return fmt::format(
        "{} chunks unacknowledged, {} to receive, window of the peer {}, congestion window {}, "
        "RTO {} ms, path {}",
        status.sstat_unackdata, status.sstat_penddata, status.sstat_rwnd, path.spinfo_cwnd,
        path.spinfo_rto, path.spinfo_state == SCTP_ACTIVE ? "active" : "not active");
}

void SctpSocket::shutdown() {
    usrsctp_shutdown(handle_, SHUT_WR);
}

void SctpSocket::abort() {
    sctp_sndinfo info{};
    info.snd_flags = SCTP_ABORT;
    usrsctp_sendv(handle_, nullptr, 0, nullptr, 0, &info, sizeof(info), SCTP_SENDV_SNDINFO, 0);
}

}  // namespace sdg::endpoint
