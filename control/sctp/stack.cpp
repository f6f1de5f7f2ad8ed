#include "control/sctp/stack.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "dataplane/packet/sctp.h"

namespace sdg::sctp {
namespace {

// Messages that may wait in an association in each direction, besides the limit in octets.
constexpr uint32_t kMaxChunksQueued = 4096;

Stack* running = nullptr;  // usrsctp's output callback has no argument of ours

void start_usrsctp(int (*output)(void*, void*, size_t, uint8_t, uint8_t)) {
    // The sizes of the global tables cannot be changed: usrsctp_init() sets its defaults and reads
    // them in one go (1,024 buckets of endpoints, 16,384 of verification tags). addressing.h
    // spreads over those.
    usrsctp_init_nothreads(0, output, nullptr);
    usrsctp_enable_crc32c_offload();

    usrsctp_sysctl_set_sctp_asconf_enable(0);
    usrsctp_sysctl_set_sctp_auto_asconf(0);
    usrsctp_sysctl_set_sctp_auth_enable(0);
    usrsctp_sysctl_set_sctp_reconfig_enable(0);
    usrsctp_sysctl_set_sctp_pr_enable(0);
    usrsctp_sysctl_set_sctp_ecn_enable(0);
    usrsctp_sysctl_set_sctp_nrsack_enable(0);
    usrsctp_sysctl_set_sctp_pktdrop_enable(0);
    usrsctp_sysctl_set_sctp_default_frag_interleave(0);
    usrsctp_sysctl_set_sctp_vtag_time_wait(0);
    usrsctp_sysctl_set_sctp_max_chunks_on_queue(kMaxChunksQueued);
    // Per-endpoint table of peers, read per socket: a one-to-one socket has one.
    usrsctp_tunable_set_sctp_pcbtblsize(1);

    for (uint16_t address = 1; address <= kAddresses; ++address) {
        usrsctp_register_address(conn_address(address));
    }
}

}  // namespace

void SocketCloser::operator()(struct socket* socket) const {
    const linger now = {1, 0};
    usrsctp_set_upcall(socket, nullptr, nullptr);
    usrsctp_setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    usrsctp_close(socket);
    Stack::uncount_socket();
}

std::shared_ptr<Stack> Stack::acquire() {
    static const std::shared_ptr<Stack> stack(new Stack);
    return stack;
}

Stack::Stack() : sinks_(0x10000, nullptr) {
    running = this;
    start_usrsctp(&Stack::output);
}

std::chrono::milliseconds Stack::tick() const {
    constexpr size_t kSocketsPerMillisecond = 100;
    return std::chrono::milliseconds(
        std::clamp<size_t>(sockets_ / kSocketsPerMillisecond, 10, 100));
}

void Stack::follow(const Clock& clock) {
    Followed& followed = clocks_[&clock];
    if (followed.users++ == 0) {
        followed.ahead = clock.now() - time_;
    }
}

void Stack::unfollow(const Clock& clock) {
    const auto found = clocks_.find(&clock);
    if (found != clocks_.end() && --found->second.users == 0) {
        clocks_.erase(found);
    }
}

void Stack::advance(const Clock& clock) {
    const auto found = clocks_.find(&clock);
    if (found == clocks_.end()) {
        return;
    }
    const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(
        clock.now() - found->second.ahead - time_);
    if (elapsed >= tick()) {
        time_ += elapsed;
        in_timers_ = true;
        usrsctp_handle_timers(static_cast<uint32_t>(elapsed.count()));
        in_timers_ = false;
    }
}

void Stack::route_output(uint16_t local_port, PacketSink* sink) {
    sinks_[local_port] = sink;
}

void Stack::input(const VirtualPath& path, std::span<const uint8_t> packet) {
    usrsctp_conninput(conn_address(path.address), packet.data(), packet.size(), 0);
}

int Stack::output(void* address, void* buffer, size_t length, uint8_t, uint8_t) {
    if (running == nullptr || length < packet::kCommonHeader + packet::kChunkHeader) {
        return 0;
    }
    auto* octets = static_cast<uint8_t*>(buffer);
    VirtualPath path;
    std::memcpy(&path.local_port, octets, sizeof path.local_port);
    std::memcpy(&path.peer_port, octets + 2, sizeof path.peer_port);
    path.address = address_index(address);
    if (PacketSink* sink = running->sinks_[path.local_port]; sink != nullptr) {
        sink->on_output(path, {octets, length});
    }
    return 0;  // a lost packet is SCTP's to repair; an error here would end up at the socket
}

Socket accept_socket(struct socket* listening) {
    Socket socket(usrsctp_accept(listening, nullptr, nullptr));
    if (socket) {
        Stack::count_socket();
    }
    return socket;
}

Result<Socket> open_socket(uint16_t virtual_port) {
    Socket socket(usrsctp_socket(AF_CONN, SOCK_STREAM, IPPROTO_SCTP, nullptr, nullptr, 0, nullptr));
    if (!socket) {
        return fail(ErrorCode::resource_exhausted, "usrsctp has no socket left: {}",
                    std::generic_category().message(errno));
    }
    Stack::count_socket();
    if (usrsctp_set_non_blocking(socket.get(), 1) != 0) {
        return fail(ErrorCode::internal, "usrsctp socket cannot be made non-blocking: {}",
                    std::generic_category().message(errno));
    }
    sockaddr_conn any = socket_address(0, virtual_port);
    if (usrsctp_bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
        return fail(ErrorCode::already_exists, "usrsctp cannot bind virtual port {}: {}",
                    virtual_port, std::generic_category().message(errno));
    }
    return socket;
}

}  // namespace sdg::sctp
