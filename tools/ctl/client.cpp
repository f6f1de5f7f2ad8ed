#include "tools/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sdg::ctl {
namespace {

constexpr unsigned kSchemaVersion = 1;
constexpr size_t kMaxAnswer = size_t{16} << 20;  // octets

tl::unexpected<Error> no_answer(std::chrono::seconds patience) {
    return fail(ErrorCode::timed_out,
                "the gateway has not answered within {} s; its control loop may hang",
                patience.count());
}

tl::unexpected<Error> connect_failure(const std::filesystem::path& path,
                                      std::chrono::seconds patience) {
    const int error = errno;
    switch (error) {
        case EAGAIN:  // those who wait already fill the socket's queue
            return no_answer(patience);
        case ENOENT:
            return fail(ErrorCode::not_found,
                        "{}: no such socket; does the gateway run, with an admin section?",
                        path.string());
        case EACCES:
            return fail(ErrorCode::permission_denied,
                        "{}: only the gateway's user and the group admin.group may use it",
                        path.string());
        case ECONNREFUSED:
            return fail(ErrorCode::unavailable, "{}: nobody listens; the gateway does not run",
                        path.string());
        default:
            return fail(ErrorCode::io, "{}: {}", path.string(), std::strerror(error));
    }
}

// file: goes along (SCM_RIGHTS) unless it is negative.
void send_line(int socket, std::string line, int file) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    iovec octets{.iov_base = line.data(), .iov_len = line.size()};
    msghdr message{};
    message.msg_iov = &octets;
    message.msg_iovlen = 1;
    if (file >= 0) {
        message.msg_control = control.data();
        message.msg_controllen = control.size();
        cmsghdr* part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof file);
        std::memcpy(CMSG_DATA(part), &file, sizeof file);
    }
    (void)::sendmsg(socket, &message, MSG_NOSIGNAL);
}

}  // namespace

Result<std::unique_ptr<Client>> Client::connect(const std::filesystem::path& socket,
                                                std::chrono::seconds patience) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& text = socket.native();
    if (text.empty() || text.size() >= sizeof address.sun_path) {
        return fail(ErrorCode::invalid_argument, "{}: expected a name of 1 to {} octets", text,
                    sizeof address.sun_path - 1);
    }
    std::ranges::copy(text, address.sun_path);
    std::unique_ptr<Client> out(
        new Client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), patience));
    const timeval time{.tv_sec = patience.count(), .tv_usec = 0};
    ::setsockopt(out->socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    ::setsockopt(out->socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    if (::connect(out->socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0) {
        return connect_failure(socket, patience);
    }
    return out;
}

Result<nlohmann::json> Client::ask(const std::string& command, const nlohmann::json& arguments,
                                   int file) {
    using nlohmann::json;
    const json request = {{"version", kSchemaVersion},
                          {"id", ++last_id_},
                          {"command", command},
                          {"arguments", arguments}};
    const std::string line = request.dump() + '\n';
    // A gateway that has closed at once (too many clients) may still have said why.
    send_line(socket_.get(), line, file);
    const auto answer = read_line();
    if (!answer) {
        return tl::unexpected(answer.error());
    }
    const json document = json::parse(*answer, nullptr, false);
    if (!document.is_object() || document.value("version", 0U) != kSchemaVersion ||
        !document.contains("ok")) {
        return fail(ErrorCode::protocol, "the gateway's answer is of another version than {}",
                    kSchemaVersion);
    }
    if (!document.at("ok").get<bool>()) {
        const json& error = document.at("error");
        details_ = error.value("details", json(nullptr));
        return fail(ErrorCode::refused, "{} ({})", error.value("message", ""),
                    error.value("code", ""));
    }
    if (document.at("id") != last_id_) {
        return fail(ErrorCode::protocol, "the gateway has answered another request");
    }
    return document.at("result");
}

Result<std::string> Client::read_line() {
    std::array<char, 65536> buffer;
    while (true) {
        const size_t end = input_.find('\n');
        if (end != std::string::npos) {
            std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            return line;
        }
        const ssize_t length = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (length == 0) {
            return fail(ErrorCode::unavailable, "the gateway has closed the connection");
        }
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return no_answer(patience_);
        }
        if (length < 0 && errno != EINTR) {
            return fail(ErrorCode::unavailable, "the gateway has gone: {}", std::strerror(errno));
        }
        input_.append(buffer.data(), static_cast<size_t>(std::max<ssize_t>(length, 0)));
        if (input_.size() > kMaxAnswer) {
            return fail(ErrorCode::protocol, "the gateway's answer does not end");
        }
    }
}

}  // namespace sdg::ctl
