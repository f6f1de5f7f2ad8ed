#include "tests/unit/restart/redis_server.h"

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace sdg::restart::test {
namespace {

// redis-server tells readiness as systemd wants to hear it: a datagram.
class Notifications {
 public:
    explicit Notifications(const std::string& path)
        : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
        ::unlink(path.c_str());
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        const timeval patience{.tv_sec = 30, .tv_usec = 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~Notifications() { ::close(socket_); }
    Notifications(const Notifications&) = delete;
    Notifications& operator=(const Notifications&) = delete;
    [[nodiscard]] bool wait_until_ready() const {
        std::array<char, 512> text{};
        for (;;) {
            const ssize_t n = ::recv(socket_, text.data(), text.size(), 0);
            if (n < 0) {
                return false;
            }
            if (std::string_view(text.data(), static_cast<size_t>(n)).find("READY=1") !=
                std::string_view::npos) {
                return true;
            }
        }
    }

 private:
    int socket_;
};

}  // namespace

RedisServer::RedisServer(std::vector<std::string> further) : further_(std::move(further)) {
    start();
}

RedisServer::~RedisServer() {
    kill();
}

void RedisServer::start() {
    const std::string notify = (folder_ / "notify").string();
    const Notifications notifications(notify);
    std::vector<std::string> words = {"redis-server",
                                      "--port",
                                      "0",
                                      "--unixsocket",
                                      socket(),
                                      "--dir",
                                      folder_.path().string(),
                                      "--logfile",
                                      (folder_ / "log").string(),
                                      "--supervised",
                                      "systemd",
                                      "--save",
                                      "",
                                      "--appendonly",
                                      "yes",
                                      "--appendfsync",
                                      "always",
                                      "--maxmemory-policy",
                                      "noeviction"};
    words.insert(words.end(), further_.begin(), further_.end());
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::setenv("NOTIFY_SOCKET", notify.c_str(), 1);
        ::execvp("redis-server", arguments.data());
        ::_exit(127);
    }
    ASSERT_TRUE(notifications.wait_until_ready()) << "redis-server does not start";
}

void RedisServer::signal(int number) const {
    ASSERT_GT(pid_, 0);
    ::kill(pid_, number);
}

void RedisServer::kill() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
    }
}

RedisSettings RedisServer::settings() const {
    RedisSettings out;
    out.server = UnixSocket{socket()};
    // Long: the machine may be busy. Tests of time-outs set their own.
    out.connect_timeout = out.command_timeout = std::chrono::seconds(20);
    return out;
}

std::string RedisServer::command(const std::vector<std::string>& words) const {
    std::vector<const char*> starts;
    std::vector<size_t> lengths;
    for (const std::string& word : words) {
        starts.push_back(word.data());
        lengths.push_back(word.size());
    }
    redisContext* context = redisConnectUnix(socket().c_str());
    auto* reply = static_cast<redisReply*>(
        redisCommandArgv(context, static_cast<int>(words.size()), starts.data(), lengths.data()));
    std::string out;
    if (reply == nullptr) {
        ADD_FAILURE() << "redis-server does not answer";
    } else if (reply->type == REDIS_REPLY_ARRAY) {
        for (size_t i = 0; i < reply->elements; ++i) {
            out += std::string(reply->element[i]->str, reply->element[i]->len) + "\n";
        }
    } else if (reply->str != nullptr) {
        out.assign(reply->str, reply->len);
    }
    freeReplyObject(reply);
    redisFree(context);
    return out;
}

}  // namespace sdg::restart::test
