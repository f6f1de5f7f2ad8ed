#include "control/admin/server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>

namespace sdg::admin {
namespace {

bool would_block() {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

std::optional<Peer> peer_of(int descriptor) {
    ucred credentials{};
    socklen_t length = sizeof credentials;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
        return std::nullopt;
    }
    return Peer{.uid = credentials.uid, .gid = credentials.gid, .pid = credentials.pid};
}

// As recv(), with the file that came along, if `file` has none yet; every other one is closed.
ssize_t receive(int descriptor, std::span<char> buffer, Descriptor& file) {
    constexpr size_t kMostFiles = 8;  // the kernel closes what has no room
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMostFiles * sizeof(int))> control{};
    iovec octets{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr message{};
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t length = ::recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC);
    if (length < 0) {
        return length;
    }
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; ++i) {
            int received = -1;
            std::memcpy(&received, CMSG_DATA(part) + i * sizeof received, sizeof received);
            Descriptor one(received);
            if (file.get() < 0) {
                file = std::move(one);
            }
        }
    }
    return length;
}

// Best effort: a client that is not wanted is not waited for.
void send_at_once(int descriptor, const std::string& line) {
    (void)!::send(descriptor, line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::open(const Settings& settings, Answer answer,
                                             const Clock& clock, Gone gone) {
    auto file = SocketFile::listen(settings.socket, settings.group);
    if (!file) {
        return tl::unexpected(file.error());
    }
    return std::unique_ptr<Server>(new Server(std::move(*file), std::move(answer), clock,
                                              std::move(gone), settings.idle_timeout));
}

size_t Server::poll() {
    std::array<pollfd, kMaxClients + 1> wanted{};
    wanted[0] = {.fd = file_->descriptor(), .events = POLLIN, .revents = 0};
    nfds_t count = 1;
    for (const Client& client : clients_) {
        // While an answer waits nothing more is read.
        const bool sends = client.sent < client.output.size();
        wanted[count++] = {.fd = client.descriptor.get(),
                           .events = static_cast<short>(sends ? POLLOUT : POLLIN),
                           .revents = 0};
    }
    if (::poll(wanted.data(), count, 0) < 0) {
        return 0;
    }
    const TimePoint now = clock_.now();
    size_t answered = 0;
    nfds_t index = 1;
    for (auto client = clients_.begin(); client != clients_.end(); ++index) {
        if (serve(*client, wanted[index].revents, now, answered)) {
            ++client;
            continue;
        }
        if (gone_) {
            gone_(client->caller.client);
        }
        client = clients_.erase(client);
    }
    if ((wanted[0].revents & POLLIN) != 0) {
        accept_clients(now);
    }
    return answered;
}

void Server::accept_clients(TimePoint now) {
    // As many as may be here at all: who floods is looked at again in the next round.
    for (size_t i = 0; i < kMaxClients; ++i) {
        const int descriptor =
            ::accept4(file_->descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0) {
            return;
        }
        const auto peer = peer_of(descriptor);
        if (!peer || (clients_.size() >= kMaxClients && !make_room(now))) {
            const Descriptor closed(descriptor);
            send_at_once(descriptor, error_line(std::nullopt, {ErrorCode::resource_exhausted,
                                                               "too many clients, try again"}));
            continue;
        }
        Client& client = clients_.emplace_back(descriptor);
        client.caller.peer = *peer;
        client.caller.client = ++last_client_;
        client.last_heard = now;
    }
}

bool Server::make_room(TimePoint now) {
    const auto longest = std::ranges::min_element(clients_, {}, &Client::last_heard);
    if (now - longest->last_heard < kIdleWhenFull) {
        return false;
    }
    if (gone_) {
        gone_(longest->caller.client);
    }
    clients_.erase(longest);
    return true;
}

bool Server::serve(Client& client, short events, TimePoint now, size_t& answered) {
    if (client.sent < client.output.size()) {
        if ((events & (POLLOUT | POLLERR | POLLHUP)) != 0 && !write_output(client, now)) {
            return false;
        }
    } else if ((events & (POLLIN | POLLERR | POLLHUP)) != 0 && !read_input(client, now)) {
        return false;
    }
    if (client.sent == client.output.size()) {
        const size_t end = client.input.find('\n');
        if (end != std::string::npos) {
            client.output = answer_(std::string_view(client.input).substr(0, end), client.caller);
            client.caller.file = Descriptor();
            client.input.erase(0, end + 1);
            ++answered;
        } else if (client.input.size() > kMaxRequest) {
            // Where the next request begins is not known any more.
            client.output = error_line(
                std::nullopt, {ErrorCode::invalid_argument,
                               fmt::format("the request is longer than {} octets", kMaxRequest)});
            client.input.clear();
            client.finished = true;
        } else {
            return !client.finished && now - client.last_heard < idle_timeout_;
        }
        client.sent = 0;
        if (!write_output(client, now)) {
            return false;
        }
    }
    return now - client.last_heard < idle_timeout_;
}

bool Server::read_input(Client& client, TimePoint now) {
    std::array<char, kMaxRequest + 1> buffer;
    const size_t room = buffer.size() - std::min(buffer.size(), client.input.size());
    if (client.finished || room == 0) {
        return true;
    }
    const ssize_t length =
        receive(client.descriptor.get(), {buffer.data(), room}, client.caller.file);
    if (length < 0) {
        return would_block();
    }
    if (length == 0) {
        client.finished = true;  // what it has asked is still answered
        return true;
    }
    client.input.append(buffer.data(), static_cast<size_t>(length));
    client.last_heard = now;
    return true;
}

bool Server::write_output(Client& client, TimePoint now) {
    const ssize_t length = ::send(client.descriptor.get(), client.output.data() + client.sent,
                                  client.output.size() - client.sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (length < 0) {
        return would_block();
    }
    client.sent += static_cast<size_t>(length);
    client.last_heard = now;
    return true;
}

}  // namespace sdg::admin
