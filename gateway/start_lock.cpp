#include "gateway/start_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "control/log.h"

namespace sdg::gateway {
namespace {

tl::unexpected<Error> held(const config::Restart& settings, std::string_view process) {
    return fail(ErrorCode::already_exists,
                "process {} is the gateway of owner {} in group {}; a second one would end it",
                process, settings.owner, settings.group);
}

// The store, opened next, may say more.
Descriptor without(const std::string& what, int error) {
    log::of("gateway").warn("{}: {}; a second gateway of the same owner would not be noticed", what,
                            std::strerror(error));
    return {};
}

Result<Descriptor> lock_file(const config::Restart& settings) {
    const std::string path = fmt::format("{}.{}.{}.lock", settings.sqlite_file->string(),
                                         settings.group, settings.owner);
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) {
        return without(path, errno);
    }
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            return without(path, errno);
        }
        std::array<char, 16> text{};
        const ssize_t length = ::pread(file.get(), text.data(), text.size(), 0);
        return held(settings, std::string_view(text.data(), length > 0 ? length : 0));
    }
    // For a reader only: who holds it is the kernel's knowledge.
    const std::string pid = std::to_string(::getpid());
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        log::of("gateway").warn("{}: {}", path, std::strerror(errno));
    }
    return file;
}

// Names are short and a server's name is not.
std::string digest_of(const config::Restart& settings) {
    const auto& place = settings.redis->place;
    std::string text =
        fmt::format("{} {} {} {} {} {}", settings.group, settings.owner, place.socket,
                    place.address.to_string(), place.port, settings.redis->prefix);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) {
        return text;
    }
    std::string out;
    for (unsigned i = 0; i < length / 2; ++i) {
        out += fmt::format("{:02x}", digest[i]);
    }
    return out;
}

Result<Descriptor> bind_name(const config::Restart& settings) {
    const std::string name = "sctp-gateway/restart/" + digest_of(settings);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // after a zero: abstract
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 +
                                               std::min(name.size(), sizeof address.sun_path - 1));
    const auto* where = reinterpret_cast<const sockaddr*>(&address);
    Descriptor own(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (own.get() < 0) {
        return without(name, errno);
    }
    if (::bind(own.get(), where, length) == 0) {
        if (::listen(own.get(), SOMAXCONN) != 0) {  // so that others can ask who we are
            return without(name, errno);
        }
        return own;
    }
    if (errno != EADDRINUSE) {
        return without(name, errno);
    }
    Descriptor other(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ucred holder{};
    socklen_t size = sizeof holder;
    if (::connect(other.get(), where, length) != 0 ||
        ::getsockopt(other.get(), SOL_SOCKET, SO_PEERCRED, &holder, &size) != 0) {
        return held(settings, "?");
    }
    if (holder.uid != ::geteuid() && holder.uid != 0) {
        // Not a gateway of ours: nobody else is to keep this one from starting.
        return without(
            fmt::format("{}, held by process {} of user {}", name, holder.pid, holder.uid),
            EADDRINUSE);
    }
    return held(settings, std::to_string(holder.pid));
}

}  // namespace

Result<StartLock> StartLock::take(const config::Restart& settings,
                                  std::chrono::milliseconds patience) {
    constexpr auto kInterval = std::chrono::milliseconds(20);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        auto lock = settings.sqlite_file ? lock_file(settings) : bind_name(settings);
        if (lock) {
            return StartLock(std::move(*lock));
        }
        if (std::chrono::steady_clock::now() >= until) {
            return tl::unexpected(lock.error());
        }
        std::this_thread::sleep_for(kInterval);
    }
}

}  // namespace sdg::gateway
