#include "control/restart/redis_connection.h"

#include <csignal>

#include <cerrno>

namespace sdg::restart {
namespace {

timeval as_timeval(std::chrono::milliseconds time) {
    return {.tv_sec = time.count() / 1000, .tv_usec = time.count() % 1000 * 1000};
}

// hiredis writes without MSG_NOSIGNAL: a server that has gone must not end the process.
class NoPipeSignal {
 public:
    NoPipeSignal() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoPipeSignal() {
        const timespec at_once{};
        while (!was_pending_ && sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoPipeSignal(const NoPipeSignal&) = delete;
    NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

ErrorCode code_of_reply(std::string_view text) {
    struct Known {
        std::string_view start;
        ErrorCode code;
    };
    static constexpr Known kKnown[] = {
        {"NOAUTH", ErrorCode::permission_denied},
        {"WRONGPASS", ErrorCode::permission_denied},
        {"NOPERM", ErrorCode::permission_denied},
        {"READONLY", ErrorCode::permission_denied},
        {"OOM", ErrorCode::resource_exhausted},
        {"MISCONF", ErrorCode::resource_exhausted},
        {"WRONGTYPE", ErrorCode::corrupt},
        {"LOADING", ErrorCode::unavailable},
        {"MASTERDOWN", ErrorCode::unavailable},
        {"CLUSTERDOWN", ErrorCode::unavailable},
        {"NOREPLICAS", ErrorCode::unavailable},
        {"BUSY", ErrorCode::timed_out},
        {"ERR invalid password", ErrorCode::permission_denied},
        {"ERR max number of clients", ErrorCode::unavailable},
    };
    for (const Known& known : kKnown) {
        if (text.substr(0, known.start.size()) == known.start) {
            return known.code;
        }
    }
    // An error inside a script is reported with the script's name first.
    for (const Known& known : kKnown) {
        if (text.find(known.start) != std::string_view::npos) {
            return known.code;
        }
    }
    return ErrorCode::io;
}

}  // namespace

std::string_view text_of(const redisReply& reply) {
    const bool is_text = reply.type == REDIS_REPLY_STRING || reply.type == REDIS_REPLY_STATUS ||
                         reply.type == REDIS_REPLY_ERROR;
    return is_text ? std::string_view(reply.str, reply.len) : std::string_view{};
}

std::span<redisReply* const> elements_of(const redisReply& reply) {
    if (reply.type != REDIS_REPLY_ARRAY) {
        return {};
    }
    return {reply.element, reply.elements};
}

std::string RedisConnection::name() const {
    if (const auto* unix_socket = std::get_if<UnixSocket>(&settings_.server)) {
        return "redis at " + unix_socket->path;
    }
    const auto& tcp = std::get<TcpSocket>(settings_.server);
    return fmt::format("redis at {} port {}", tcp.address.to_string(), tcp.port);
}

tl::unexpected<Error> RedisConnection::lost(int system_error) {
    const bool late = context_ && context_->err == REDIS_ERR_IO &&
                      (system_error == EAGAIN || system_error == ETIMEDOUT);
    const std::string reason = !context_ ? "no connection"
                               : late    ? "no answer in time"
                                         : context_->errstr;
    context_.reset();
    return fail(late ? ErrorCode::timed_out : ErrorCode::unavailable, "{}: {}", name(), reason);
}

Result<void> RedisConnection::ensure() {
    if (context_) {
        return {};
    }
    if (not_before_ && clock_.now() < *not_before_) {
        return tl::unexpected(last_failure_);
    }
    auto connected = connect();
    if (!connected) {
        context_.reset();
        not_before_ = clock_.now() + settings_.retry_after;
        last_failure_ = connected.error();
        return connected;
    }
    not_before_.reset();
    ++number_;
    return {};
}

Result<void> RedisConnection::connect() {
    const timeval timeout = as_timeval(settings_.connect_timeout);
    if (const auto* unix_socket = std::get_if<UnixSocket>(&settings_.server)) {
        context_.reset(redisConnectUnixWithTimeout(unix_socket->path.c_str(), timeout));
    } else {
        const auto& tcp = std::get<TcpSocket>(settings_.server);
        context_.reset(redisConnectWithTimeout(tcp.address.to_string().c_str(), tcp.port, timeout));
    }
    if (!context_ || context_->err != 0 ||
        redisSetTimeout(context_.get(), as_timeval(settings_.command_timeout)) != REDIS_OK) {
        return lost(errno);
    }
    return authenticate().and_then([this] { return check_durable(); });
}

Result<void> RedisConnection::authenticate() {
    if (settings_.password.empty()) {
        return {};
    }
    const auto octets = settings_.password.bytes();
    const std::string_view password(reinterpret_cast<const char*>(octets.data()), octets.size());
    const auto reply = settings_.user.empty() ? command({"AUTH", password})
                                              : command({"AUTH", settings_.user, password});
    return reply ? Result<void>{} : tl::unexpected(reply.error());
}

Result<void> RedisConnection::check_durable() {
    if (!settings_.require_durable) {
        return {};
    }
    struct Wanted {
        std::string_view parameter;
        std::string_view value;
    };
    static constexpr Wanted kWanted[] = {
        {"appendonly", "yes"}, {"appendfsync", "always"}, {"maxmemory-policy", "noeviction"}};
    for (const Wanted& wanted : kWanted) {
        const auto reply = command({"CONFIG", "GET", wanted.parameter});
        if (!reply) {
            return fail(reply.error().code, "{} (CONFIG GET, to see whether it is durable)",
                        reply.error().message);
        }
        const auto elements = elements_of(**reply);
        const std::string_view value = elements.size() == 2 ? text_of(*elements[1]) : "unknown";
        if (value != wanted.value) {
            return fail(ErrorCode::invalid_argument,
                        "{}: {} is \"{}\", expected \"{}\": a context could be given out twice",
                        name(), wanted.parameter, value, wanted.value);
        }
    }
    return {};
}

Result<Reply> RedisConnection::command(std::span<const std::string_view> words) {
    if (!context_) {
        return lost(0);
    }
    std::vector<const char*> starts;
    std::vector<size_t> lengths;
    for (const std::string_view word : words) {
        starts.push_back(word.data() == nullptr ? "" : word.data());
        lengths.push_back(word.size());
    }
    Reply reply;
    int system_error = 0;
    {
        const NoPipeSignal no_signal;
        reply.reset(static_cast<redisReply*>(redisCommandArgv(
            context_.get(), static_cast<int>(words.size()), starts.data(), lengths.data())));
        system_error = errno;
    }
    if (!reply) {
        return lost(system_error);
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        return fail(code_of_reply(text_of(*reply)), "{}: {}", name(), text_of(*reply));
    }
    return reply;
}

}  // namespace sdg::restart
