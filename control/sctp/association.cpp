#include "control/sctp/association.h"

#include <arpa/inet.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "control/sctp/init_negotiation.h"
#include "control/sctp/leg_socket.h"

namespace sdg::sctp {
namespace {

// usrsctp's SCTP_GET_SNDBUF_USE and its struct sctp_sockstat: in the library, not in its header.
constexpr int kGetSendBufferUse = 0x1101;
struct SendBufferUse {
    sctp_assoc_t association = SCTP_FUTURE_ASSOC;
    uint32_t send_octets = 0;
    uint32_t receive_octets = 0;
};

void on_upcall(struct socket*, void* association, int) {
    static_cast<LiveAssociation*>(association)->wake();
}

bool would_block(int error) {
    // EMSGSIZE: usrsctp's way to say "now full" for more octets than the whole buffer holds.
    return error == EWOULDBLOCK || error == EAGAIN || error == EMSGSIZE || error == ENOBUFS;
}

std::string text_of(int error) {
    return std::generic_category().message(error);
}

}  // namespace

std::string_view to_string(CloseReason reason) {
    switch (reason) {
        case CloseReason::shutdown_complete:
            return "shutdown complete";
        case CloseReason::peer_aborted:
            return "peer aborted";
        case CloseReason::locally_aborted:
            return "locally aborted";
        case CloseReason::peer_unreachable:
            return "peer unreachable";
        case CloseReason::negotiation_failed:
            return "negotiation failed";
        case CloseReason::restarted:
            return "peer restarted";
        case CloseReason::internal:
            return "internal";
    }
    return "unknown";
}

LiveAssociation::LiveAssociation(ReadyList& ready, const Endpoints& endpoints,
                                 const LegSettings& leg, bool initiator)
    : endpoints_(endpoints), leg_(leg), receive_window_(leg.receive_buffer), ready_(ready) {
    negotiated_.initiator = initiator;
}

LiveAssociation::~LiveAssociation() = default;

void LiveAssociation::adopt(Socket socket) {
    socket_ = std::move(socket);
    usrsctp_set_upcall(socket_.get(), &on_upcall, this);
}

void LiveAssociation::wake() {
    woken_by_timer_ = woken_by_timer_ || ready_.in_timers();
    if (!queued_ && !finished_) {
        queued_ = true;
        ready_.push(*this);
    }
}

void LiveAssociation::end(CloseReason reason, std::string detail) {
    if (!close_) {
        close_ = Close{reason, std::move(detail)};
    }
    wake();
}

void LiveAssociation::deliver() {
    queued_ = false;
    if (finished_) {
        return;
    }
    if (socket_ && !close_ && !established_) {
        read_until_established();
    }
    if (established_ && !established_told_ && !close_) {
        established_told_ = true;
        observer_->on_established(*this);
    }
    if (socket_ && !close_ && established_) {
        const int events = usrsctp_get_events(socket_.get());
        if ((events & SCTP_EVENT_ERROR) != 0) {
            on_lost(0);
        }
        if (!close_ && (events & SCTP_EVENT_READ) != 0) {
            observer_->on_readable(*this);
        }
        if (!close_ && blocked_ && (events & SCTP_EVENT_WRITE) != 0) {
            blocked_ = false;
            observer_->on_writable(*this);
        }
        if (!close_ && sent_since_dry_ && unsent_octets() == 0) {
            sent_since_dry_ = false;
            observer_->on_sender_dry(*this);
        }
    }
    if (peer_shutdown_ && !peer_shutdown_told_) {
        peer_shutdown_told_ = true;
        observer_->on_peer_shutdown(*this);
    }
    woken_by_timer_ = false;
    if (close_ && !finished_) {
        finished_ = true;
        const Close close = *close_;
        ready_.finish(*this, close.reason, close.detail);
    }
}

void LiveAssociation::read_until_established() {
    std::array<uint8_t, 512> buffer;
    while (!established_ && !close_) {
        if ((usrsctp_get_events(socket_.get()) & SCTP_EVENT_READ) == 0) {
            return;
        }
        if (!read(buffer) && errno == EWOULDBLOCK) {
            return;
        }
    }
}

// One piece of a user message; notifications on the way are dealt with. nullopt: nothing there
// (errno is then EWOULDBLOCK), ended, or just established.
std::optional<Association::Received> LiveAssociation::read(std::span<uint8_t> buffer) {
    const bool was_established = established_;
    while (!close_ && established_ == was_established) {
        sctp_rcvinfo info{};
        socklen_t info_length = sizeof info;
        unsigned info_type = SCTP_RECVV_NOINFO;
        int flags = 0;
        const ssize_t length = usrsctp_recvv(socket_.get(), buffer.data(), buffer.size(), nullptr,
                                             nullptr, &info, &info_length, &info_type, &flags);
        if (length < 0) {
            const int error = errno;
            if (error != EWOULDBLOCK && error != EAGAIN) {
                on_lost(error);
            }
            errno = EWOULDBLOCK;
            return std::nullopt;
        }
        const auto octets = buffer.first(static_cast<size_t>(length));
        if ((flags & MSG_NOTIFICATION) != 0) {
            notification_.insert(notification_.end(), octets.begin(), octets.end());
            if ((flags & MSG_EOR) != 0) {
                on_notification(notification_);
                notification_.clear();
            }
            continue;
        }
        if (length ==
            0) {  // end of the stream: the notification of it was dropped for want of space
            on_lost(0);
            break;
        }
        Received out;
        out.length = octets.size();
        out.info.stream = info.rcv_sid;
        out.info.ppid = ntohl(info.rcv_ppid);
        out.info.unordered = (info.rcv_flags & SCTP_UNORDERED) != 0;
        out.info.end_of_message = (flags & MSG_EOR) != 0;
        return out;
    }
    errno = EWOULDBLOCK;
    return std::nullopt;
}

void LiveAssociation::on_notification(std::span<const uint8_t> octets) {
    sctp_assoc_change change{};
    if (octets.size() < sizeof(uint16_t)) {
        return;
    }
    uint16_t type = 0;
    std::memcpy(&type, octets.data(), sizeof type);
    if (type == SCTP_SHUTDOWN_EVENT) {
        peer_shutdown_ = true;
        wake();
        return;
    }
    if (type != SCTP_ASSOC_CHANGE || octets.size() < sizeof change) {
        return;
    }
    std::memcpy(&change, octets.data(), sizeof change);
    switch (change.sac_state) {
        case SCTP_COMM_UP:
            established_ = true;
            inbound_streams_ = change.sac_inbound_streams;
            outbound_streams_ = change.sac_outbound_streams;
            break;
        case SCTP_SHUTDOWN_COMP:
            end(CloseReason::shutdown_complete,
                shutdown_requested_ ? "shut down by us" : "shut down by the peer");
            break;
        case SCTP_RESTART:
            receive_window_.restart();
            if (leg_.survives_restart) {
                if (const auto ready = after_restart(socket_.get(), leg_, endpoints_.local.family);
                    !ready) {
                    end(CloseReason::internal, ready.error().message);
                    break;
                }
                inbound_streams_ = change.sac_inbound_streams;
                outbound_streams_ = change.sac_outbound_streams;
                observer_->on_restarted(*this);
                break;
            }
            end(CloseReason::restarted, "the peer restarted the association");
            break;
        default:  // COMM_LOST, CANT_STR_ASSOC
            on_lost(0);
            break;
    }
}

// The association has gone without a shutdown. error: what a call returned, 0: ask the socket.
void LiveAssociation::on_lost(int error) {
    if (close_) {
        return;
    }
    if (error == 0) {
        socklen_t length = sizeof error;
        usrsctp_getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    }
    if (abort_cause_ && is_negotiation_cause(*abort_cause_)) {
        end(CloseReason::negotiation_failed,
            "peer refused with error cause " + cause_text(*abort_cause_));
    } else if (error == ECONNRESET || error == ECONNREFUSED) {
        end(CloseReason::peer_aborted,
            abort_cause_ ? "ABORT with error cause " + cause_text(*abort_cause_) : "ABORT");
    } else if (error == ETIMEDOUT) {
        end(CloseReason::peer_unreachable, negotiated_.initiator && !established_
                                               ? "INIT or COOKIE ECHO not answered"
                                               : "retransmissions exhausted");
    } else if (woken_by_timer_) {
        end(CloseReason::peer_unreachable, "retransmissions exhausted");
    } else {
        end(CloseReason::internal, error == 0
                                       ? "association ended without a notification"
                                       : "usrsctp gave the association up: " + text_of(error));
    }
}

Result<size_t> LiveAssociation::send(const FragmentInfo& info, std::span<const uint8_t> octets) {
    if (!socket_ || !established_ || close_ || shutdown_requested_) {
        return fail(ErrorCode::unavailable, "association is not open for sending");
    }
    if (octets.empty()) {
        return fail(ErrorCode::invalid_argument, "a fragment of a user message without octets");
    }
    sctp_sndinfo sndinfo{};
    sndinfo.snd_sid = info.stream;
    sndinfo.snd_ppid = htonl(info.ppid);
    sndinfo.snd_flags = static_cast<uint16_t>((info.unordered ? SCTP_UNORDERED : 0) |
                                              (info.end_of_message ? SCTP_EOR : 0));
    const ssize_t taken = usrsctp_sendv(socket_.get(), octets.data(), octets.size(), nullptr, 0,
                                        &sndinfo, sizeof sndinfo, SCTP_SENDV_SNDINFO, 0);
    if (taken < 0) {
        const int error = errno;
        if (would_block(error)) {
            blocked_ = true;
            return size_t{0};
        }
        wake();
        if (error == EINVAL) {
            return fail(ErrorCode::invalid_argument,
                        "stream {} is not one of {}, or another message is not finished",
                        info.stream, outbound_streams_);
        }
        return fail(ErrorCode::unavailable, "association does not take messages any more: {}",
                    text_of(error));
    }
    sent_since_dry_ = true;
    // A short message may fit where another did not, for which the room is still to be told of.
    blocked_ = blocked_ || static_cast<size_t>(taken) < octets.size();
    return static_cast<size_t>(taken);
}

Result<std::optional<Association::Received>> LiveAssociation::receive(std::span<uint8_t> buffer) {
    if (!socket_ || !established_ || close_ || buffer.empty()) {
        return std::optional<Received>{};
    }
    return read(buffer);
}

size_t LiveAssociation::unsent_octets() const {
    SendBufferUse use;
    socklen_t length = sizeof use;
    if (!socket_ || close_ ||
        usrsctp_getsockopt(socket_.get(), IPPROTO_SCTP, kGetSendBufferUse, &use, &length) != 0) {
        return 0;
    }
    return use.send_octets;
}

std::optional<PathFigures> LiveAssociation::path_figures() const {
    struct sctp_status status {};
    socklen_t length = sizeof status;
    if (!socket_ || close_ || !established_ ||
        usrsctp_getsockopt(socket_.get(), IPPROTO_SCTP, SCTP_STATUS, &status, &length) != 0) {
        return std::nullopt;
    }
    const struct sctp_paddrinfo& path = status.sstat_primary;
    return PathFigures{.smoothed_rtt = std::chrono::milliseconds(path.spinfo_srtt),
                       .rto = std::chrono::milliseconds(path.spinfo_rto),
                       .congestion_window = path.spinfo_cwnd,
                       .peer_window = status.sstat_rwnd,
                       .path_mtu = path.spinfo_mtu,
                       .chunks_unacknowledged = status.sstat_unackdata,
                       .chunks_to_receive = status.sstat_penddata,
                       .chunks_sent = sent_data_.chunks(),
                       .chunks_sent_again = sent_data_.again()};
}

void LiveAssociation::shutdown() {
    if (close_ || shutdown_requested_) {
        return;
    }
    if (!socket_ || !established_) {
        abort("shut down before the association was up");
        return;
    }
    shutdown_requested_ = true;
    usrsctp_shutdown(socket_.get(), SHUT_WR);
    wake();
}

void LiveAssociation::abort(std::string_view text) {
    if (close_) {
        return;
    }
    if (socket_ && established_) {
        sctp_sndinfo sndinfo{};
        sndinfo.snd_flags = SCTP_ABORT;
        // When the send buffer is full usrsctp refuses even this; the ABORT then goes without text
        // when the socket is closed.
        const std::string_view shortened = text.substr(0, 256);
        static_cast<void>(usrsctp_sendv(socket_.get(), shortened.data(), shortened.size(), nullptr,
                                        0, &sndinfo, sizeof sndinfo, SCTP_SENDV_SNDINFO, 0));
    }
    end(CloseReason::locally_aborted, std::string(text));
}

void LiveAssociation::request_heartbeat() {
    if (!socket_ || !established_ || close_) {
        return;
    }
    sctp_paddrparams path{};
    const sockaddr_conn peer = socket_address(path_.address, path_.peer_port);
    std::memcpy(&path.spp_address, &peer, sizeof peer);
    path.spp_flags = SPP_HB_DEMAND;
    usrsctp_setsockopt(socket_.get(), IPPROTO_SCTP, SCTP_PEER_ADDR_PARAMS, &path, sizeof path);
}

}  // namespace sdg::sctp
